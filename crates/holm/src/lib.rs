//! The command line of Holm.
//!
//! [`command`] is the one definition of it, which the program and its completions are made from. Each
//! command is a file in `cli/`: what may be said, and what becomes of it.
#![forbid(unsafe_code)]

mod cli;
mod output;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

/// The definition of the command line.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Runs the command line `args`, the first of which is the program's own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli.execute(),
        Err(error) => return usage::explain(&error),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            output::print_error(&error);
            ExitCode::from(error.status())
        }
    }
}
