//! The command line of `holm-runtime`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgAction, CommandFactory, Parser};

use crate::commands::Oci;
use crate::output::{Narrator, Verbosity, print_error};
use crate::usage;

/// What runc ends with when it has failed; engines look at the log, and take any other status as the command's own.
const FAILED: u8 = 1;

/// As runc prints it, which is what engines read.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0");

/// Holm's OCI runtime
///
/// Containers out of Linux namespaces, made of bundles as the OCI runtime specification 1.3.0 has them. Engines (Podman,
/// containerd, Docker, CRI-O) call it by its path in place of runc.
#[derive(Debug, Parser)]
#[command(
    name = "holm-runtime",
    version = VERSION,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Program {
    /// Print the version
    #[arg(short, long, action = ArgAction::Version)]
    version: Option<bool>,

    #[command(flatten)]
    oci: Oci,
}

/// The definition of the command line of `holm-runtime`.
pub fn command() -> clap::Command {
    Program::command()
}

/// Runs the command line `args`, the first of which is the program's own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let program = match Program::try_parse_from(args) {
        Ok(program) => program,
        Err(error) => return usage::explain(&error, FAILED),
    };
    let mut narrator = Narrator::new(Verbosity::new(0, std::env::var("HOLM_LOG").ok().as_deref()));
    let failed = program.oci.status_of_failure();
    let seen = program.oci.is_seen_from_inside();
    let protected = if seen { holm_runtime::protect_own_program() } else { Ok(()) };
    match protected.and_then(|()| program.oci.execute(&mut narrator)) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            print_error(&error);
            ExitCode::from(failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Program::command().debug_assert();
    }

    #[test]
    fn the_version_reads_as_engines_expect_it() {
        let text = Program::command().render_version();
        assert!(text.starts_with("holm-runtime version 0."), "{text}");
        assert!(text.contains("\nspec: 1."), "{text}");
    }
}
