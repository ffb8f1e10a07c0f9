//! `holm stop`: asks a container to end, and ends it when it does not.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use holm_sys::send_signal_by_pidfd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::container::Seen;
use crate::launcher::Launcher;
use crate::options::{ContainerName, SignalNumber};
use crate::{Because, Engine, Error, Result};

/// How long what cannot be refused may take.
const AFTER_KILL: Duration = Duration::from_secs(10);
/// How long who holds the container may take to clear it: as long as it waits for its processes and its cgroup itself.
const CLEARING: Duration = Duration::from_secs(30);

impl Engine {
    /// Sends the container `name` its stop signal, waits for its end, and kills it after `timeout` (the container's own
    /// when none is said). Comes back when the container is gone.
    ///
    /// # Errors
    ///
    /// When there is no such container, or it does not end even when it is killed.
    pub fn stop(
        &self,
        name: &ContainerName,
        signal: Option<SignalNumber>,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let seen = self.containers.find(name)?;
        let record = seen.record();
        // Held from here on, so that the wait at the end is for this holder and not for a later process of its number.
        let holder = pidfd(record.holder);
        let Some(process) = self.first_process(&seen)? else {
            return holder.map_or(Ok(()), |holder| cleared(name, ended(&holder, CLEARING)?));
        };
        let failed = || format!("cannot signal the container {name}");
        let signal = signal.map_or(record.stop_signal, SignalNumber::number);
        send_signal_by_pidfd(process.as_fd(), signal).because(failed)?;
        let patience = timeout.unwrap_or(Duration::from_secs(record.stop_timeout));
        if !ended(&process, patience)? {
            send_signal_by_pidfd(process.as_fd(), SignalNumber::KILL.number()).because(failed)?;
            gone(name, ended(&process, AFTER_KILL)?)?;
        }
        holder.map_or(Ok(()), |holder| cleared(name, ended(&holder, CLEARING)?))
    }

    /// The first process of the container, held by a descriptor that was opened while it was that process.
    fn first_process(&self, seen: &Seen) -> Result<Option<OwnedFd>> {
        let launcher = Launcher::of(seen.record().runtime.as_deref(), &self.root, seen.path());
        let name = seen.record().name.as_str();
        let Some(life) = launcher.life(name).filter(|life| life.pid > 0) else { return Ok(None) };
        let process = pidfd(life.pid.unsigned_abs());
        // It may have gone from created to running meanwhile, and be the same process all the same.
        Ok(process.filter(|_| launcher.life(name).is_some_and(|now| now.pid == life.pid)))
    }
}

fn pidfd(pid: u32) -> Option<OwnedFd> {
    let pid = holm_sys::pid_of_number(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Whether the process ends within `patience`.
fn ended(process: &OwnedFd, patience: Duration) -> Result<bool> {
    let timeout = Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => {}
            result => return Ok(result.because(|| "cannot wait for the container")? > 0),
        }
    }
}

fn cleared(name: &ContainerName, ended: bool) -> Result<()> {
    if ended {
        return Ok(());
    }
    Err(Error::new(format!("the container {name} has ended and is not cleared"))
        .with_cause("the holm that runs it is still there")
        .with_hint(
            "look for what it waits for in /proc/PID/stack; holm ps clears what it leaves once it is gone",
        ))
}

fn gone(name: &ContainerName, ended: bool) -> Result<()> {
    if ended {
        return Ok(());
    }
    Err(Error::new(format!("the container {name} does not end"))
        .with_cause("its process was killed and is still there: it waits for the kernel")
        .with_hint("look for what it waits for in /proc/PID/stack"))
}
