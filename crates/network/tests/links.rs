//! Devices that move between two network namespaces, which ip(8) makes for the test.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;

use holm_network::Links;
use holm_sys::{CloneFlags, Errno};

fn main() {
    const OWN: CloneFlags = CloneFlags::NEWUSER.union(CloneFlags::NEWNET);
    holm_testing::run(&[
        ("a_device_moves_with_a_new_name", OWN, a_device_moves_with_a_new_name),
        ("its_lasting_addresses_can_be_given_back", OWN, its_lasting_addresses_can_be_given_back),
        ("what_cannot_move_stays", OWN, what_cannot_move_stays),
        ("a_list_of_many_packets", OWN, a_list_of_many_packets),
        ("nothing_changes_without_power", CloneFlags::NEWUSER, nothing_changes_without_power),
    ]);
}

/// Carries out `ip ...`.
fn ip(words: &str) {
    let Ok(output) = Command::new("ip").args(words.split(' ')).output() else {
        holm_testing::skip("there is no ip(8)")
    };
    let error = String::from_utf8_lossy(&output.stderr);
    if error.contains("Unknown device type") || error.contains("not supported") {
        holm_testing::skip("the kernel has no such devices")
    }
    assert!(output.status.success(), "ip {words}: {error}");
}

/// The namespace that this process is in, held open.
fn here() -> File {
    File::open("/proc/self/ns/net").unwrap()
}

/// A second network namespace, which the process is in from now on.
fn another() -> (Links, File) {
    holm_sys::unshare(CloneFlags::NEWNET).unwrap();
    (Links::open().unwrap(), here())
}

fn a_device_moves_with_a_new_name() {
    holm_testing::map_root();
    ip("link add here type veth peer name here-peer");
    ip("link set here mtu 1400 up");
    let mut first = Links::open().unwrap();
    let (mut second, there) = another();
    let link = first.find("here").unwrap().unwrap();
    assert!(link.up);
    assert_eq!(second.find("here").unwrap(), None);
    first.move_to(link.index, "there", there.as_fd()).unwrap();
    assert_eq!(first.find("here").unwrap(), None);
    let link = second.find("there").unwrap().unwrap();
    assert!(!link.up, "the kernel takes it down");
    second.set_up(link.index).unwrap();
    assert!(second.find("there").unwrap().unwrap().up);
    assert_eq!(std::fs::read_to_string("/proc/self/net/dev").unwrap().matches("there").count(), 1);
}

fn its_lasting_addresses_can_be_given_back() {
    holm_testing::map_root();
    ip("link add here type veth peer name here-peer");
    for address in
        ["192.0.2.1/24 brd +", "192.0.2.2/24", "198.51.100.1 peer 203.0.113.1/32", "10.0.0.1/8 scope link"]
    {
        ip(&format!("address add {address} dev here"));
    }
    ip("-6 address add 2001:db8::1/64 dev here nodad");
    ip("-6 address add 2001:db8::2/64 dev here valid_lft 1000 preferred_lft 1000");
    ip("link set here up");
    let mut first = Links::open().unwrap();
    let link = first.find("here").unwrap().unwrap();
    let all = first.addresses(link.index).unwrap();
    let lasting: Vec<_> = all.into_iter().filter(holm_network::Address::is_lasting).collect();
    let texts: Vec<_> = lasting.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["192.0.2.1/24", "198.51.100.1/32", "192.0.2.2/24", "2001:db8::1/64"]);
    let (mut second, there) = another();
    first.move_to(link.index, "there", there.as_fd()).unwrap();
    let moved = second.find("there").unwrap().unwrap();
    assert_eq!(second.addresses(moved.index).unwrap(), []);
    for address in &lasting {
        second.add_address(moved.index, address).unwrap();
    }
    second.set_up(moved.index).unwrap();
    let given = second.addresses(moved.index).unwrap();
    let given: Vec<_> =
        given.iter().filter(|address| address.is_lasting()).map(ToString::to_string).collect();
    assert_eq!(given, texts);
    let error = second.add_address(moved.index, lasting.first().unwrap()).unwrap_err();
    assert_eq!(error.errno(), Errno::EXIST);
    assert_eq!(error.call(), "netlink(RTM_NEWADDR, 192.0.2.1/24)");
}

fn what_cannot_move_stays() {
    holm_testing::map_root();
    ip("link add one type veth peer name one-peer");
    let mut first = Links::open().unwrap();
    let (mut second, there) = another();
    ip("link add two type veth peer name two-peer");
    let lo = first.find("lo").unwrap().unwrap();
    assert_eq!(first.move_to(lo.index, "lo9", there.as_fd()).unwrap_err().errno(), Errno::INVAL);
    assert_eq!(first.move_to(9999, "two", there.as_fd()).unwrap_err().errno(), Errno::NODEV);
    let one = first.find("one").unwrap().unwrap();
    assert_eq!(first.move_to(one.index, "two", there.as_fd()).unwrap_err().errno(), Errno::EXIST);
    // It has moved as it was called, and was not renamed: what the caller has to know.
    let halfway = (first.find("one").unwrap(), second.find("one").unwrap());
    assert!(halfway.0.is_some() != halfway.1.is_some(), "{halfway:?}");
}

fn a_list_of_many_packets() {
    holm_testing::map_root();
    ip("link add here type veth peer name here-peer");
    let mut text = String::new();
    for at in 0..2000 {
        text.push_str(&format!("address add 10.{}.{}.1/24 dev here\n", at / 250, at % 250));
    }
    let file = std::env::temp_dir().join(format!("holm-links-{}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    ip(&format!("-batch {}", file.display()));
    std::fs::remove_file(&file).unwrap();
    let mut links = Links::open().unwrap();
    let index = links.find("here").unwrap().unwrap().index;
    assert_eq!(links.addresses(index).unwrap().len(), 2000);
}

fn nothing_changes_without_power() {
    let mut links = Links::open().unwrap();
    let lo = links.find("lo").unwrap().unwrap();
    assert_eq!(links.set_up(lo.index).unwrap_err().errno(), Errno::PERM);
    assert_eq!(links.find("sixteen-bytes-xx").unwrap_err().errno(), Errno::RANGE);
}
