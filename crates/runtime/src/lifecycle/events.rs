//! What a container uses and what befalls it: processes, stats, events.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use holm_cgroups::{Cgroup, OomWatch, Stats};
use holm_state::{Record, Root, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::create::parent::system;
use crate::error::Error;
use crate::lifecycle::kill::pidfd;
use crate::lifecycle::pause::cgroup;

/// Something that is told of a container.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What it uses now.
    Stats(Box<Stats>),
    /// It had too little memory.
    Oom,
}

/// The pids of all processes of a container, as this PID namespace has them.
///
/// # Errors
///
/// When it has no cgroup of its own, by which they are known.
pub fn processes(root: &Root, id: &str) -> Result<Vec<i32>, Error> {
    let record = root.entry(id)?.record()?;
    let processes = cgroup(&record, "list the processes of")?.processes();
    let pids =
        processes.map_err(|error| system(&format!("list the processes of container {id:?}"), error))?;
    Ok(pids.into_iter().map(rustix::process::Pid::as_raw_pid).collect())
}

/// What a container uses now.
///
/// # Errors
///
/// When it has stopped, or has no cgroup of its own.
pub fn stats(root: &Root, id: &str) -> Result<Stats, Error> {
    let record = alive(root, id)?;
    read_stats(&record, &cgroup(&record, "measure")?)
}

/// Tells of a container until it ends, or until `tell` says that nobody listens: what it uses, each time that `interval` has
/// passed, and each time that it had too little memory.
///
/// # Errors
///
/// As [`stats`], when it begins; what cannot be read later is passed over.
pub fn events(
    root: &Root,
    id: &str,
    interval: Duration,
    tell: &mut dyn FnMut(Event) -> bool,
) -> Result<(), Error> {
    let record = alive(root, id)?;
    let group = cgroup(&record, "measure")?;
    let Some(process) = record.process else { return Ok(()) };
    let process = pidfd(process)?;
    // Without the controller there is nothing to hear of.
    let mut watch = group.watch_oom().ok();
    let mut next = later(Instant::now(), interval);
    loop {
        let Some(ready) = wait(&process, watch.as_ref(), next)
            .map_err(|error| system(&format!("wait for events of container {id:?}"), error))?
        else {
            next = later(next, interval);
            match read_stats(&record, &group).map(|stats| tell(Event::Stats(Box::new(stats)))) {
                Ok(false) => return Ok(()),
                // What cannot be read any more is of a group that goes; its process tells of the end.
                Ok(true) | Err(_) => continue,
            }
        };
        if let Some(watch) = watch.as_mut().filter(|_| ready.memory) {
            for _ in 0..group.read_oom(watch).unwrap_or(0) {
                if !tell(Event::Oom) {
                    return Ok(());
                }
            }
        }
        if ready.ended {
            return Ok(());
        }
    }
}

/// What woke [`events`] up.
struct Ready {
    memory: bool,
    ended: bool,
}

/// `None` when the time has passed.
fn wait(process: &OwnedFd, watch: Option<&OomWatch>, until: Instant) -> holm_sys::Result<Option<Ready>> {
    let mut fds = vec![PollFd::new(process, PollFlags::IN)];
    let descriptor = watch.map(OomWatch::descriptor);
    fds.extend(descriptor.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
    loop {
        let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
        match poll(&mut fds, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(holm_sys::Error::new("poll(pidfd, oom)", errno)),
            Ok(0) => return Ok(None),
            Ok(_) => break,
        }
    }
    let is_ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
    Ok(Some(Ready { ended: is_ready(0), memory: is_ready(1) }))
}

fn later(from: Instant, interval: Duration) -> Instant {
    // A time too far to be told is as good as a day.
    from.checked_add(interval).unwrap_or(from + Duration::from_secs(24 * 3600))
}

fn read_stats(record: &Record, group: &Cgroup) -> Result<Stats, Error> {
    group.stats().map_err(|error| system(&format!("measure container {:?}", record.id), error))
}

fn alive(root: &Root, id: &str) -> Result<Record, Error> {
    let record = root.entry(id)?.record()?;
    match record.status() {
        status @ (Status::Stopped | Status::Creating) => {
            Err(holm_state::Error::Illegal { action: "measure", id: id.to_owned(), status }.into())
        }
        _ => Ok(record),
    }
}
