//! netdevice(7): the flags of a network interface.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::{Errno, Error, Result};

/// Brings the interface `name` up, by `SIOCGIFFLAGS` and `SIOCSIFFLAGS` on `socket` (any socket of
/// the network namespace meant: the kernel answers them for every family).
///
/// # Errors
///
/// `ENODEV` when there is no such interface, `EPERM` without `CAP_NET_ADMIN` over the network namespace,
/// `ENAMETOOLONG` for a name of 16 bytes or more.
pub fn set_link_up(socket: BorrowedFd<'_>, name: &str) -> Result<()> {
    if name.len() >= libc::IFNAMSIZ {
        return Err(Error::new(format!("ioctl(SIOCGIFFLAGS, {name:?})"), Errno::NAMETOOLONG));
    }
    // SAFETY: ifreq is a plain C struct for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    // SAFETY: SIOCGIFFLAGS reads `ifr_name`, which ends with a NUL (length checked above), and writes `ifru_flags`.
    let got = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) };
    check(got, "SIOCGIFFLAGS", name)?;
    // SAFETY: the kernel has just written this field of the union, and every bit pattern of it is a number.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    let up = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    request.ifr_ifru.ifru_flags = flags | up;
    // SAFETY: SIOCSIFFLAGS reads the name and the flags, both set above.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    check(set, "SIOCSIFFLAGS", name)
}

fn check(result: libc::c_int, operation: &str, name: &str) -> Result<()> {
    if result == 0 {
        return Ok(());
    }
    Err(Error::from_io(format!("ioctl({operation}, {name:?})"), &std::io::Error::last_os_error()))
}
