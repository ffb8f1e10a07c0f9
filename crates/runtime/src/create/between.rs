//! The process between parent and child, there for every exec, and for a container where a user namespace is in the
//! way: it joins what has to be joined before the child is cloned, and clones the child as its own sibling.

use holm_plan::{CloneStep, Phase, Step};
use holm_sys::{CloneFlags, CloneRequest, Forked, clone3, exit_now};
use std::os::fd::{AsFd, BorrowedFd};

use crate::create::ChildOrders;
use crate::create::handshake::{Channel, FromBetween};
use crate::error::{Failure, StepError};
use crate::steps::{StepResult, attributes, cgroup, namespaces};

/// Runs in the process between; returns only in the child that it made. (The process itself ends here.)
pub(crate) fn run(
    step: &CloneStep,
    cgroup: Option<BorrowedFd<'_>>,
    orders: &mut ChildOrders<'_>,
    channel: &Channel,
) {
    match clone_sibling(step, cgroup, orders, channel) {
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
    orders: &mut ChildOrders<'_>,
    channel: &Channel,
) -> Result<Forked, Failure> {
    // Processes of the namespaces that are joined must not look into this one, which has the host's memory; and the child
    // is born among them, so it must not have the parent's descriptors even for a moment.
    let keep: Vec<_> = orders.descriptors().into_iter().chain([channel.as_fd()]).chain(cgroup).collect();
    let closed =
        holm_credentials::set_dumpable(false).and_then(|()| holm_sys::close_all_but(orders.inherited, &keep));
    closed
        .map_err(|error| Failure::Other { what: "close what is not its own".into(), error: error.into() })?;
    for (index, join) in step.between.iter().enumerate() {
        run_step(join, orders).map_err(|error| Failure::Step { phase: Phase::Between, index, error })?;
    }
    let flags = step.namespaces.clone_flags() | CloneFlags::PARENT;
    clone3(&CloneRequest { flags, cgroup }).map_err(|error| Failure::Other {
        what: format!("make the container's process in new namespaces: {}", step.namespaces),
        error: error.into(),
    })
}

fn run_step(step: &Step, orders: &mut ChildOrders<'_>) -> StepResult {
    match step {
        Step::JoinNamespace { kind, path } => namespaces::join(*kind, path),
        Step::JoinProcess { kinds } => namespaces::join_process(orders.target.as_ref(), *kinds),
        Step::EnterCgroup => cgroup::enter(&mut orders.entrance),
        Step::SetCpus { .. } => attributes::run(step),
        other => Err(StepError::new(format!("the plan has {other:?} between parent and child"))),
    }
}
