//! The loopback interface.

use std::os::fd::{AsFd, OwnedFd};

use holm_sys::{Context, Errno, Result, set_link_up};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// The families whose sockets are tried: netdevice(7) asks for any. AF_UNIX is there on every kernel; the others are
/// for a seccomp filter that refuses it.
const FAMILIES: [(AddressFamily, &str); 4] = [
    (AddressFamily::UNIX, "AF_UNIX"),
    (AddressFamily::INET, "AF_INET"),
    (AddressFamily::INET6, "AF_INET6"),
    (AddressFamily::NETLINK, "AF_NETLINK"),
];

/// Brings `lo` up in the network namespace of the calling thread; the kernel then gives it 127.0.0.1 and ::1 itself.
/// No harm when it is up already.
///
/// Needs `CAP_NET_ADMIN` in the user namespace that owns the network namespace. IPv4 need not be in the kernel.
///
/// # Errors
///
/// `EPERM` without the capability; else what socket(2) or netdevice(7) say.
pub fn loopback_up() -> Result<()> {
    set_link_up(any_socket()?.as_fd(), "lo")
}

/// A socket of the first family that may be had; the error is that of the first.
fn any_socket() -> Result<OwnedFd> {
    let mut first = Err(Errno::AFNOSUPPORT).call(|| "socket(AF_UNSPEC)");
    for (at, (family, name)) in FAMILIES.into_iter().enumerate() {
        let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
            .call(|| format!("socket({name}, SOCK_DGRAM | SOCK_CLOEXEC, 0)"));
        if socket.is_ok() {
            return socket;
        }
        if at == 0 {
            first = socket;
        }
    }
    first
}
