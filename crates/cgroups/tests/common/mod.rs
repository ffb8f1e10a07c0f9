//! What the tests on real hierarchies share.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use holm_cgroups::{Cgroup, CgroupPath, CreateOptions, Layout, Version};
use rustix::process::Pid;

pub(crate) const LONG: Duration = Duration::from_secs(10);
pub(crate) const SHORT: Duration = Duration::from_millis(50);

/// Common parents go with their last user.
pub(crate) const PRUNE: CreateOptions = CreateOptions { delegated_only: false, prune_parents: true };

/// The layout of this machine, where this process may make groups; `None` (said aloud) elsewhere.
pub(crate) fn layout() -> Option<Layout> {
    let layout = Layout::probe().unwrap();
    if !rustix::process::geteuid().is_root() {
        return skip("needs root");
    }
    if layout.hierarchies.is_empty() {
        return skip("no cgroup filesystem is mounted");
    }
    match Cgroup::create(&layout, &path("probe"), PRUNE) {
        Ok(probe) => probe.delete(LONG).unwrap(),
        Err(e) => return skip(&e.to_string()),
    }
    Some(layout)
}

pub(crate) fn skip<T>(reason: &str) -> Option<T> {
    assert!(std::env::var_os("HOLM_TEST_NO_SKIP").is_none(), "may not be skipped: {reason}");
    eprintln!("skipped: {reason}");
    None
}

/// The common parent of one test.
pub(crate) fn parent(name: &str) -> String {
    format!("/holm-test-{}-{name}", std::process::id())
}

pub(crate) fn path(name: &str) -> CgroupPath {
    CgroupPath::parse(&format!("{}/box", parent(name))).unwrap()
}

/// Where the group and its parent are, in every hierarchy.
pub(crate) fn directories(layout: &Layout, name: &str) -> Vec<PathBuf> {
    let path = path(name);
    layout.hierarchies.iter().map(|hierarchy| hierarchy.mount_point.join(path.names())).collect()
}

pub(crate) fn assert_nothing_left(layout: &Layout, name: &str) {
    for group in directories(layout, name) {
        assert!(!group.exists(), "{group:?} is left");
        assert!(!group.parent().unwrap().exists(), "the parent of {group:?} is left");
    }
}

/// A group that is killed and removed with the test, whatever comes.
pub(crate) struct Group(pub(crate) Cgroup);

impl Group {
    pub(crate) fn new(layout: &Layout, name: &str) -> Self {
        Self(Cgroup::create(layout, &path(name), PRUNE).unwrap())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = self.0.kill_all(LONG);
        let _ = self.0.delete(LONG);
    }
}

/// A process that waits for ever.
pub(crate) fn sleeper() -> Child {
    shell("exec sleep 1000")
}

/// A shell that begins when its standard input is closed.
pub(crate) fn shell(script: &str) -> Child {
    let script = script.replacen("WAIT", "read nothing", 1);
    Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap()
}

pub(crate) fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Runs the calling test again in a process of its own, as `uid`, and returns true; there it returns false. The
/// process waits until `before` has run in this one.
pub(crate) fn elsewhere(test: &str, uid: u32, before: impl FnOnce(Pid)) -> bool {
    if std::env::var_os("HOLM_TEST_ALONE").is_some() {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return false;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env("HOLM_TEST_ALONE", "1")
        .stdin(Stdio::piped())
        .uid(uid)
        .gid(uid)
        .spawn()
        .unwrap();
    before(pid(&child));
    assert!(child.wait().unwrap().success());
    true
}

/// What a process says of itself: the group in each hierarchy that is mounted.
pub(crate) fn own_groups(version: Version) -> Vec<String> {
    let layout = Layout::parse(
        &std::fs::read("/proc/self/mountinfo").unwrap(),
        &std::fs::read("/proc/thread-self/cgroup").unwrap(),
    );
    layout.hierarchies.into_iter().filter(|h| h.version == version).map(|h| h.own_path).collect()
}
