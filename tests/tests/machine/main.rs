//! What takes a machine with systemd and cgroup v2 alone: `cargo xtask vm test` runs this in one, as root and as an ordinary
//! user whose own systemd has what is delegated to it. Elsewhere it says that it does nothing.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod delegated;
mod systemd;

use std::path::PathBuf;

use holm_tests::{Ground, is_root, own_runtime};

/// The ground of whoever runs this, where this is such a machine.
fn on_the_machine(test: impl Fn(&Ground)) {
    if std::env::var_os("HOLM_TEST_MACHINE").is_none() {
        holm_testing::announce_omission("this is for the machine of `cargo xtask vm test`");
        return;
    }
    if !own_runtime("holm-runtime") {
        return;
    }
    let ground = if is_root() { Ground::root().unwrap() } else { Ground::ordinary() };
    test(&ground);
    ground.assert_clean();
}

/// The group of a process.
fn group(pid: i32) -> PathBuf {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = text.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
    PathBuf::from("/sys/fs/cgroup").join(path)
}

/// A file of the group of a process.
fn value(pid: i32, file: &str) -> String {
    std::fs::read_to_string(group(pid).join(file)).unwrap().trim().to_owned()
}
