//! Waiting for the ends of processes, always with a deadline.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use holm_sys::{self as sys, Context, Errno};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::directory::Directory;
use crate::{Cgroup, Error, Result, Version, v2, walk};

/// How long to wait where the kernel tells no event.
const TICK: Duration = Duration::from_millis(1);
/// After what time a group is looked at again whose processes have not ended.
const AGAIN: Duration = Duration::from_millis(20);

impl Cgroup {
    /// Waits until no living process is in the group or below it, at most `timeout`. A group that is gone is empty.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] at the end of the time, else the failed call.
    pub fn wait_empty(&self, timeout: Duration) -> Result<()> {
        let Some(directory) = self.principal() else { return Ok(()) };
        wait_until_empty(directory, deadline(timeout))
    }
}

/// The moment at which to give up.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    let now = Instant::now();
    // A time too far to be told is as good as a year.
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 3600))
}

/// Waits until the group has no living process.
pub(crate) fn wait_until_empty(directory: &Directory, deadline: Instant) -> Result<()> {
    let empty = match directory.record.version {
        Version::V2 => {
            directory.open_group().and_then(|group| v2::wait_for(group.as_fd(), v2::Event::Empty, deadline))
        }
        Version::V1 => wait_for_processes(directory, deadline),
    };
    match empty {
        Ok(true) => Ok(()),
        Ok(false) => Err(busy(directory)),
        Err(e) if walk::is_gone(&e) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// A process also leaves its group by moving to another, or when its thread that alone was in it ends: v1 tells neither,
/// so who is waited for is looked at again from time to time.
fn wait_for_processes(directory: &Directory, deadline: Instant) -> sys::Result<bool> {
    loop {
        let processes = walk::census(directory.open_group()?)?.processes;
        if processes.is_empty() {
            return Ok(true);
        }
        let before = Instant::now();
        if before >= deadline {
            return Ok(false);
        }
        // All have ended and are still listed: on their last steps in the kernel.
        let ended = wait_for_ends(&processes, deadline.min(before + AGAIN))?;
        if ended && before.elapsed() < TICK && !tick(deadline)? {
            return Ok(false);
        }
    }
}

/// Waits for the end of each process, reaped or not; false at the deadline.
pub(crate) fn wait_for_ends(processes: &[Pid], deadline: Instant) -> sys::Result<bool> {
    for pid in processes {
        let pidfd = match pidfd_open(*pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => continue,
            opened => opened.call(|| format!("pidfd_open({}, 0)", pid.as_raw_pid()))?,
        };
        if !poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], deadline)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// poll(2) until something happens; false at the deadline.
pub(crate) fn poll(fds: &mut [PollFd<'_>], deadline: Instant) -> sys::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).ok();
        match rustix::event::poll(fds, timeout.as_ref()) {
            Err(Errno::INTR) => {}
            ready => {
                return ready.map(|count| count > 0).call(|| format!("poll({} fds, {left:?})", fds.len()));
            }
        }
    }
}

/// Lets a millisecond pass, where the kernel has no event to wait for; false at the deadline.
pub(crate) fn tick(deadline: Instant) -> sys::Result<bool> {
    let now = Instant::now();
    if now >= deadline {
        return Ok(false);
    }
    poll(&mut [], deadline.min(now + TICK)).map(|_| true)
}

/// The error of a group that took too long.
pub(crate) fn busy(directory: &Directory) -> Error {
    let processes = directory.processes().unwrap_or_default();
    Error::Busy {
        path: directory.absolute(),
        processes: processes.iter().map(|pid| pid.as_raw_pid()).collect(),
    }
}
