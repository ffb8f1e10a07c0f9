//! kill.

use std::os::fd::{AsFd, OwnedFd};

use holm_cgroups::Cgroup;
use holm_state::{ProcessId, Record, Root, Status};
use rustix::process::Signal;

use crate::create::parent::{open_pidfd, system};
use crate::error::Error;
use crate::lifecycle::pause::thaw_the_dying;

const SIGKILL: i32 = Signal::KILL.as_raw();

/// Sends signal `number` to the process of a container, or with `all` to every process in its cgroup. Signal 0 is sent to
/// nobody: that it could be is the answer (kill(2)).
///
/// # Errors
///
/// When the container is neither created nor running.
pub fn kill(root: &Root, id: &str, number: i32, all: bool) -> Result<(), Error> {
    let record = root.entry(id)?.record()?;
    if all {
        return kill_all(&record, number);
    }
    match (record.status(), record.process) {
        (Status::Created | Status::Running, Some(process)) => {
            let pidfd = pidfd(process).map_err(|error| if process.is_alive() { error } else { ended(id) })?;
            holm_sys::send_signal_by_pidfd(pidfd.as_fd(), number).map_err(|error| match error.errno() {
                holm_sys::Errno::SRCH => ended(id),
                _ => system(&format!("send signal {number} to container {id:?}"), error),
            })?;
            if number == SIGKILL {
                thaw_the_dying(&record);
            }
            Ok(())
        }
        (Status::Stopped, _) => Err(ended(id)),
        (status, _) => Err(holm_state::Error::Illegal { action: "kill", id: id.to_owned(), status }.into()),
    }
}

/// In runc's words, which containerd looks for: it takes any others for an unknown failure (`checkKillError` of its shim).
fn ended(id: &str) -> Error {
    Error::new(format!("cannot kill container {id:?}: it is stopped"))
        .with_cause("container not running")
        .with_hint("delete it, and create it again")
}

fn kill_all(record: &Record, number: i32) -> Result<(), Error> {
    let what = format!("send signal {number} to all of container {:?}", record.id);
    let failed = |error: holm_cgroups::Error| system(&what, error);
    let Some(cgroup) = &record.cgroup else {
        return Err(Error::new(format!("cannot {what}"))
            .with_cause("it has no cgroup of its own")
            .with_hint("signal its process alone; in a PID namespace of its own SIGKILL takes all along"));
    };
    if number == 0 {
        return Ok(());
    }
    let cgroup = Cgroup::from_record(cgroup).map_err(failed)?;
    cgroup.signal_all(number).map_err(failed)?;
    if number == SIGKILL {
        thaw_the_dying(record);
    }
    Ok(())
}

/// The pidfd of this very process: the pid is checked again once the descriptor is held, so that it cannot be that of
/// a later process.
pub(crate) fn pidfd(process: ProcessId) -> Result<OwnedFd, Error> {
    let gone = || Error::new("cannot find the container's process").with_cause("it has ended");
    let pid = process.pid().ok_or_else(gone)?;
    let pidfd = open_pidfd(pid).map_err(|error| system("find the container's process", error))?;
    if process.is_alive() { Ok(pidfd) } else { Err(gone()) }
}
