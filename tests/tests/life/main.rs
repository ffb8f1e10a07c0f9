//! Containers from their beginning to their end, and what is done with them meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod attributes;
mod command_line;
mod crashes;
mod crowd;
mod dry_run;
mod exec;
mod exec_process;
mod hooks;
mod intel_rdt;
mod limits;
mod names;
mod oci;
mod ps;
mod run_limits;
mod seccomp;
mod seccomp_default;
mod seccomp_notify;
mod signals;
mod stop;

use holm_tests::{Ground, PATIENCE, Running};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A container that runs until its input ends.
fn sleeper(ground: &Ground, name: &str, options: &[&str]) -> Running {
    let words = [&["--name", name], options].concat();
    let running = ground.sh(&words, "echo ready; cat").start();
    assert_eq!(running.line(), "ready");
    running
}

/// Waits for the end of a process that may be somebody else's child.
fn wait_for_end(pid: i32) {
    let Ok(pidfd) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else { return };
    let patience = Timespec::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)), Ok(1), "{pid} ends");
}
