//! A failed system call, in the shape in which strace prints it.

use std::fmt;

use rustix::io::Errno;

use crate::errno;

/// How much of a call is kept, in characters.
const LONGEST_CALL: usize = 1024;

/// The result of a system call.
pub type Result<T> = std::result::Result<T, Error>;

/// A system call that failed: the call with its arguments, and the error number.
///
/// Displays as `openat(3, "etc", O_PATH): ENOENT (No such file or directory)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    call: Box<str>,
    errno: Errno,
}

/// Cuts what is longer than a person reads, and than a packet between processes holds when each character of it is
/// escaped.
pub fn shortened(mut text: String) -> String {
    if text.len() > LONGEST_CALL {
        text = text.chars().take(LONGEST_CALL).chain("...".chars()).collect();
    }
    text
}

impl Error {
    /// An error of `call`, written as `name(arguments)`. What is longer than a person reads is cut: an error has to fit
    /// into a packet between processes.
    pub fn new(call: impl Into<String>, errno: Errno) -> Self {
        Self { call: shortened(call.into()).into_boxed_str(), errno }
    }

    /// The call with its arguments.
    pub fn call(&self) -> &str {
        &self.call
    }

    /// What the kernel answered.
    pub fn errno(&self) -> Errno {
        self.errno
    }

    /// The same for an error of the standard library; one without an error number becomes `EIO`.
    pub fn from_io(call: impl Into<String>, error: &std::io::Error) -> Self {
        Self::new(call, Errno::from_io_error(error).unwrap_or(Errno::IO))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.call, errno::name(self.errno), errno::describe(self.errno))
    }
}

impl std::error::Error for Error {}

/// Gives a bare error number the call that it belongs to.
pub trait Context<T> {
    /// Names the call, as `name(arguments)`; the closure runs only when it failed.
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for std::result::Result<T, Errno> {
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|errno| Error::new(call(), errno))
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Error::from_io(call(), &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_as_strace_prints_it() {
        let error = Error::new("openat(3, \"etc\", O_PATH)", Errno::NOENT);
        assert_eq!(error.to_string(), "openat(3, \"etc\", O_PATH): ENOENT (No such file or directory)");
    }

    #[test]
    fn a_std_error_keeps_its_number() {
        let result = std::fs::metadata("/nowhere/at/all").call(|| "stat(\"/nowhere/at/all\")");
        assert_eq!(result.unwrap_err().errno(), Errno::NOENT);
    }
}
