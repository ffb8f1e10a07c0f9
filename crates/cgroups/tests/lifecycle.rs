//! Groups on the hierarchies of this machine, from their making to their end.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use common::{
    Group, LONG, PRUNE, SHORT, assert_nothing_left, directories, layout, parent, path, pid, shell, sleeper,
};
use holm_cgroups::{
    Cgroup, CgroupPath, CreateOptions, Error, FreezerState, Hierarchy, Layout, Record, Version,
};
use rustix::process::Signal;

#[test]
fn a_group_lives_and_dies_in_every_hierarchy() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "life");
    for directory in directories(&layout, "life") {
        assert!(directory.is_dir(), "{directory:?}");
    }
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    let inside = Layout::parse(
        &std::fs::read("/proc/self/mountinfo").unwrap(),
        &std::fs::read(format!("/proc/{}/cgroup", child.id())).unwrap(),
    );
    for hierarchy in &inside.hierarchies {
        assert_eq!(hierarchy.own_path, path("life").to_string(), "{hierarchy}");
    }
    assert!(group.0.processes().unwrap().contains(&pid(&child)));
    let errors = match group.0.delete(SHORT).unwrap_err() {
        Error::Several(errors) => errors,
        error => vec![error],
    };
    assert!(errors.iter().all(|e| matches!(e, Error::Busy { .. })), "{errors:?}");
    assert_eq!(errors.len(), layout.hierarchies.len());
    group.0.kill_all(LONG).unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    group.0.wait_empty(LONG).unwrap();
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "life");
    group.0.delete(LONG).unwrap();
    group.0.kill_all(LONG).unwrap();
    assert!(group.0.processes().unwrap().is_empty());
}

#[test]
fn a_record_brings_the_group_back() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "record");
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    let text = serde_json::to_string(&group.0.to_record()).unwrap();
    let record: Record = serde_json::from_str(&text).unwrap();
    assert_eq!(record, group.0.to_record());
    let again = Cgroup::from_record(&record).unwrap();
    assert_eq!(again.processes().unwrap(), group.0.processes().unwrap());
    again.kill_all(LONG).unwrap();
    // Not reaped yet: a zombie does not keep a group.
    again.delete(LONG).unwrap();
    child.wait().unwrap();
    assert_nothing_left(&layout, "record");
}

#[test]
fn what_the_container_made_below_goes_too() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "nested");
    for directory in directories(&layout, "nested") {
        for side in ["a", "b", "c d", "e/f/g"] {
            std::fs::create_dir_all(directory.join(side)).unwrap();
        }
        let deep: PathBuf = std::iter::repeat_n("d", 60).collect();
        std::fs::create_dir_all(directory.join(deep)).unwrap();
    }
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "nested");
}

#[test]
fn processes_in_groups_below_are_found_and_killed() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "below");
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    for directory in directories(&layout, "below") {
        let below = directory.join("below");
        std::fs::create_dir(&below).unwrap();
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(value) = std::fs::read(directory.join(file))
                && below.join(file).exists()
            {
                std::fs::write(below.join(file), value).unwrap();
            }
        }
        std::fs::write(below.join("cgroup.procs"), child.id().to_string()).unwrap();
    }
    assert!(group.0.processes().unwrap().contains(&pid(&child)));
    group.0.kill_all(LONG).unwrap();
    group.0.delete(LONG).unwrap();
    child.wait().unwrap();
    assert_nothing_left(&layout, "below");
}

#[test]
fn a_relative_path_is_below_the_own_group() {
    let Some(layout) = layout() else { return };
    let name = CgroupPath::parse(parent("relative").strip_prefix('/').unwrap()).unwrap();
    let group = Group(Cgroup::create(&layout, &name, PRUNE).unwrap());
    let groups: Vec<PathBuf> =
        layout.hierarchies.iter().map(|h| h.own_directory().unwrap().join(name.names())).collect();
    assert!(groups.iter().all(|directory| directory.is_dir()), "{groups:?}");
    group.0.delete(LONG).unwrap();
    assert!(!groups.iter().any(|directory| directory.exists()), "{groups:?}");
    assert!(layout.hierarchies.iter().all(|h| h.own_directory().unwrap().is_dir()));
}

