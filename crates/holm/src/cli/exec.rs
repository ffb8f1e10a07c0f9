//! `holm exec`.

use std::path::PathBuf;

use clap::Args;
use holm_engine::options::{ContainerName, ExecOptions, UserSpec, Variable, read_env_file};
use holm_engine::{Engine, Result};

use super::streams::StreamArgs;
use crate::output::Narrator;

/// Run a further command in a container
///
/// The command has all namespaces of the container and its cgroup, and runs as the user and with the privileges that
/// the container was started with, unless other ones are said. The exit status is as for `holm run`.
#[derive(Debug, Args)]
pub(super) struct Exec {
    #[command(flatten)]
    streams: StreamArgs,

    /// Run as this user, by names or ids of the container
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<UserSpec>,

    /// Start in this directory
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<PathBuf>,

    /// Set a variable of the environment, or copy one
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Variable>,

    /// Set the variables in this file, one on a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,

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
    pub(super) fn execute(self, narrator: &mut Narrator) -> Result<u8> {
        let mut environment = Vec::new();
        for path in &self.env_file {
            environment.extend(read_env_file(path)?);
        }
        environment.extend(self.env);
        let options = ExecOptions {
            name: self.name,
            command: self.command,
            user: self.user,
            workdir: self.workdir,
            environment,
            streams: self.streams.to_streams(),
            privileged: self.privileged,
        };
        Engine::open()?.exec(&options, narrator)
    }
}

#[cfg(test)]
mod tests {
    use crate::cli::{Cli, Command};
    use clap::Parser;

    #[test]
    fn the_command_comes_after_the_name() {
        for words in [&["web", "--", "sh", "-c", "id"][..], &["-it", "web", "sh", "-c", "id"]] {
            let cli = Cli::try_parse_from(["holm", "exec"].iter().chain(words)).unwrap();
            let Command::Exec(exec) = cli.command else { panic!() };
            assert_eq!((exec.name.as_str(), exec.command.join(" ").as_str()), ("web", "sh -c id"));
        }
        assert!(Cli::try_parse_from(["holm", "exec", "web"]).is_err());
    }
}
