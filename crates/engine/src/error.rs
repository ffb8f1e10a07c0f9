//! What a person is told when something failed.

use std::fmt;

pub use holm_runtime::{Error, STATUS_FAILED};

use crate::options::Invalid;

/// The result of what the engine does.
pub type Result<T> = std::result::Result<T, Error>;

/// The refusal of an option's value.
pub fn refused_option(option: &str, invalid: &Invalid) -> Error {
    Error::new(format!("{option} cannot be taken as it is"))
        .with_cause(invalid.cause())
        .with_some_hint(invalid.hint().map(Into::into))
}

/// Gives a failure of a lower layer the words for what was tried.
pub(crate) trait Because<T> {
    /// Says what was tried; the closure runs only when it failed.
    fn because<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: fmt::Display> Because<T> for std::result::Result<T, E> {
    fn because<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|cause| Error::new(what()).with_cause(cause))
    }
}
