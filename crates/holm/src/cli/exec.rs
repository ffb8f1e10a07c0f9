//! `holm exec`.

use clap::Args;
use holm_engine::options::{ContainerName, ExecOptions};
use holm_engine::{Engine, Result};

use super::process::ProcessArgs;
use super::streams::StreamArgs;
use holm_oci::output::Narrator;

/// Run a further command in a container
///
/// The command has all namespaces of the container and its cgroup, and runs as the user and with the privileges that
/// the container was started with, unless other ones are said. The exit status is as for `holm run`.
#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    streams: StreamArgs,

    #[command(flatten)]
    process: ProcessArgs,

    /// Give all capabilities
    #[arg(long)]
    privileged: bool,

    /// The container
    name: ContainerName,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<String>,
}

impl Exec {
    pub(super) fn execute(mut self, narrator: &mut Narrator) -> Result<u8> {
        let options = ExecOptions {
            name: self.name,
            command: self.command,
            environment: self.process.take_environment()?,
            user: self.process.user,
            workdir: self.process.workdir,
            streams: self.streams.to_streams(),
            privileged: self.privileged,
        };
        Engine::open()?.exec(&options, narrator)
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command, Lazy};
    use clap::Parser;

    #[test]
    fn the_command_comes_after_the_name() {
        for words in [&["web", "--", "sh", "-c", "id"][..], &["-it", "web", "sh", "-c", "id"]] {
            let cli = Cli::try_parse_from(["holm", "exec"].iter().chain(words)).unwrap();
            let Command::Exec(Lazy(exec)) = cli.command else { panic!() };
            assert_eq!((exec.name.as_str(), exec.command.join(" ").as_str()), ("web", "sh -c id"));
        }
        assert!(Cli::try_parse_from(["holm", "exec", "web"]).is_err());
    }
}
