//! Whose the standard streams are.

use std::os::fd::{AsRawFd, BorrowedFd};

use holm_sys::{Context, Errno};
use rustix::fs::{FileType, Gid, Uid, fchown, fstat};
use rustix::stdio;

use crate::steps::StepResult;

/// Gives the pipes among them to `uid`.
pub(crate) fn give(uid: u32) -> StepResult {
    [stdio::stdin(), stdio::stdout(), stdio::stderr()]
        .into_iter()
        .try_for_each(|stream| give_one(stream, uid))
}

/// A pipe whose owner is not in the user namespace, or that is on a file system that is read-only, stays as it is: it can
/// still be written, if not be opened again.
fn give_one(stream: BorrowedFd<'_>, uid: u32) -> StepResult {
    // It may be closed.
    let Ok(stat) = fstat(stream) else { return Ok(()) };
    if !FileType::from_raw_mode(stat.st_mode).is_fifo() || stat.st_uid == uid {
        return Ok(());
    }
    match fchown(stream, Some(Uid::from_raw(uid)), None::<Gid>) {
        Err(Errno::INVAL | Errno::PERM | Errno::ROFS | Errno::OVERFLOW) => Ok(()),
        result => Ok(result.call(|| format!("fchown({}, {uid})", stream.as_raw_fd()))?),
    }
}
