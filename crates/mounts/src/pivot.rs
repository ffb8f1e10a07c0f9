//! pivot_root(2).

use std::os::fd::{AsRawFd, BorrowedFd};

use holm_sys::{Context, Result};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{chdir, fchdir, pivot_root};

/// Makes the mount that `root` is open on the root of this mount namespace, and detaches the old one: afterwards
/// nothing of it can be reached by a path. The trick of pivot_root(".", ".") is in pivot_root(2), "NOTES": no
/// directory has to be made for the old root.
///
/// # Errors
///
/// `EINVAL` when `root` is not the root of a mount, or shares its propagation with its parent; `EPERM` without
/// `CAP_SYS_ADMIN`.
pub fn pivot_into(root: BorrowedFd<'_>) -> Result<()> {
    fchdir(root).call(|| format!("fchdir({})", root.as_raw_fd()))?;
    pivot_root(".", ".").call(|| "pivot_root(\".\", \".\")")?;
    // The old root is now on top of the new one, and the working directory is in the old one.
    unmount(".", UnmountFlags::DETACH).call(|| "umount2(\".\", MNT_DETACH)")?;
    chdir("/").call(|| "chdir(\"/\")")
}
