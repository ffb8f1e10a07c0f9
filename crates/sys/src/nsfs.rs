//! ioctl_ns(2): what a namespace says of itself.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::{CloneFlags, Errno, Error, Result};

const NS_GET_USERNS: libc::c_ulong = 0xb701;
const NS_GET_PARENT: libc::c_ulong = 0xb702;
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;
const NS_GET_OWNER_UID: libc::c_ulong = 0xb704;

/// The user namespace that owns `namespace` (`NS_GET_USERNS`, Linux 4.9).
///
/// # Errors
///
/// `EPERM` when the owner is outside the caller's own user namespace, `ENOTTY` when the fd is no namespace.
pub fn ns_get_userns(namespace: BorrowedFd<'_>) -> Result<OwnedFd> {
    descriptor(namespace, NS_GET_USERNS, "NS_GET_USERNS")
}

/// The parent of a user or PID namespace (`NS_GET_PARENT`, Linux 4.9).
///
/// # Errors
///
/// `EPERM` when the parent is outside what the caller can see, `EINVAL` for a kind without a hierarchy.
pub fn ns_get_parent(namespace: BorrowedFd<'_>) -> Result<OwnedFd> {
    descriptor(namespace, NS_GET_PARENT, "NS_GET_PARENT")
}

/// The kind of `namespace` as its one `CLONE_NEW*` flag (`NS_GET_NSTYPE`, Linux 4.11).
///
/// # Errors
///
/// `ENOTTY` when the fd is no namespace.
pub fn ns_get_nstype(namespace: BorrowedFd<'_>) -> Result<CloneFlags> {
    // SAFETY: NS_GET_NSTYPE takes no argument.
    let kind = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_NSTYPE) };
    let kind = u64::try_from(kind).map_err(|_| last_error("NS_GET_NSTYPE", namespace))?;
    CloneFlags::from_bits(kind).ok_or_else(|| Error::new("ioctl(NS_GET_NSTYPE)", Errno::INVAL))
}

/// The uid, as the caller sees it, of who made a user namespace (`NS_GET_OWNER_UID`, Linux 4.11).
///
/// # Errors
///
/// `EINVAL` when it is not a user namespace, `ENOTTY` when the fd is no namespace.
pub fn ns_get_owner_uid(namespace: BorrowedFd<'_>) -> Result<u32> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: NS_GET_OWNER_UID writes one uid_t to the pointer, which is live for the call.
    let result = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_OWNER_UID, &raw mut uid) };
    if result == 0 { Ok(uid) } else { Err(last_error("NS_GET_OWNER_UID", namespace)) }
}

fn descriptor(namespace: BorrowedFd<'_>, request: libc::c_ulong, name: &str) -> Result<OwnedFd> {
    // SAFETY: this request takes no argument and answers with a new descriptor or -1.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), request) };
    if fd < 0 {
        return Err(last_error(name, namespace));
    }
    // SAFETY: the descriptor is new (the kernel opens it close-on-exec), so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn last_error(request: &str, namespace: BorrowedFd<'_>) -> Error {
    let error = std::io::Error::last_os_error();
    Error::from_io(format!("ioctl({}, {request})", namespace.as_raw_fd()), &error)
}
