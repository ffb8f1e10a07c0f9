//! What mount_setattr(2) does, on kernels before Linux 5.12: by mount(2) through /proc/self/fd, mount by mount.
//!
//! The other functions of this crate come here by themselves where they have to.

use std::collections::HashSet;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;

use holm_sys::{Context, Errno, Error, MountAttr, Result};
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_change, mount_remount};

use crate::{MountEntry, Propagation, fd_path, parse_mountinfo};

/// As [`crate::set_attributes`], of mounts that are attached.
///
/// # Errors
///
/// `EINVAL` for a mount that is in no tree; `EOPNOTSUPP` for attributes that mount(2) does not have (`NOSYMFOLLOW`,
/// `STRICTATIME`, `IDMAP`); `EPERM` for a flag that is locked.
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    set: MountAttr,
    clear: MountAttr,
    recursive: bool,
) -> Result<()> {
    // A remount that does not name it clears it.
    let clear = clear - MountAttr::NOSYMFOLLOW;
    let unknown = (set | clear).difference(PAIRS.iter().fold(MountAttr::ATIME, |all, (attr, _)| all | *attr));
    if !unknown.is_empty() || set.contains(MountAttr::STRICTATIME) {
        return Err(Error::new(format!("mount(MS_REMOUNT|MS_BIND, {set:?})"), Errno::OPNOTSUPP));
    }
    remount(mount, set, clear)?;
    if recursive {
        for entry in below(mount)? {
            reach(&entry, |fd| remount(fd, set, clear))?;
        }
    }
    Ok(())
}

/// As [`crate::set_propagation`].
///
/// # Errors
///
/// As there.
pub fn set_propagation(mount: BorrowedFd<'_>, propagation: Propagation, recursive: bool) -> Result<()> {
    let kind = match propagation {
        Propagation::Private => MountPropagationFlags::PRIVATE,
        Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
        Propagation::Shared => MountPropagationFlags::SHARED,
        Propagation::Unbindable => MountPropagationFlags::UNBINDABLE,
    };
    let flags = if recursive { kind | MountPropagationFlags::REC } else { kind };
    let path = fd_path(mount);
    mount_change(&path, flags).call(|| format!("mount(NULL, {path:?}, {flags:?})"))
}

/// The attributes that mount(2) has as flags.
const PAIRS: [(MountAttr, MountFlags); 6] = [
    (MountAttr::RDONLY, MountFlags::RDONLY),
    (MountAttr::NOSUID, MountFlags::NOSUID),
    (MountAttr::NODEV, MountFlags::NODEV),
    (MountAttr::NOEXEC, MountFlags::NOEXEC),
    (MountAttr::NOATIME, MountFlags::NOATIME),
    (MountAttr::NODIRATIME, MountFlags::NODIRATIME),
];

/// One mount, with the flags in force as the start.
fn remount(mount: BorrowedFd<'_>, set: MountAttr, clear: MountAttr) -> Result<()> {
    let in_force = fs::fstatvfs(mount).call(|| format!("fstatvfs({})", mount.as_raw_fd()))?.f_flag.bits();
    let mut flags = MountFlags::BIND;
    for (attribute, flag) in PAIRS {
        // ST_RDONLY, ST_NOSUID, ... have the values of their MS_ counterparts (statvfs(3)).
        let kept = in_force & u64::from(flag.bits()) != 0 && !clear.contains(attribute);
        if kept || set.contains(attribute) {
            flags |= flag;
        }
    }
    let path = fd_path(mount);
    mount_remount(&path, flags, "").call(|| format!("mount(NULL, {path:?}, MS_REMOUNT|{flags:?})"))
}

/// The mounts below one, the outer before the inner.
fn below(mount: BorrowedFd<'_>) -> Result<Vec<MountEntry>> {
    let text = std::fs::read("/proc/self/mountinfo").call(|| "read(\"/proc/self/mountinfo\")")?;
    let mut entries = parse_mountinfo(&text);
    let mut found = Vec::new();
    let mut parents = HashSet::from([mount_id(mount)?]);
    loop {
        let (inner, rest): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| parents.contains(&e.parent));
        if inner.is_empty() {
            return Ok(found);
        }
        parents = inner.iter().map(|entry| entry.id).collect();
        found.extend(inner);
        entries = rest;
    }
}

/// Opens a mount by its mount point, and makes sure that it is this one. What lies under another mount is seen by nobody.
fn reach(entry: &MountEntry, change: impl Fn(BorrowedFd<'_>) -> Result<()>) -> Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path: &Path = &entry.mount_point;
    let opened = match fs::openat(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT | Errno::ACCESS) => return Ok(()),
        opened => opened.call(|| format!("open({path:?}, O_PATH|O_NOFOLLOW)"))?,
    };
    if mount_id(opened.as_fd())? == entry.id { change(opened.as_fd()) } else { Ok(()) }
}

/// The id of the mount that a descriptor is on (proc_pid_fdinfo(5)).
fn mount_id(fd: BorrowedFd<'_>) -> Result<u32> {
    let path = format!("/proc/self/fdinfo/{}", fd.as_raw_fd());
    let text = std::fs::read_to_string(&path).call(|| format!("read({path:?})"))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| Error::new(format!("read({path:?})"), Errno::INVAL))
}
