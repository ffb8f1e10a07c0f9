//! Groups made by an ordinary user.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::os::unix::fs::chown;

use common::{Group, LONG, PRUNE, elsewhere, layout, parent, path, pid, shell};
use holm_cgroups::{Cgroup, CgroupPath, CreateOptions, Error, Layout, Version, delegated};

const NOBODY: u32 = 65534;
const DELEGATED: CreateOptions = CreateOptions { delegated_only: true, prune_parents: false };

fn is_alone() -> bool {
    std::env::var_os("HOLM_TEST_ALONE").is_some()
}

#[test]
fn without_delegation_it_is_refused() {
    if !is_alone() && layout().is_none() {
        return;
    }
    if elsewhere("without_delegation_it_is_refused", NOBODY, |_| ()) {
        return;
    }
    let layout = Layout::probe().unwrap();
    assert!(!delegated(&layout).contains(&true));
    for options in [PRUNE, DELEGATED] {
        for path in [path("refused"), CgroupPath::parse("refused").unwrap()] {
            let error = Cgroup::create(&layout, &path, options).unwrap_err();
            assert!(error.is_not_delegated() && error.hint().is_some(), "{error:?}");
        }
    }
}

#[test]
fn what_is_delegated_on_v2_alone_is_used() {
    let test = "what_is_delegated_on_v2_alone_is_used";
    if is_alone() {
        elsewhere(test, NOBODY, |_| ());
        return in_a_delegated_group();
    }
    let Some(layout) = layout() else { return };
    let Some(v2) = layout.v2().cloned() else {
        common::skip::<()>("v2 is not mounted");
        return;
    };
    let v2_only = Layout { hierarchies: vec![v2.clone()] };
    let slice = Group::new(&v2_only, "delegated");
    let directory = v2.mount_point.join(path("delegated").names());
    // systemd makes a group for the user's own processes and delegates the one above.
    let inner = directory.join("session");
    std::fs::create_dir(&inner).unwrap();
    for group in [&directory, &inner] {
        for path in [group.clone(), group.join("cgroup.procs"), group.join("cgroup.subtree_control")] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    assert!(elsewhere(test, NOBODY, |child| {
        std::fs::write(inner.join("cgroup.procs"), child.as_raw_pid().to_string()).unwrap();
    }));
    slice.0.delete(LONG).unwrap();
    assert!(!v2.mount_point.join(parent("delegated").trim_start_matches('/')).exists());
}

fn in_a_delegated_group() {
    let layout = Layout::probe().unwrap();
    let expected: Vec<bool> = layout.hierarchies.iter().map(|h| h.version == Version::V2).collect();
    assert_eq!(delegated(&layout), expected);
    let name = CgroupPath::parse("mine").unwrap();
    if expected.contains(&false) {
        let error = Cgroup::create(&layout, &name, PRUNE).unwrap_err();
        assert!(matches!(error, Error::NotDelegated { .. }), "{error:?}");
    }
    let group = Group(Cgroup::create(&layout, &name, DELEGATED).unwrap());
    let record = group.0.to_record();
    assert_eq!(record.directories.len(), 1);
    let directory = record.directories[0].directory();
    assert_eq!(directory, layout.v2().unwrap().own_directory().unwrap().join("mine"));
    let mut child = shell("WAIT");
    group.0.attach(pid(&child)).unwrap();
    assert_eq!(group.0.processes().unwrap(), [pid(&child)]);
    group.0.kill_all(LONG).unwrap();
    child.wait().unwrap();
    group.0.delete(LONG).unwrap();
    assert!(!directory.exists());
}
