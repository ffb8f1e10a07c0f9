//! mount_setattr(2).

use std::os::fd::{AsRawFd, BorrowedFd};

use bitflags::bitflags;

use crate::{Error, Result};

bitflags! {
    /// The attributes of a mount, as mount_setattr(2) names them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct MountAttr: u64 {
        /// Nothing can be written through this mount.
        const RDONLY = 0x0000_0001;
        /// Set-user-ID bits and file capabilities have no effect.
        const NOSUID = 0x0000_0002;
        /// Device nodes cannot be opened.
        const NODEV = 0x0000_0004;
        /// Programs cannot be executed.
        const NOEXEC = 0x0000_0008;
        /// Access times are never updated.
        const NOATIME = 0x0000_0010;
        /// Access times are always updated.
        const STRICTATIME = 0x0000_0020;
        /// The mask of the access-time settings (`relatime` is zero); must be cleared whole to change one.
        const ATIME = 0x0000_0070;
        /// Access times of directories are not updated.
        const NODIRATIME = 0x0000_0080;
        /// The mount is idmapped (Linux 5.12).
        const IDMAP = 0x0010_0000;
        /// Symbolic links are not followed (Linux 5.10).
        const NOSYMFOLLOW = 0x0020_0000;
    }
}

/// What [`mount_setattr`] changes.
#[derive(Debug, Clone, Copy, Default)]
pub struct MountSetattr<'fd> {
    /// Attributes to set.
    pub set: MountAttr,
    /// Attributes to clear first.
    pub clear: MountAttr,
    /// `MS_SHARED`, `MS_SLAVE`, `MS_PRIVATE` or `MS_UNBINDABLE`; zero keeps the propagation.
    pub propagation: u64,
    /// The user namespace whose id maps an idmapped mount takes; goes with [`MountAttr::IDMAP`].
    pub userns: Option<BorrowedFd<'fd>>,
    /// The whole tree below as well (`AT_RECURSIVE`).
    pub recursive: bool,
}

#[repr(C)]
struct RawMountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes the attributes of the mount that `mount` is open on (any fd, with `AT_EMPTY_PATH`); mount_setattr(2),
/// Linux 5.12.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN` over the mount namespace, or for an attribute locked by a less privileged copy
/// (mount_namespaces(7)); `EINVAL` when `mount` is not the root of a mount, or the file system cannot be idmapped;
/// `ENOSYS` before Linux 5.12.
pub fn mount_setattr(mount: BorrowedFd<'_>, change: &MountSetattr<'_>) -> Result<()> {
    let raw = RawMountAttr {
        attr_set: change.set.bits(),
        attr_clr: change.clear.bits(),
        propagation: change.propagation,
        userns_fd: change.userns.map_or(0, |fd| u64::try_from(fd.as_raw_fd()).unwrap_or(u64::MAX)),
    };
    let recursive = if change.recursive { libc::AT_RECURSIVE } else { 0 };
    let flags = libc::AT_EMPTY_PATH | recursive;
    // SAFETY: the path is an empty C string and `raw` a mount_attr of the size given; both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const raw,
            size_of::<RawMountAttr>(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    Err(Error::from_io(format!("mount_setattr({}, {change:?})", mount.as_raw_fd()), &error))
}
