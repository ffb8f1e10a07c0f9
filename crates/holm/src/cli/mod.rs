//! The commands.

mod completions;
mod exec;
mod process;
mod ps;
mod resources;
mod run;
mod stop;
mod streams;

use clap::{ArgAction, Parser, Subcommand};
use holm_engine::Result;
use holm_oci::Lazy;
use holm_oci::output::{Narrator, Verbosity};
use holm_runtime::Observer;

/// Containers out of Linux namespaces
///
/// Holm runs commands in containers, as root and as an ordinary user: from this machine's own root, from a directory,
/// or from an image. It needs no daemon and leaves nothing behind.
#[derive(Debug, Parser)]
#[command(
    name = "holm",
    version,
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// Show each step as it is done, with times; twice for more (also HOLM_LOG=steps, HOLM_LOG=debug)
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Run>),
    /// Run a further command in a container
    Exec(Lazy<exec::Exec>),
    /// List the containers
    Ps(Lazy<ps::Ps>),
    /// End containers
    Stop(Lazy<stop::Stop>),
    /// Act as an OCI runtime
    Oci(Box<Lazy<holm_oci::Oci>>),
    /// Print completions for a shell
    Completions(Lazy<completions::Completions>),
}

impl Command {
    /// Whether a process that executes this program can be seen by one that runs in a container.
    fn is_seen_from_inside(&self) -> bool {
        match self {
            Self::Run(run) => run.is_seen_from_inside(),
            Self::Exec(_) => true,
            Self::Oci(oci) => oci.0.is_seen_from_inside(),
            Self::Ps(_) | Self::Stop(_) | Self::Completions(_) => false,
        }
    }
}

impl Cli {
    /// Does what was said, and answers with the exit status.
    pub(crate) fn execute(self) -> Result<u8> {
        let variable = std::env::var("HOLM_LOG").ok();
        let mut narrator = Narrator::new(Verbosity::new(self.verbose, variable.as_deref()));
        if self.command.is_seen_from_inside() {
            holm_runtime::protect_own_program()?;
        }
        if let Some(unknown) = variable.as_deref().filter(|value| !Verbosity::is_known(value)) {
            narrator.note(&format!("HOLM_LOG={unknown} says nothing here: take steps or debug"));
        }
        match self.command {
            Command::Run(run) => run.execute(&mut narrator),
            Command::Exec(exec) => exec.0.execute(&mut narrator),
            Command::Ps(ps) => ps.0.execute(),
            Command::Stop(stop) => stop.0.execute(),
            Command::Oci(oci) => oci.0.execute(&mut narrator),
            Command::Completions(completions) => completions.0.execute(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
