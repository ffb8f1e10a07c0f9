//! Making the one process of a container, or of an exec in it.

pub(crate) mod between;
pub(crate) mod child;
pub(crate) mod handshake;
pub(crate) mod parent;
pub(crate) mod program;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_cgroups::Entrance;
use holm_plan::{Command, Phase, Step};
use program::Program;

use crate::hooks::Told;
use crate::seccomp::Agent;

/// All that the child needs, made before the clone; its descriptors are the only ones that it keeps.
pub(crate) struct ChildOrders<'a> {
    /// The phases that the child runs, in order.
    pub(crate) phases: Vec<(Phase, &'a [Step])>,
    /// What it runs in the end.
    pub(crate) command: Option<&'a Command>,
    /// Whether each step is reported.
    pub(crate) watched: bool,
    /// Whether the parent writes the maps of a user namespace for it.
    pub(crate) awaits_maps: bool,
    /// The v1 cgroups to enter.
    pub(crate) entrance: Option<Entrance>,
    /// The process whose namespaces are joined (exec).
    pub(crate) target: Option<OwnedFd>,
    /// Where the terminal's master is sent.
    pub(crate) console_socket: Option<OwnedFd>,
    /// The descriptors behind the standard streams that are the command's.
    pub(crate) inherited: &'a [u32],
    /// Whether the parent runs hooks when the child has its mounts.
    pub(crate) awaits_hooks: bool,
    /// What is run at the start, ahead of the command.
    pub(crate) start_hooks: &'a [Step],
    /// What hooks hear.
    pub(crate) told: Option<Told>,
    /// Who gets the listener of the filter.
    pub(crate) agent: Option<Agent>,
    /// How the child waits for its start; none for an exec, which starts at once.
    pub(crate) start: Option<Start>,
}

/// How a container's process waits for its start.
pub(crate) struct Start {
    /// Who connects here starts it; none for who starts as soon as it is recorded.
    pub(crate) listener: Option<OwnedFd>,
    /// What waits; none where memory may not be executed.
    pub(crate) program: Option<Program>,
    /// A pidfd of the process that it does not outlive.
    pub(crate) parent: Option<OwnedFd>,
}

impl Start {
    fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let program = self.program.iter().map(AsFd::as_fd);
        let others = self.listener.iter().chain(&self.parent);
        others.map(AsFd::as_fd).chain(program)
    }
}

impl ChildOrders<'_> {
    /// All of its descriptors.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let single = [&self.target, &self.console_socket];
        let entrance = self.entrance.iter().flat_map(Entrance::descriptors);
        let start = self.start.iter().flat_map(Start::descriptors);
        let agent = self.agent.iter().map(AsFd::as_fd);
        single.into_iter().flatten().map(AsFd::as_fd).chain(entrance).chain(start).chain(agent).collect()
    }
}
