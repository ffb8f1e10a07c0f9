//! The exit status of a process, as a shell has it.

use std::os::fd::BorrowedFd;

use holm_sys::Context;
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus, waitid};

use holm_runtime::{Because, Result};

/// What a shell adds to the number of the signal that ended a command.
const SIGNALLED: i32 = 128;

/// Waits for the end of the child behind `process` and answers with its status.
///
/// # Errors
///
/// `ECHILD` when it is not a child of this process.
pub fn exit_status(process: BorrowedFd<'_>) -> Result<u8> {
    loop {
        match waitid(WaitId::PidFd(process), WaitIdOptions::EXITED) {
            Err(rustix::io::Errno::INTR) => {}
            result => {
                let status = result
                    .call(|| "waitid(P_PIDFD)")
                    .because(|| "cannot wait for the container's process")?;
                return Ok(status.map_or(holm_runtime::STATUS_FAILED, |status| of(&status)));
            }
        }
    }
}

fn of(status: &WaitIdStatus) -> u8 {
    let signal = status.terminating_signal().map(|signal| SIGNALLED + signal);
    let status = status.exit_status().or(signal).unwrap_or(i32::from(holm_runtime::STATUS_FAILED));
    u8::try_from(status).unwrap_or(holm_runtime::STATUS_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::Command;

    fn status_of(script: &str) -> u8 {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        let status = exit_status(pidfd.as_fd()).unwrap();
        // It has been waited for already, which the standard library does not know.
        drop(child);
        status
    }

    #[test]
    fn statuses_are_those_of_a_shell() {
        assert_eq!(status_of("exit 0"), 0);
        assert_eq!(status_of("exit 7"), 7);
        assert_eq!(status_of("kill -TERM $$"), 143);
        assert_eq!(status_of("kill -KILL $$"), 137);
    }
}
