//! delete.

use holm_cgroups::{Cgroup, RdtRecord};
use holm_state::{Locked, ProcessId, Record, Root, Status};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use crate::create::parent::system;
use crate::error::Error;
use crate::hooks;
use crate::lifecycle::create::CGROUP_PATIENCE;
use crate::lifecycle::kill::pidfd;
use crate::lifecycle::pause::thaw_the_dying;
use crate::observer::Observer;

/// How long the process may take to end that was in a cgroup when who made it was killed.
const CREATOR_S_END: Duration = Duration::from_millis(200);

/// Removes a container that has stopped, or was never started; with `force` one that runs too, and one that does not
/// exist is fine.
///
/// # Errors
///
/// When it runs; when something of it cannot be removed.
pub fn delete(root: &Root, id: &str, force: bool, observer: &mut dyn Observer) -> Result<(), Error> {
    match find(root, id)? {
        Some((entry, record)) => remove(entry, record.as_ref(), force, observer),
        None if force => Ok(()),
        None => Err(holm_state::Error::NotFound { id: id.to_owned() }.into()),
    }
}

/// Removes the container that was made of `bundle`, running or not; one of this id that somebody else has made stays.
///
/// # Errors
///
/// When something of it cannot be removed.
pub fn delete_made_of(
    root: &Root,
    id: &str,
    bundle: &Path,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    remove_if(root, id, |record| record.is_none_or(|record| record.bundle == bundle), observer)
}

/// Removes the container whose process was `process`, running or not; one of this id that somebody else has made stays.
///
/// # Errors
///
/// When something of it cannot be removed.
pub fn delete_of_process(
    root: &Root,
    id: &str,
    process: ProcessId,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    remove_if(root, id, |record| record.is_some_and(|record| record.process == Some(process)), observer)
}

fn remove_if(
    root: &Root,
    id: &str,
    meant: impl FnOnce(Option<&Record>) -> bool,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    match find(root, id)? {
        Some((entry, record)) if meant(record.as_ref()) => remove(entry, record.as_ref(), true, observer),
        _ => Ok(()),
    }
}

/// Removes a container, whatever it does, of whose failure somebody hears already: what fails now is told.
pub(crate) fn destroy(root: &Root, id: &str, observer: &mut dyn Observer) {
    if let Err(error) = delete(root, id, true, observer) {
        observer.note(&error.to_string());
    }
}

/// The container, which nobody else changes meanwhile, and what is written of it.
fn find(root: &Root, id: &str) -> Result<Option<(Locked, Option<Record>)>, Error> {
    match root.entry(id).and_then(holm_state::Entry::lock) {
        Err(holm_state::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(entry) => {
            let record = entry.read()?;
            Ok(Some((entry, record)))
        }
    }
}

fn remove(
    entry: Locked,
    record: Option<&Record>,
    force: bool,
    observer: &mut dyn Observer,
) -> Result<(), Error> {
    if let Some(record) = record {
        match record.status() {
            Status::Stopped => {}
            // The process that creates it holds the lock while it does: this record is of one that did not finish.
            Status::Created | Status::Creating => end(record)?,
            Status::Running | Status::Paused if force => end(record)?,
            Status::Running | Status::Paused => {
                let (id, status) = (record.id.clone(), record.status_now());
                return Err(holm_state::Error::Illegal { action: "delete", id, status }.into());
            }
        }
        remove_cgroup(record)?;
        remove_rdt(record)?;
    }
    entry.remove()?;
    // A hook of a container that is gone changes nothing any more: it is told of, and that is all.
    record.iter().for_each(|record| hooks::poststop(record, observer));
    Ok(())
}

/// Kills the container's process and waits for its end; in a PID namespace of its own all others go with it.
fn end(record: &Record) -> Result<(), Error> {
    if record.status == Status::Creating {
        return Ok(());
    }
    let Some(process) = record.process.filter(|process| process.is_alive()) else { return Ok(()) };
    let pidfd = match pidfd(process) {
        Err(_) if !process.is_alive() => return Ok(()),
        result => result?,
    };
    match pidfd_send_signal(&pidfd, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {
            thaw_the_dying(record);
            wait_for_end(&pidfd, &record.id)
        }
        Err(errno) => {
            let error = holm_sys::Error::new("pidfd_send_signal(SIGKILL)", errno);
            Err(system(&format!("kill container {:?}", record.id), error))
        }
    }
}

fn wait_for_end(pidfd: &OwnedFd, id: &str) -> Result<(), Error> {
    let patience = Timespec { tv_sec: 10, tv_nsec: 0 };
    loop {
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&patience)) {
            Ok(0) => {
                return Err(Error::new(format!("cannot delete container {id:?}"))
                    .with_cause("its process does not end, 10 s after SIGKILL")
                    .with_hint(
                        "it waits in the kernel for something, a disk or a network file system perhaps",
                    ));
            }
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => {
                let error = holm_sys::Error::new("poll(pidfd)", errno);
                return Err(system(&format!("wait for the end of container {id:?}"), error));
            }
        }
    }
}

fn remove_rdt(record: &Record) -> Result<(), Error> {
    let removed = record.rdt.as_ref().map_or(Ok(()), RdtRecord::remove);
    removed.map_err(|error| system(&format!("remove the resctrl group of container {:?}", record.id), error))
}

/// What is left in the cgroup goes first: processes of a container in the host's PID namespace do not end with its own.
fn remove_cgroup(record: &Record) -> Result<(), Error> {
    if let Some(expected) = &record.expected_cgroup
        && let Ok(expected) = Cgroup::from_record(expected)
    {
        expected.remove_unused(CREATOR_S_END);
    }
    let Some(cgroup) = &record.cgroup else { return Ok(()) };
    let failed = |error: holm_cgroups::Error| {
        system(&format!("remove the cgroup of container {:?}", record.id), error)
    };
    let cgroup = Cgroup::from_record(cgroup).map_err(failed)?;
    cgroup.kill_all(CGROUP_PATIENCE).map_err(failed)?;
    cgroup.delete(CGROUP_PATIENCE).map_err(failed)
}
