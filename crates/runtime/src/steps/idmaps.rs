//! The id maps of the child's user namespace.

use std::os::fd::{AsFd, OwnedFd};

use holm_namespaces::idmap::{self, IdMapper};
use holm_namespaces::{IdMap, Kind, Namespace};
use holm_plan::IdMapWriter;
use holm_sys::{CloneFlags, CloneRequest, Context, Forked, clone3, exit_now};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// Writes both; gids after setgroups(2) is denied where that is the price.
pub(crate) fn write(bench: &ParentBench<'_>, uids: &IdMap, gids: &IdMap, writer: IdMapWriter) -> StepResult {
    let child = bench.child()?;
    match writer {
        IdMapWriter::Parent => {
            idmap::write_uid_map(child, uids)?;
            idmap::write_gid_map(child, gids)?;
        }
        IdMapWriter::OwnId => {
            idmap::deny_setgroups(child)?;
            idmap::write_uid_map(child, uids)?;
            idmap::write_gid_map(child, gids)?;
        }
        IdMapWriter::Programs => {
            let programs =
                IdMapper::find().ok_or_else(|| StepError::new("newuidmap and newgidmap are gone"))?;
            programs.write_uid_map(child, uids).map_err(StepError::from)?;
            programs.write_gid_map(child, gids).map_err(StepError::from)?;
        }
    }
    Ok(())
}

/// A user namespace of these maps that nobody is in: for a mount. It is made by a process that ends when it is had.
pub(crate) fn namespace_of(uids: &IdMap, gids: &IdMap) -> Result<Namespace, StepError> {
    let (waits, ends) = pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
    match clone3(&CloneRequest { flags: CloneFlags::NEWUSER, cgroup: None })? {
        Forked::Child => linger(&waits, ends),
        Forked::Parent { pid, pidfd } => {
            let made = with_maps(pid, uids, gids);
            drop(ends);
            let id = WaitId::PidFd(pidfd.as_fd());
            while let Err(rustix::io::Errno::INTR) = waitid(id.clone(), WaitIdOptions::EXITED) {}
            made
        }
    }
}

fn with_maps(pid: Pid, uids: &IdMap, gids: &IdMap) -> Result<Namespace, StepError> {
    idmap::write_uid_map(pid, uids)?;
    idmap::write_gid_map(pid, gids)?;
    Namespace::of_process(pid, Kind::User).map_err(StepError::from)
}

/// Until the other end of the pipe is closed.
fn linger(waits: &OwnedFd, ends: OwnedFd) -> ! {
    drop(ends);
    while let Err(rustix::io::Errno::INTR) = rustix::io::read(waits, &mut [0_u8; 1]) {}
    exit_now(0)
}
