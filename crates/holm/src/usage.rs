//! What is said about a command line that cannot be read.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use holm_engine::options::Invalid;
use holm_engine::{Error, STATUS_FAILED};

use crate::output;

/// Prints help or version where they were asked for; else what is wrong.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Somebody who closes the pipe has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(STATUS_FAILED);
    }
    output::print_error(&of_value(error).unwrap_or_else(|| of_words(&error.render().to_string())));
    ExitCode::from(STATUS_FAILED)
}

/// A command line that has not the form of one, in the words of the parser: what is wrong comes first, then tips, then
/// the usage, with blank lines between.
fn of_words(text: &str) -> Error {
    let mut parts = text.split("\n\n").map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
    let what = parts.next().unwrap_or_default();
    let told = Error::new(what.strip_prefix("error: ").unwrap_or(&what));
    let tip = parts.find_map(|part| part.strip_prefix("tip: ").map(str::to_owned));
    told.with_hint(tip.unwrap_or_else(|| "--help tells what there is".to_owned()))
}

/// A value that its option does not take, in the words of the option's own parser.
fn of_value(error: &clap::Error) -> Option<Error> {
    let invalid = std::error::Error::source(error)?.downcast_ref::<Invalid>()?;
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    // "--volume <SRC:DST>": the name alone.
    let option = text(ContextKind::InvalidArg).split([' ', '[', '=']).next().unwrap_or_default();
    Some(holm_engine::refused_option(&format!("{option} {}", text(ContextKind::InvalidValue)), invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> Error {
        let error = crate::command().try_get_matches_from(words).unwrap_err();
        of_words(&error.render().to_string())
    }

    #[test]
    fn a_word_that_is_unknown_has_the_form_of_every_error() {
        let error = told(&["holm", "run", "--no-such"]);
        assert_eq!(error.what(), "unexpected argument '--no-such' found");
        assert!(error.hint().unwrap().contains("-- --no-such"), "{error:?}");
    }

    #[test]
    fn what_is_missing_is_said_in_one_line() {
        let error = told(&["holm", "exec"]);
        assert_eq!(error.what(), "the following required arguments were not provided: <NAME> <COMMAND>...");
        assert_eq!(error.hint(), Some("--help tells what there is"));
    }
}
