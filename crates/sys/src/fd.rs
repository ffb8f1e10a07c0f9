//! close_range(2): whole ranges of file descriptors.

use crate::{Error, Result};

const CLOSE_RANGE_CLOEXEC: libc::c_uint = 4;

/// Marks every descriptor from `first` on close-on-exec, as close_range(2) with `CLOSE_RANGE_CLOEXEC`
/// (Linux 5.11).
///
/// # Errors
///
/// `EINVAL` before Linux 5.11.
pub fn set_close_on_exec_from(first: u32) -> Result<()> {
    // SAFETY: with CLOSE_RANGE_CLOEXEC no descriptor is closed, so none that somebody owns becomes invalid.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, CLOSE_RANGE_CLOEXEC) };
    check(result, || format!("close_range({first}, ~0U, CLOSE_RANGE_CLOEXEC)"))
}

/// Closes the standard streams. Nobody owns them in Rust's sense: what the standard library writes to them afterwards
/// is lost, as it is when a caller starts a program without them.
pub fn close_standard_streams() {
    // SAFETY: descriptors 0 to 2 have no OwnedFd; std's handles tolerate EBADF.
    unsafe { libc::syscall(libc::SYS_close_range, 0, 2, 0) };
}

fn check(result: libc::c_long, call: impl FnOnce() -> String) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(Error::from_io(call(), &std::io::Error::last_os_error())) }
}
