//! Signals for all processes of a group.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use holm_sys::{Context, Errno, send_signal_by_pidfd};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::{Cgroup, Error, FreezerState, Result, Version, v1, v2, wait};

/// How long the freezer may take before the signals go out to processes that run.
const FREEZING: Duration = Duration::from_millis(500);

impl Cgroup {
    /// Kills every process of the group and those below it, however fast they fork. By `cgroup.kill` (v2, Linux
    /// 5.14), which does not wait for their ends; else round by round, frozen where there is a freezer, until nobody
    /// is left. A frozen group is thawed, so that its processes can end.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when processes are left after `timeout`, else the failed call.
    pub fn kill_all(&self, timeout: Duration) -> Result<()> {
        if self.of_version(Version::V2).next().map_or(Ok(false), v2::kill)? {
            // What the v1 freezer holds does not even die.
            return self.v1_freezer().map_or(Ok(()), |freezer| gone_is_fine(v1::thaw(freezer)));
        }
        // After a container's end there is nobody, who has not to be kept from forking.
        if self.processes()?.is_empty() {
            return Ok(());
        }
        let deadline = wait::deadline(timeout);
        loop {
            let killed = self.kill_round()?;
            if killed.is_empty() {
                return Ok(());
            }
            if !wait::wait_for_ends(&killed, deadline)? || Instant::now() >= deadline {
                return Err(self.principal().map_or(Error::NoHierarchy, wait::busy));
            }
        }
    }

    /// Sends the signal of this number, which may be a real-time one, to every process of the group and those below it, with the group frozen meanwhile so that
    /// nobody who is being forked is left out; where that fails, to those who are seen.
    ///
    /// # Errors
    ///
    /// The failed call; a process that has ended meanwhile is none.
    pub fn signal_all(&self, signal: i32) -> Result<()> {
        let was_running = self.freezer_state().is_ok_and(|state| state == FreezerState::Thawed);
        let froze = was_running && self.freeze(FREEZING).is_ok();
        let sent = self.processes().and_then(|processes| self.send(&processes, signal));
        let thawed = if froze { gone_is_fine(self.thaw()) } else { Ok(()) };
        sent.and(thawed)
    }

    /// Kills whom it sees, and returns them.
    fn kill_round(&self) -> Result<Vec<Pid>> {
        // Not waited for, and not needed: who is forked meanwhile is seen in the next round.
        let froze = self.begin_freezing().is_ok();
        let killed = self
            .processes()
            .and_then(|processes| self.send(&processes, Signal::KILL.as_raw()).map(|()| processes));
        let thawed = if froze { gone_is_fine(self.thaw()) } else { Ok(()) };
        thawed.and(killed)
    }

    /// A process of the group may have ended since it was seen, and somebody else have its number. So all are held by
    /// pidfds first, and who is in the group then gets the signal.
    fn send(&self, processes: &[Pid], signal: i32) -> Result<()> {
        let mut held = Vec::with_capacity(processes.len());
        for pid in processes {
            match pidfd_open(*pid, PidfdFlags::empty()) {
                // ENOENT: from Linux 6.15 on, one that has been reaped meanwhile.
                Err(Errno::SRCH | Errno::NOENT) => {}
                opened => held.push((*pid, opened.call(|| format!("pidfd_open({})", pid.as_raw_pid()))?)),
            }
        }
        let members = self.processes()?;
        for (_, pidfd) in held.iter().filter(|(pid, _)| members.contains(pid)) {
            match send_signal_by_pidfd(pidfd.as_fd(), signal) {
                Err(error) if error.errno() == Errno::SRCH => {}
                sent => sent?,
            }
        }
        Ok(())
    }
}

fn gone_is_fine(result: Result<()>) -> Result<()> {
    match result {
        Err(Error::Call(e)) if crate::walk::is_gone(&e) => Ok(()),
        result => result,
    }
}
