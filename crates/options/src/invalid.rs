//! Why a value is not one that an option takes.

use holm_runtime::Error;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Invalid {
    cause: String,
    hint: Option<String>,
}

impl Invalid {
    /// Says what is wrong.
    pub fn new(cause: impl Into<String>) -> Self {
        Self { cause: cause.into(), hint: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// The refusal of an option's value.
pub fn refused(option: &str, invalid: &Invalid) -> Error {
    Error::new(format!("{option} cannot be taken as it is"))
        .with_cause(invalid.cause())
        .with_some_hint(invalid.hint().map(Into::into))
}
