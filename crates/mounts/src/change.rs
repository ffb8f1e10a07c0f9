//! Changing mounts that are in place.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use holm_sys::{Context, Errno, MountAttr, MountSetattr, Result, mount_setattr};

use rustix::mount::{FsPickFlags, fsconfig_reconfigure, fspick};

use crate::detached::configure;
use crate::{FsOption, Propagation, legacy};

/// Sets and clears attributes of the mount at `mount` (and, with `recursive`, of all below it), by mount_setattr(2)
/// (Linux 5.12); before that, for mounts that are attached, as [`legacy::set_attributes`] does.
///
/// # Errors
///
/// `EPERM` for a flag that is locked (mount_namespaces(7)); before Linux 5.12, what is said there.
pub fn set_attributes(
    mount: BorrowedFd<'_>,
    set: MountAttr,
    clear: MountAttr,
    recursive: bool,
) -> Result<()> {
    if set.is_empty() && clear.is_empty() {
        return Ok(());
    }
    let change = MountSetattr { set, clear, recursive, ..MountSetattr::default() };
    match mount_setattr(mount, &change) {
        Err(error) if error.errno() == Errno::NOSYS => legacy::set_attributes(mount, set, clear, recursive),
        result => result,
    }
}

/// Gives the file system that `mount` is open on other options; fspick(2), fsconfig(2) (Linux 5.2).
///
/// # Errors
///
/// `EINVAL` when `mount` is not the root of a mount, or for an option that the file system does not change; `EPERM` without
/// `CAP_SYS_ADMIN` over the user namespace of the file system.
pub fn reconfigure(mount: BorrowedFd<'_>, options: &[FsOption]) -> Result<()> {
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let context = fspick(mount, "", flags).call(|| format!("fspick({})", mount.as_raw_fd()))?;
    options.iter().try_for_each(|option| configure(context.as_fd(), option))?;
    fsconfig_reconfigure(&context).call(|| "fsconfig(FSCONFIG_CMD_RECONFIGURE)")
}

/// Changes the propagation of the mount at `mount`, and with `recursive` of all below it.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN`; `EINVAL` when `mount` is not the root of a mount.
pub fn set_propagation(mount: BorrowedFd<'_>, propagation: Propagation, recursive: bool) -> Result<()> {
    let change = MountSetattr { propagation: propagation.bits(), recursive, ..MountSetattr::default() };
    match mount_setattr(mount, &change) {
        Err(error) if error.errno() == Errno::NOSYS => legacy::set_propagation(mount, propagation, recursive),
        result => result,
    }
}
