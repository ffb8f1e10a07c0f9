//! close_range(2): whole ranges of file descriptors.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Error, Result};

/// The first descriptor behind the standard streams.
const FIRST: u32 = 3;

/// No process has more descriptors (proc(5), /proc/sys/fs/nr_open).
const MOST: u32 = 1 << 20;

/// Which of the first `number` descriptors behind the standard streams are open; they stay so over an exec from now on.
/// Who wants to hand them on asks before it opens anything itself.
pub fn inherit(number: u32) -> Vec<u32> {
    let stays = |fd: &u32| {
        let raw = i32::try_from(*fd).unwrap_or(-1);
        // SAFETY: F_SETFD changes a flag of the descriptor, by number; a number that is not open is an error.
        unsafe { libc::fcntl(raw, libc::F_SETFD, 0) == 0 }
    };
    (FIRST..FIRST + number.min(MOST)).filter(stays).collect()
}

/// Closes every descriptor but the standard streams and `keep`, as close_range(2) (Linux 5.9).
///
/// For a process that was just cloned and will never return to the code that it was copied in: the descriptors of
/// that code (locks, the other ends of sockets) are open here too, and nobody will ever close or use them. In any other
/// process owners of descriptors would be left with numbers that are closed, or stand for something else.
///
/// # Errors
///
/// `ENOSYS` before Linux 5.9.
///
/// Those in `inherited` ([`inherit`]) stay open as well.
pub fn close_all_but(inherited: &[u32], keep: &[BorrowedFd<'_>]) -> Result<()> {
    let own = keep.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok());
    let mut kept: Vec<u32> = own.chain(inherited.iter().copied()).collect();
    kept.sort_unstable();
    let mut next = FIRST;
    for fd in kept.into_iter().filter(|fd| *fd >= FIRST).chain([u32::MAX]) {
        if next < fd {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: closing has no memory effects. The owners of what is closed live in stack frames that this
            // process never returns to, as the documentation asks of the caller.
            let result = unsafe { libc::syscall(libc::SYS_close_range, next, last, 0) };
            check(result, || format!("close_range({next}, {last}, 0)"))?;
        }
        next = fd.saturating_add(1);
    }
    Ok(())
}

fn check(result: libc::c_long, call: impl FnOnce() -> String) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(Error::from_io(call(), &std::io::Error::last_os_error())) }
}
