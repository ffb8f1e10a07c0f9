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
    output::print_error(&of_value(error).unwrap_or_else(|| of_words(error)));
    ExitCode::from(STATUS_FAILED)
}

/// A value that its option does not take, in the words of the option's own parser.
fn of_value(error: &clap::Error) -> Option<Error> {
    let invalid = std::error::Error::source(error)?.downcast_ref::<Invalid>()?;
    let value = text(error, ContextKind::InvalidValue);
    let shown = if value.is_empty() { "\"\"" } else { value };
    let name = name_of(text(error, ContextKind::InvalidArg));
    Some(holm_engine::refused_option(&format!("{name} {shown}"), invalid))
}

fn text(error: &clap::Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        _ => "",
    }
}

/// Of "--volume <SRC:DST>" the option alone; of "\[SIGNAL\]", which has none, the word.
fn name_of(argument: &str) -> String {
    if argument.starts_with('-') {
        return argument.split([' ', '[', '=']).next().unwrap_or_default().to_owned();
    }
    format!("the {}", argument.trim_matches(['[', ']', '<', '>', '.']).to_lowercase())
}

/// What clap says about words that make no command line, in the form of all other errors.
fn of_words(error: &clap::Error) -> Error {
    let rendered = error.render().to_string();
    // The first paragraph; suggestions and the usage follow.
    let lines = rendered.lines().map(str::trim).take_while(|line| !line.is_empty());
    let said = lines.collect::<Vec<_>>().join(" ");
    let cause = said.strip_prefix("error: ").unwrap_or(&said);
    Error::new("the command line cannot be taken as it is").with_cause(cause).with_hint(advice(error))
}

fn advice(error: &clap::Error) -> String {
    let argument = text(error, ContextKind::InvalidArg);
    let help = "holm COMMAND --help shows what may be said";
    if argument.starts_with("--volume") {
        return "behind `run`, -v is a volume; to see the steps write it before: holm -v run".to_owned();
    }
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue] {
        match error.get(kind) {
            Some(ContextValue::String(suggested)) => {
                return format!("{suggested} may have been meant; {help}");
            }
            Some(ContextValue::Strings(several)) if !several.is_empty() => {
                return format!("{} may have been meant; {help}", several.join(" or "));
            }
            _ => {}
        }
    }
    if error.kind() == ErrorKind::UnknownArgument && argument.starts_with('-') && !argument.starts_with("--")
    {
        return format!(
            "if it is the value of an option, write it with =, as in --user={argument}; behind -- it is the command's; {help}"
        );
    }
    help.to_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn told(words: &[&str]) -> Error {
        let words = std::iter::once("holm").chain(words.iter().copied());
        let error = crate::cli::Cli::try_parse_from(words).unwrap_err();
        of_value(&error).unwrap_or_else(|| of_words(&error))
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
