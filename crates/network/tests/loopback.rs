//! The loopback interface of new network namespaces, each made together with a user namespace that may change it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;

use holm_network::loopback_up;
use holm_sys::{CloneFlags, Errno, set_link_up};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

fn main() {
    const OWN: CloneFlags = CloneFlags::NEWUSER.union(CloneFlags::NEWNET);
    holm_testing::run(&[
        ("loopback_answers", OWN, loopback_answers),
        ("a_unix_socket_will_do", OWN, || will_do(AddressFamily::UNIX)),
        ("an_internet_socket_will_do", OWN, || will_do(AddressFamily::INET)),
        ("an_internet_6_socket_will_do", OWN, || will_do(AddressFamily::INET6)),
        ("a_netlink_socket_will_do", OWN, || will_do(AddressFamily::NETLINK)),
        ("another_name_is_refused", OWN, another_name_is_refused),
        // The new user namespace has no power over the network namespace that was there before.
        ("without_power", CloneFlags::NEWUSER, without_power),
    ]);
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

fn will_do(family: AddressFamily) {
    assert!(!is_up());
    match socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None) {
        Ok(socket) => set_link_up(socket.as_fd(), "lo").unwrap(),
        Err(Errno::AFNOSUPPORT) => holm_testing::skip("the kernel has no such sockets"),
        Err(e) => panic!("{e}"),
    }
    assert!(is_up());
}

fn another_name_is_refused() {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    assert_eq!(set_link_up(socket.as_fd(), "none").unwrap_err().errno(), Errno::NODEV);
    assert_eq!(set_link_up(socket.as_fd(), "sixteen-bytes-xx").unwrap_err().errno(), Errno::NAMETOOLONG);
}

fn without_power() {
    assert_eq!(loopback_up().unwrap_err().errno(), Errno::PERM);
}
