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

/// Closes every descriptor from `first` on, as close_range(2) (Linux 5.9).
///
/// # Safety
///
/// No descriptor from `first` on is used again by the caller: all that own or borrow one must be forgotten.
///
/// # Errors
///
/// What close_range(2) says.
pub unsafe fn close_from(first: u32) -> Result<()> {
    // SAFETY: the caller promises that no owner or borrower of a closed descriptor is used again.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    check(result, || format!("close_range({first}, ~0U, 0)"))
}

fn check(result: libc::c_long, call: impl FnOnce() -> String) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(Error::from_io(call(), &std::io::Error::last_os_error())) }
}
