//! The loopback interface of new network namespaces, each made together with a user namespace that may change it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::panic::UnwindSafe;

use holm_network::loopback_up;
use holm_sys::{CloneFlags, CloneRequest, Errno, Forked, clone3, exit_now, set_link_up};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() {
    let tests: [(&str, fn()); 3] = [
        ("loopback_answers", loopback_answers),
        ("every_family_of_sockets_will_do", every_family_of_sockets_will_do),
        ("another_name_is_refused", another_name_is_refused),
    ];
    for (name, test) in tests {
        if in_new_namespaces(name, CloneFlags::NEWUSER | CloneFlags::NEWNET, test) {
            println!("test {name} ... ok");
        }
    }
    // The new user namespace has no power over the network namespace that was there before.
    if in_new_namespaces("without_power", CloneFlags::NEWUSER, without_power) {
        println!("test without_power ... ok");
    }
}

/// Runs `test` in a child in new namespaces; false when they cannot be had.
fn in_new_namespaces(name: &str, flags: CloneFlags, test: impl FnOnce() + UnwindSafe) -> bool {
    match clone3(&CloneRequest { flags, cgroup: None }) {
        Ok(Forked::Child) => {
            let passed = std::panic::catch_unwind(test).is_ok();
            exit_now(u8::from(!passed));
        }
        Ok(Forked::Parent { pidfd, .. }) => {
            let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap().unwrap();
            assert_eq!(status.exit_status(), Some(0), "{name}");
            true
        }
        Err(e) => {
            assert!(std::env::var_os("HOLM_TEST_NO_SKIP").is_none(), "{name} may not be skipped: {e}");
            eprintln!("skipped: {name}: {e}");
            false
        }
    }
}

fn is_up() -> bool {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    match socket.send_to(b"x", "127.0.0.1:9") {
        Ok(_) => true,
        Err(e) if e.kind() == ErrorKind::NetworkUnreachable => false,
        Err(e) => panic!("{e}"),
    }
}

fn loopback_answers() {
    assert!(!is_up());
    loopback_up().unwrap();
    assert!(is_up());
    let (one, two) = (UdpSocket::bind("127.0.0.1:4000").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    two.send_to(b"island", "127.0.0.1:4000").unwrap();
    let mut buffer = [0; 16];
    let (length, from) = one.recv_from(&mut buffer).unwrap();
    assert_eq!((buffer.get(..length).unwrap(), from), (&b"island"[..], two.local_addr().unwrap()));

    let listener = TcpListener::bind("127.0.0.1:4000").unwrap();
    let mut client = TcpStream::connect("127.0.0.1:4000").unwrap();
    let (mut server, _) = listener.accept().unwrap();
    client.write_all(b"water").unwrap();
    drop(client);
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "water");
    loopback_up().unwrap();
}

fn every_family_of_sockets_will_do() {
    for family in [AddressFamily::UNIX, AddressFamily::INET, AddressFamily::INET6, AddressFamily::NETLINK] {
        in_new_namespaces(&format!("{family:?}"), CloneFlags::NEWNET, || {
            assert!(!is_up());
            match socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None) {
                Ok(socket) => set_link_up(socket.as_fd(), "lo").unwrap(),
                Err(e) => return assert_eq!(e, Errno::AFNOSUPPORT),
            }
            assert!(is_up());
        });
    }
}

fn another_name_is_refused() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    assert_eq!(set_link_up(socket.as_fd(), "none").unwrap_err().errno(), Errno::NODEV);
    assert_eq!(set_link_up(socket.as_fd(), "sixteen-bytes-xx").unwrap_err().errno(), Errno::NAMETOOLONG);
}

fn without_power() {
    assert_eq!(loopback_up().unwrap_err().errno(), Errno::PERM);
}
