//! What is said about a command line that cannot be read.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use holm_options::Invalid;
use holm_runtime::Error;

use crate::output;

/// Prints help or version where they were asked for; else what is wrong, which the program ends with status `failed` for.
pub fn explain(error: &clap::Error, failed: u8) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // Somebody who closes the pipe has seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return ExitCode::from(failed);
    }
    output::print_error(&told(error));
    ExitCode::from(failed)
}

/// What is wrong with a command line, in the form of all other errors.
pub fn told(error: &clap::Error) -> Error {
    of_value(error).unwrap_or_else(|| of_words(error))
}

/// A value that its option does not take, in the words of the option's own parser.
fn of_value(error: &clap::Error) -> Option<Error> {
    let invalid = std::error::Error::source(error)?.downcast_ref::<Invalid>()?;
    let value = text(error, ContextKind::InvalidValue);
    let shown = if value.is_empty() { "\"\"" } else { value };
    let name = name_of(text(error, ContextKind::InvalidArg));
    Some(holm_options::refused(&format!("{name} {shown}"), invalid))
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
    let help = "--help behind the command shows what may be said";
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
