//! A child in a user namespace of its own is born in the v2 group and enters the v1 groups, by what its parent opened.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::os::fd::AsFd;

use common::{Group, LONG, assert_nothing_left, layout, own_groups, path};
use holm_cgroups::{Cgroup, Version};
use holm_sys::{CloneFlags, CloneRequest, Forked, clone3, exit_now};
use rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() {
    holm_testing::run(&[("a_child_is_born_in_its_group", CloneFlags::empty(), a_child_is_born_in_its_group)]);
}

fn a_child_is_born_in_its_group() {
    let Some(layout) = layout() else { holm_testing::skip("there are no groups to be had") };
    let group = Group::new(&layout, "born");
    born(&group.0, &path("born").to_string());
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "born");
}

fn born(group: &Cgroup, path: &str) {
    let v2 = group.v2_dir_fd().unwrap();
    let entrance = group.entrance().unwrap();
    let request = CloneRequest { flags: CloneFlags::NEWUSER, cgroup: v2.as_ref().map(AsFd::as_fd) };
    match clone3(&request).unwrap() {
        Forked::Child => {
            if let Err(e) = entrance.enter() {
                eprintln!("{e}");
                exit_now(1);
            }
            let own: Vec<String> = [own_groups(Version::V1), own_groups(Version::V2)].concat();
            exit_now(if !own.is_empty() && own.iter().all(|own| own == path) { 0 } else { 2 });
        }
        Forked::Parent { pidfd, .. } => {
            let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap().unwrap();
            assert_eq!(status.exit_status(), Some(0));
        }
    }
}
