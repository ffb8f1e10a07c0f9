//! Running tests of the kernel layer: each in a process of its own, born in fresh namespaces.
//!
//! The test harness of Rust has threads, and clone3(2) and unshare(2) want a process of one. So these tests are programs
//! (`harness = false`) whose main calls [`run`], which prints as the harness does.
#![forbid(unsafe_code)]
#![allow(clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::os::fd::AsFd;
use std::sync::OnceLock;

use holm_sys::{CloneFlags, CloneRequest, Errno, Forked, clone3, exit_now};
use rustix::process::{WaitId, WaitIdOptions, getegid, geteuid, waitid};

/// A test: its name, the namespaces that it is born in, what it does.
pub type Test = (&'static str, CloneFlags, fn());

/// What a test's process answers when it skipped itself.
const SKIPPED: u8 = 77;

/// Set where the machine can do everything: a skip is a failure then.
const NO_SKIP: &str = "HOLM_TEST_NO_SKIP";

/// Runs the tests whose names have the first argument in them, one after the other.
///
/// # Panics
///
/// When a test failed.
pub fn run(tests: &[Test]) {
    let _ = OUTSIDE.set((geteuid().as_raw(), getegid().as_raw()));
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    println!("\nrunning {} tests", tests.len());
    for (name, flags, test) in tests.iter().filter(|(name, ..)| name.contains(&filter)) {
        match one(name, *flags, *test) {
            Outcome::Passed => passed += 1,
            Outcome::Failed => failed += 1,
            Outcome::Skipped => ignored += 1,
        }
    }
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; 0 filtered out\n"
    );
    assert!(failed == 0, "{failed} tests failed");
}

/// Maps root of the calling test's new user namespace to who started the tests, as every user may; files then belong to
/// somebody in it, and it can have children.
///
/// # Panics
///
/// When the test was not born in a user namespace of its own, or has a map already.
pub fn map_root() {
    let (uid, gid) = OUTSIDE.get().copied().expect("run() remembers who started it");
    let write = |name: &str, text: &str| std::fs::write(format!("/proc/self/{name}"), text).expect("a map");
    write("setgroups", "deny");
    write("uid_map", &format!("0 {uid} 1"));
    write("gid_map", &format!("0 {gid} 1"));
}

/// Who started the tests: the ids of outside cannot be seen from a namespace without maps.
static OUTSIDE: OnceLock<(u32, u32)> = OnceLock::new();

/// Says why a test of the ordinary harness is skipped; the test itself returns then.
///
/// # Panics
///
/// Where the machine can do everything, and a skip is a failure.
pub fn announce_skip(reason: &str) {
    announce_omission(reason);
    assert!(may_skip(), "a skip is a failure here: {reason}");
}

/// Says why a test of the ordinary harness leaves something out which no machine could do: never a failure.
pub fn announce_omission(reason: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(std::io::stderr(), "skipped: {reason} ({test})");
}

/// Ends the calling test as skipped, for a reason that is printed.
pub fn skip(reason: &str) -> ! {
    eprintln!("skipped: {reason}");
    exit_now(SKIPPED)
}

enum Outcome {
    Passed,
    Failed,
    Skipped,
}

fn one(name: &str, flags: CloneFlags, test: fn()) -> Outcome {
    let outcome = match clone3(&CloneRequest { flags, cgroup: None }) {
        Ok(Forked::Child) => {
            let passed = std::panic::catch_unwind(test).is_ok();
            exit_now(u8::from(!passed));
        }
        Ok(Forked::Parent { pidfd, .. }) => {
            let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).expect("waitid");
            match status.and_then(|status| status.exit_status()) {
                Some(0) => Outcome::Passed,
                Some(status) if status == i32::from(SKIPPED) => skipped(),
                _ => Outcome::Failed,
            }
        }
        Err(error) if matches!(error.errno(), Errno::PERM | Errno::NOSPC | Errno::USERS) => {
            eprintln!("skipped: {name}: {error}");
            skipped()
        }
        Err(error) => {
            eprintln!("{name}: {error}");
            Outcome::Failed
        }
    };
    let word = match outcome {
        Outcome::Passed => "ok",
        Outcome::Failed => "FAILED",
        Outcome::Skipped => "ignored",
    };
    println!("test {name} ... {word}");
    outcome
}

fn skipped() -> Outcome {
    if may_skip() { Outcome::Skipped } else { Outcome::Failed }
}

fn may_skip() -> bool {
    std::env::var_os(NO_SKIP).is_none()
}
