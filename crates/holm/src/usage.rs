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
    match of_value(error) {
        Some(told) => output::print_error(&told),
        None => {
            let _ = error.print();
        }
    }
    ExitCode::from(STATUS_FAILED)
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
