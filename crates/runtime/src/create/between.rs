//! The process between parent and child, there only where a user namespace is in the way: it joins what has to be
//! joined before the child is cloned, and clones the child as its own sibling.

use holm_plan::{CloneStep, Phase};
use holm_sys::{CloneFlags, CloneRequest, Forked, clone3, exit_now};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::create::handshake::{Channel, FromBetween};
use crate::error::Failure;
use crate::steps::namespaces;

/// Runs in the process between; returns only in the child that it made. (The process itself ends here.)
pub(crate) fn run(
    step: &CloneStep,
    cgroup: Option<BorrowedFd<'_>>,
    target: Option<&OwnedFd>,
    channel: &Channel,
) {
    match clone_sibling(step, cgroup, target) {
        Ok(Forked::Child) => {}
        Ok(Forked::Parent { pidfd, .. }) => {
            let _ = channel.send(&FromBetween::Born, &[pidfd.as_fd()]);
            exit_now(0)
        }
        Err(failure) => {
            let _ = channel.send(&FromBetween::Failed(failure), &[]);
            exit_now(crate::error::STATUS_FAILED)
        }
    }
}

fn clone_sibling(
    step: &CloneStep,
    cgroup: Option<BorrowedFd<'_>>,
    target: Option<&OwnedFd>,
) -> Result<Forked, Failure> {
    // Processes of the namespaces that are joined must not look into this one, which has the host's memory.
    let closed = holm_credentials::set_dumpable(false);
    closed.map_err(|error| Failure::Other { what: "close the own memory".into(), error: error.into() })?;
    for (index, join) in step.between.iter().enumerate() {
        let result = match join {
            holm_plan::Step::JoinNamespace { kind, path } => namespaces::join(*kind, path),
            holm_plan::Step::JoinProcess { kinds } => namespaces::join_process(target, *kinds),
            other => {
                Err(crate::error::StepError::new(format!("the plan has {other:?} between parent and child")))
            }
        };
        result.map_err(|error| Failure::Step { phase: Phase::Between, index, error })?;
    }
    let flags = step.namespaces.clone_flags() | CloneFlags::PARENT;
    clone3(&CloneRequest { flags, cgroup }).map_err(|error| Failure::Other {
        what: format!("make the container's process in new namespaces: {}", step.namespaces),
        error: error.into(),
    })
}
