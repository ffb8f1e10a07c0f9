//! `cgroup.events`: the kernel tells when a group became empty or frozen.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use holm_sys::{Context, Result};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, SeekFrom};

use crate::{file, wait};

/// A line of `cgroup.events`, as it is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// `populated 0`: no living process in the group or below it.
    Empty,
    /// `frozen 1`: every process in the group and below it has stopped (Linux 5.2).
    Frozen,
}

impl Event {
    fn line(self) -> &'static str {
        match self {
            Self::Empty => "populated 0",
            Self::Frozen => "frozen 1",
        }
    }
}

/// Waits until the group says `event`; false at the deadline.
pub(crate) fn wait_for(group: BorrowedFd<'_>, event: Event, deadline: Instant) -> Result<bool> {
    let events = file::open(group, "cgroup.events", OFlags::RDONLY)?;
    loop {
        let text = file::read_from(events.as_fd(), "cgroup.events")?;
        if text.lines().any(|line| line == event.line()) {
            return Ok(true);
        }
        let mut poll = [PollFd::new(&events, PollFlags::PRI)];
        if !wait::poll(&mut poll, deadline)? {
            return Ok(false);
        }
        rustix::fs::seek(&events, SeekFrom::Start(0)).call(|| "lseek(\"cgroup.events\", 0, SEEK_SET)")?;
    }
}
