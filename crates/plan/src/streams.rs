//! The standard streams of a process without a terminal.

use holm_spec::{Process, Spec};

use crate::{HostFacts, Step, namespaces};

/// The process's user as the caller has it, where the caller may change what the user namespace of the process, if any,
/// does not even have.
pub(crate) fn owner_outside(process: &Process, spec: &Spec, facts: &HostFacts) -> Option<u32> {
    namespaces::uid_outside(spec, process.user.uid).filter(|_| facts.privileged())
}

/// By the parent, for a user that it knows.
pub(crate) fn by_parent(process: &Process, outside: Option<u32>) -> Option<Step> {
    outside.filter(|_| !process.terminal).map(|uid| Step::GiveStreams { uid })
}

/// By the child, where the parent cannot.
pub(crate) fn by_child(process: &Process, outside: Option<u32>) -> Option<Step> {
    let gives = !process.terminal && outside.is_none();
    gives.then_some(Step::GiveStreams { uid: process.user.uid })
}
