//! The error that a person sees, and the one that a step has.

use std::fmt;

use holm_plan::Phase;
use serde::{Deserialize, Serialize};

/// The exit status of Docker and Podman for a failure of their own.
pub const STATUS_FAILED: u8 = 125;
/// The command could not be executed.
pub const STATUS_NOT_EXECUTABLE: u8 = 126;
/// The command was not found.
pub const STATUS_NOT_FOUND: u8 = 127;

/// What was tried, what came in between, what to do; and with which status the program ends, as Docker has them:
/// 125 when Holm itself failed, 126 when the command cannot be run, 127 when it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    what: String,
    cause: Option<String>,
    hint: Option<String>,
    status: u8,
}

impl Error {
    /// Says what was tried, as in "cannot ...".
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None, hint: None, status: STATUS_FAILED }
    }

    /// Says what came in between: what the kernel, or whoever was asked, said.
    #[must_use]
    pub fn with_cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        self.with_some_hint(Some(hint.into()))
    }

    /// Says what to do about it, where somebody knows.
    #[must_use]
    pub fn with_some_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// Sets the status that the program ends with.
    #[must_use]
    pub fn with_status(mut self, status: u8) -> Self {
        self.status = status;
        self
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

/// The result of what the runtime does.
pub type Result<T> = std::result::Result<T, Error>;

/// Gives a failure of a lower layer the words for what was tried.
pub trait Because<T> {
    /// Says what was tried; the closure runs only when it failed.
    ///
    /// # Errors
    ///
    /// The failure, as the cause of what was tried.
    fn because<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: fmt::Display> Because<T> for std::result::Result<T, E> {
    fn because<S: Into<String>>(self, what: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|cause| Error::new(what()).with_cause(cause))
    }
}

/// Why a step failed. It travels between processes as it is, and becomes text only where a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepError {
    /// The call and what the kernel said.
    pub(crate) cause: String,
    /// The error number, for the hint.
    pub(crate) errno: Option<i32>,
    /// What to do, where the step itself knows.
    pub(crate) hint: Option<String>,
}

impl StepError {
    /// An error without a system call.
    pub(crate) fn new(cause: impl Into<String>) -> Self {
        Self { cause: holm_sys::shortened(cause.into()), errno: None, hint: None }
    }

    /// Adds what to do.
    pub(crate) fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error number.
    pub(crate) fn errno(&self) -> Option<holm_sys::Errno> {
        self.errno.map(holm_sys::Errno::from_raw_os_error)
    }
}

impl From<holm_sys::Error> for StepError {
    fn from(error: holm_sys::Error) -> Self {
        Self { errno: Some(error.errno().raw_os_error()), cause: error.to_string(), hint: None }
    }
}

impl From<holm_cgroups::Error> for StepError {
    fn from(error: holm_cgroups::Error) -> Self {
        Self { hint: error.hint().map(Into::into), errno: None, cause: full(&error) }
    }
}

/// An error with those behind it.
pub(crate) fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// What a process of the container says when it cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Failure {
    /// A step failed.
    Step {
        /// In which phase.
        phase: Phase,
        /// Which step of it, from 0.
        index: usize,
        /// Why.
        error: StepError,
    },
    /// The command cannot be run.
    Command {
        /// 126 or 127.
        status: u8,
        /// Why.
        error: StepError,
    },
    /// A hook at the start failed.
    Hook {
        /// Which.
        what: String,
        /// Why.
        error: StepError,
    },
    /// Something else on the way.
    Other {
        /// What was tried.
        what: String,
        /// Why.
        error: StepError,
    },
}

impl From<holm_spec::Error> for Error {
    fn from(error: holm_spec::Error) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let hint = error.hint();
        Self { cause: source, hint, ..Self::new(error.to_string()) }
    }
}

impl From<holm_plan::Error> for Error {
    fn from(error: holm_plan::Error) -> Self {
        Self { cause: Some(error.cause), hint: error.hint, ..Self::new(format!("cannot {}", error.what)) }
    }
}

impl From<holm_state::Error> for Error {
    fn from(error: holm_state::Error) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let hint = error.hint();
        Self { cause: source, hint, ..Self::new(error.to_string()) }
    }
}

impl From<holm_namespaces::Error> for StepError {
    fn from(error: holm_namespaces::Error) -> Self {
        Self { errno: error.errno().map(holm_sys::Errno::raw_os_error), cause: error.to_string(), hint: None }
    }
}

impl From<holm_namespaces::idmap::ProgramError> for StepError {
    fn from(error: holm_namespaces::idmap::ProgramError) -> Self {
        Self::new(error.to_string()).hinting(error.hint())
    }
}
