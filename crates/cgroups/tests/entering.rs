//! The way into v1 groups that does not wait for the kernel.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{Group, LONG, assert_nothing_left, layout, own_groups, path};
use holm_cgroups::Version;

#[test]
fn a_thread_enters_by_itself() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "enter");
    let entrance = group.0.entrance().unwrap();
    let groups = std::thread::spawn(move || {
        entrance.enter().unwrap();
        own_groups(Version::V1)
    });
    let groups = groups.join().unwrap();
    assert_eq!(groups.len(), layout.hierarchies.iter().filter(|h| h.version == Version::V1).count());
    for own in groups {
        assert_eq!(own, path("enter").to_string());
    }
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "enter");
}