#[test]
fn a_group_of_somebody_else_is_refused() {
    let Some(layout) = layout() else { return };
    let first = Group::new(&layout, "taken");
    let mut child = sleeper();
    first.0.attach(pid(&child)).unwrap();
    let second = Cgroup::create(&layout, &path("taken"), PRUNE);
    assert!(matches!(second, Err(Error::Occupied { .. })), "{second:?}");
    assert!(directories(&layout, "taken").iter().all(|directory| directory.is_dir()));
    drop(first);
    child.wait().unwrap();
    assert_nothing_left(&layout, "taken");
}

#[test]
fn a_group_that_was_there_stays() {
    let Some(layout) = layout() else { return };
    let first = Group::new(&layout, "stays");
    let second = Cgroup::create(&layout, &path("stays"), CreateOptions::default()).unwrap();
    for directory in directories(&layout, "stays") {
        std::fs::create_dir_all(directory.join("made/later")).unwrap();
    }
    second.delete(LONG).unwrap();
    for directory in directories(&layout, "stays") {
        assert!(directory.is_dir() && !directory.join("made").exists(), "{directory:?}");
    }
    first.0.freeze(LONG).unwrap();
    let frozen = Cgroup::create(&layout, &path("stays"), CreateOptions::default());
    assert!(matches!(frozen, Err(Error::Frozen { .. })), "{frozen:?}");
    first.0.thaw().unwrap();
    first.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "stays");
}

#[test]
fn nothing_stays_of_a_group_that_fails() {
    let Some(mut layout) = layout() else { return };
    let real = layout.clone();
    layout.hierarchies.push(Hierarchy {
        controllers: vec!["none".into()],
        version: Version::V1,
        mount_point: "/proc".into(),
        mount_root: "/".into(),
        own_path: "/".into(),
    });
    let failed = Cgroup::create(&layout, &path("fails"), PRUNE);
    assert!(matches!(failed, Err(Error::NotCgroup { .. })), "{failed:?}");
    assert_nothing_left(&real, "fails");
    let none = Cgroup::create(&Layout::default(), &path("fails"), PRUNE);
    assert!(matches!(none, Err(Error::NoHierarchy)), "{none:?}");
}

#[test]
fn a_common_parent_survives_until_the_last_and_no_longer() {
    let Some(layout) = layout() else { return };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let layout = &layout;
            scope.spawn(move || {
                for round in 0..25 {
                    let path = format!("{}/box/{thread}-{round}", parent("common"));
                    let path = CgroupPath::parse(&path).unwrap();
                    let group = Cgroup::create(layout, &path, PRUNE).unwrap();
                    for hierarchy in &layout.hierarchies {
                        let cpus = hierarchy.mount_point.join(path.names()).join("cpuset.cpus");
                        if let Ok(cpus) = std::fs::read_to_string(cpus)
                            && hierarchy.version == Version::V1
                        {
                            assert!(!cpus.trim().is_empty());
                        }
                    }
                    group.delete(LONG).unwrap();
                }
            });
        }
    });
    assert_nothing_left(&layout, "common");
}

#[test]
fn frozen_processes_stop_go_on_and_can_be_killed() {
    let Some(layout) = layout() else { return };
    let v2_only = only(&layout, |hierarchy| hierarchy.version == Version::V2);
    for (layout, name) in [(&layout, "frozen"), (&v2_only, "frozen-v2")] {
        if layout.hierarchies.is_empty() {
            common::skip::<()>("v2 is not mounted");
            continue;
        }
        let group = Group::new(layout, name);
        let mut child = shell("while :; do :; done");
        group.0.attach(pid(&child)).unwrap();
        assert_eq!(group.0.freezer_state().unwrap(), FreezerState::Thawed);
        group.0.freeze(LONG).unwrap();
        assert_eq!(group.0.freezer_state().unwrap(), FreezerState::Frozen);
        group.0.thaw().unwrap();
        assert_eq!(group.0.freezer_state().unwrap(), FreezerState::Thawed);
        group.0.freeze(LONG).unwrap();
        group.0.kill_all(LONG).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        group.0.delete(LONG).unwrap();
        assert_nothing_left(layout, name);
    }
}

