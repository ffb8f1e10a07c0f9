//! What a person is told when something failed.

use std::fmt;

use crate::options::Invalid;

/// The result of what the engine does.
pub type Result<T> = std::result::Result<T, Error>;

/// What was tried, what came in between, what to do; and with which status the program ends, as Docker has them:
/// 125 when Holm itself failed, 126 when the command cannot be run, 127 when it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    cause: Option<String>,
    hint: Option<String>,
    status: u8,
}

/// Holm itself failed.
pub const STATUS_FAILED: u8 = 125;

impl Error {
    /// Says what was tried.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, hint: None, status: STATUS_FAILED }
    }

    /// Says what came in between.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Sets the status that the program ends with.
    #[must_use]
    pub fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The refusal of an option's value.
    pub fn of_option(option: &str, invalid: &Invalid) -> Self {
        let error = Self::new(format!("{option} cannot be taken as it is")).with_cause(invalid.cause());
        invalid.hint().map_or(error.clone(), |hint| error.with_hint(hint))
    }

    /// What was tried.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// What came in between.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The status that the program ends with.
    pub fn status(&self) -> u8 {
        self.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(f, "{}: {cause}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for Error {}

impl From<holm_runtime::Error> for Error {
    fn from(error: holm_runtime::Error) -> Self {
        let told = Self::new(error.to_string()).with_status(error.status());
        Self { cause: error.cause().map(str::to_owned), hint: error.hint().map(str::to_owned), ..told }
    }
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
