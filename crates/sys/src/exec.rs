//! execve(2), execveat(2) and _exit(2).

use std::ffi::{CStr, CString, NulError};
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_char;

use crate::Error;

/// A list of C strings with the array of pointers that execve(2) wants, made ahead of time so that nothing has to
/// be allocated between the last step and the exec.
pub struct CStrings {
    // The pointers point into these, whose heap blocks do not move when the struct does.
    strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStrings {
    /// Converts `strings`.
    ///
    /// # Errors
    ///
    /// When one of them has a NUL in it.
    pub fn new<S: AsRef<[u8]>>(strings: impl IntoIterator<Item = S>) -> Result<Self, NulError> {
        Ok(Self::of(strings.into_iter().map(|s| CString::new(s.as_ref())).collect::<Result<_, _>>()?))
    }

    /// A copy of these strings, with `words` before them.
    #[must_use]
    pub fn behind(&self, words: impl IntoIterator<Item = CString>) -> Self {
        Self::of(words.into_iter().chain(self.strings.iter().cloned()).collect())
    }

    fn of(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        Self { strings, pointers }
    }
}

/// Becomes another program, as execve(2): returns only when that failed.
pub fn execve(path: &CStr, argv: &CStrings, envp: &CStrings) -> Error {
    // SAFETY: `path` is NUL-terminated; both arrays end with a null pointer and point to C strings that their
    // owners keep alive across the call.
    unsafe { libc::execve(path.as_ptr(), argv.pointers.as_ptr(), envp.pointers.as_ptr()) };
    Error::from_io(format!("execve({path:?})"), &std::io::Error::last_os_error())
}

/// Becomes the program that is open at `fd`, as execveat(2) with `AT_EMPTY_PATH`: returns only when that failed.
pub fn execveat(fd: BorrowedFd<'_>, argv: &CStrings, envp: &CStrings) -> Error {
    // SAFETY: as for `execve`; the path is the empty C string and `fd` is open for as long as it is borrowed.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            fd.as_raw_fd(),
            c"".as_ptr(),
            argv.pointers.as_ptr(),
            envp.pointers.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    Error::from_io(format!("execveat({}, AT_EMPTY_PATH)", fd.as_raw_fd()), &std::io::Error::last_os_error())
}

/// Ends this process at once, as _exit(2): no destructor and no exit handler of what it was copied from runs.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit has no preconditions and does not return.
    unsafe { libc::_exit(i32::from(status)) }
}
