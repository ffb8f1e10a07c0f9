//! The ways into a root: pivot_root(2), a move onto the old one, chroot(2).

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use holm_sys::{Context, Errno, MountAttr, Result};
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::process::{chdir, chroot, fchdir, pivot_root};

use crate::{Detached, MountEntry, parse_mountinfo};

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

/// Makes `root` the root of this process alone: the mount namespace keeps its own.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_CHROOT`.
pub fn chroot_into(root: BorrowedFd<'_>) -> Result<()> {
    fchdir(root).call(|| format!("fchdir({})", root.as_raw_fd()))?;
    chroot(".").call(|| "chroot(\".\")")?;
    chdir("/").call(|| "chdir(\"/\")")
}

/// Moves the mount that `root` is open on over the root of this mount namespace, and makes it this process's: for a root
/// that pivot_root(2) does not take (an initramfs). The old one is still under it, so what of it would be a way to the host's
/// kernel, each mount of proc and sysfs, goes first: nobody gets there who cannot move mounts.
///
/// # Errors
///
/// `EINVAL` when `root` is not the root of a mount, or is on a shared one; `EPERM` without `CAP_SYS_ADMIN`.
pub fn move_into(root: BorrowedFd<'_>) -> Result<()> {
    let text = std::fs::read("/proc/self/mountinfo").call(|| "read(\"/proc/self/mountinfo\")")?;
    let own = fs::readlinkat(CWD, crate::fd_path(root), Vec::new()).call(|| "readlink(root)")?;
    let own = Path::new(OsStr::from_bytes(own.to_bytes()));
    let foreign = |entry: &MountEntry| {
        matches!(entry.fstype.as_str(), "proc" | "sysfs") && !entry.mount_point.starts_with(own)
    };
    for entry in parse_mountinfo(&text).iter().rev().filter(|entry| foreign(entry)) {
        take_away(&entry.mount_point)?;
    }
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(root, "", CWD, "/", flags).call(|| format!("move_mount({}, \"/\")", root.as_raw_fd()))?;
    chroot_into(root)
}

/// Unmounts, or where that is not allowed covers.
fn take_away(place: &Path) -> Result<()> {
    match unmount(place, UnmountFlags::DETACH) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::INVAL | Errno::PERM) => {}
        Err(errno) => return Err(holm_sys::Error::new(format!("umount2({place:?}, MNT_DETACH)"), errno)),
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let target = fs::open(place, flags, Mode::empty()).call(|| format!("open({place:?}, O_PATH)"))?;
    Detached::filesystem_with("tmpfs", Some("covered"), &[], MountAttr::RDONLY)?.attach(target.as_fd())
}