#[test]
fn an_expected_group_is_found_whether_it_was_made_or_not() {
    let Some(layout) = layout() else { return };
    let expected = || Cgroup::from_record(&Cgroup::expected(&layout, &path("expected"))).unwrap();
    expected().remove_unused(Duration::from_millis(50));
    let group = Cgroup::create(&layout, &path("expected"), PRUNE).unwrap();
    drop(group);
    expected().remove_unused(Duration::from_millis(50));
    assert_nothing_left(&layout, "expected");
}

#[test]
fn an_expected_group_that_is_somebody_else_s_is_left_alone() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "foreign");
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    Cgroup::from_record(&Cgroup::expected(&layout, &path("foreign")))
        .unwrap()
        .remove_unused(Duration::from_millis(50));
    assert!(group.0.processes().unwrap().contains(&pid(&child)));
    group.0.kill_all(LONG).unwrap();
    child.wait().unwrap();
    group.0.delete(LONG).unwrap();
}

#[test]
fn an_expected_group_that_is_being_left_is_waited_for() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "leaving");
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    let expected = Cgroup::from_record(&Cgroup::expected(&layout, &path("leaving"))).unwrap();
    let remover = std::thread::spawn(move || expected.remove_unused(LONG));
    child.kill().unwrap();
    child.wait().unwrap();
    remover.join().unwrap();
    assert_nothing_left(&layout, "leaving");
}

/// The waiting is for an empty group, and not for the ends of those who were in it.
#[test]
fn a_process_that_moves_away_is_not_waited_for() {
    let Some(layout) = layout() else { return };
    let legacy = only(&layout, |hierarchy| hierarchy.version == Version::V1);
    if legacy.hierarchies.is_empty() {
        common::skip::<()>("no v1 hierarchy is mounted");
        return;
    }
    let (group, other) = (Group::new(&legacy, "left"), Group::new(&legacy, "moved-to"));
    let mut child = sleeper();
    group.0.attach(pid(&child)).unwrap();
    let begin = std::time::Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| group.0.delete(LONG));
        // There is no sign by which to know that it waits: a tenth of a second is more than it takes to begin.
        let pause = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
        rustix::event::poll(&mut [], Some(&pause)).unwrap();
        other.0.attach(pid(&child)).unwrap();
        waiting.join().unwrap().unwrap();
    });
    assert!(begin.elapsed() < LONG, "it waited for the process itself");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_process_gets_the_signal() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "signal");
    // SIGRTMIN + 6 has a number alone.
    for number in [Signal::USR1.as_raw(), 40] {
        let mut children = [sleeper(), sleeper(), sleeper()];
        for child in &children {
            group.0.attach(pid(child)).unwrap();
        }
        group.0.signal_all(number).unwrap();
        for child in &mut children {
            assert_eq!(child.wait().unwrap().signal(), Some(number));
        }
    }
    group.0.kill_all(LONG).unwrap();
    group.0.delete(LONG).unwrap();
}

/// Without `cgroup.kill`: with the v1 freezer, and with no freezer at all.
#[test]
fn a_forking_group_is_killed_on_v1() {
    let Some(layout) = layout() else { return };
    let legacy = only(&layout, |hierarchy| hierarchy.version == Version::V1);
    let bare = only(&layout, |hierarchy| hierarchy.has("pids"));
    for (layout, name) in [(legacy, "forking"), (bare, "forking-bare")] {
        if layout.hierarchies.is_empty() {
            common::skip::<()>("no v1 hierarchy is mounted");
            continue;
        }
        let group = Group::new(&layout, name);
        let mut child = shell("WAIT; while :; do sleep 0.02 & sleep 0.01; done");
        group.0.attach(pid(&child)).unwrap();
        drop(child.stdin.take());
        while group.0.processes().unwrap().len() < 3 {}
        group.0.kill_all(LONG).unwrap();
        child.wait().unwrap();
        group.0.delete(LONG).unwrap();
        assert_nothing_left(&layout, name);
    }
}

fn only(layout: &Layout, keep: impl Fn(&Hierarchy) -> bool) -> Layout {
    Layout { hierarchies: layout.hierarchies.iter().filter(|h| keep(h)).cloned().collect() }
}
