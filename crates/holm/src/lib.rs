//! The command line of Holm.
//!
//! [`command`] is the one definition of it, which the program and its completions are made from. Each
//! command is a file in `cli/`: what may be said, and what becomes of it.
#![forbid(unsafe_code)]

mod cli;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use holm_engine::STATUS_FAILED;
use holm_oci::output::print_error;
use holm_oci::usage;

/// The definition of the command line.
pub fn command() -> clap::Command {
    cli::Cli::command()
}

/// Runs the command line `args`, the first of which is the program's own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let result = match cli::Cli::try_parse_from(args) {
        Ok(cli) => cli.execute(),
        Err(error) => return usage::explain(&error, STATUS_FAILED),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.status())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use holm_engine::Error;

    use super::*;

    fn told(words: &[&str]) -> Error {
        let words = std::iter::once("holm").chain(words.iter().copied());
        let error = cli::Cli::try_parse_from(words).unwrap_err();
        usage::told(&error)
    }

    #[test]
    fn words_that_are_not_known_have_a_cause_and_a_hint() {
        let error = told(&["run", "--nowhere"]);
        assert_eq!(error.cause(), Some("unexpected argument '--nowhere' found"));
        assert!(error.hint().unwrap().contains("--help"));
        assert!(told(&["run", "--hostnam", "x"]).hint().unwrap().contains("--hostname may have been meant"));
        assert!(told(&["rum"]).hint().unwrap().contains("run may have been meant"));
    }

    #[test]
    fn a_value_that_looks_like_an_option_is_written_behind_an_equals_sign() {
        assert!(told(&["run", "--user", "-1", "id"]).hint().unwrap().contains("--user=-1"));
    }

    #[test]
    fn v_behind_run_is_a_volume() {
        assert!(told(&["run", "-v", "--rootfs", "r", "id"]).hint().unwrap().contains("holm -v run"));
    }

    #[test]
    fn a_value_is_named_with_what_it_is_for() {
        assert!(told(&["oci", "kill", "x", "NOPE"]).what().starts_with("the signal NOPE cannot"));
        assert!(told(&["run", "--net", "", "id"]).what().starts_with("--net \"\" cannot"));
        assert!(told(&["run", "-v", "x", "id"]).what().starts_with("--volume x cannot"));
    }
}
