//! The phases of a plan: who does what, and when.

use std::path::PathBuf;

use holm_namespaces::Kinds;
use serde::Serialize;

use crate::Step;

/// Who runs a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The process that was asked for the container.
    Parent,
    /// A process between the two, only there where the namespaces leave no other way ([`CloneStep::between`]).
    Between,
    /// The container's process.
    Child,
}

/// The phases, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The parent, before the clone.
    Prepare,
    /// The process between.
    Between,
    /// The parent, for the child that waits.
    Adopt,
    /// The child: namespaces.
    Isolate,
    /// The child: the root and the mounts, the host still in sight.
    Root,
    /// The parent, while the child waits with its mounts made: hooks.
    Hooks,
    /// The child: hooks in its namespaces, and then what ends its sight of the host.
    Enter,
    /// The child, in its root: who it is.
    Privileges,
    /// The parent, when the child has done its work and waits to be let go.
    Confine,
    /// The child, when it is started, before the command runs: hooks in the container.
    Start,
    /// The parent, or whoever starts it, when the command runs: hooks.
    Started,
    /// The parent, when the container goes.
    Undo,
}

/// The one clone3(2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloneStep {
    /// The namespaces that it makes.
    pub namespaces: Kinds,
    /// Whether the child is born in its cgroup (cgroup v2), and needs no attaching to it.
    pub into_cgroup: bool,
    /// What a process between parent and child joins before it clones the child as its own sibling. Empty, and no
    /// such process, unless a user namespace meets others that must be joined or owned across it: a namespace of the
    /// outer user namespace has to be joined before a new user namespace is made, and a new PID namespace belongs to a joined
    /// user namespace only when the clone happens in there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub between: Vec<Step>,
}

/// What is run in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// The program and its arguments.
    pub args: Vec<String>,
    /// The environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Whether PID 1 stays the runtime's init, with the program as its child.
    pub init: bool,
    /// Whether the program has a terminal: under an init, it is the program that leads the terminal's session.
    pub terminal: bool,
}

/// All that is done to make one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The container's id.
    pub id: String,
    /// The bundle.
    pub bundle: PathBuf,
    /// By the parent, before the clone.
    pub prepare: Vec<Step>,
    /// The clone.
    pub clone: CloneStep,
    /// By the parent, while the child waits.
    pub adopt: Vec<Step>,
    /// By the child: its namespaces.
    pub isolate: Vec<Step>,
    /// By the child: its root and mounts.
    pub root: Vec<Step>,
    /// By the parent, while the child waits with its mounts made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Step>,
    /// By the child: what is hidden, and the change into its root.
    pub enter: Vec<Step>,
    /// By the child, in its root: its privileges, last of all before exec.
    pub privileges: Vec<Step>,
    /// By the parent, last: what the child's own work would not have gone by with.
    pub confine: Vec<Step>,
    /// By the child, when it is started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub start: Vec<Step>,
    /// By who starts it, when its command runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub started: Vec<Step>,
    /// What is run; none for a container that is only created.
    pub command: Option<Command>,
    /// By the parent, when the container goes.
    pub undo: Vec<Step>,
}

impl Plan {
    /// The phases with their steps, in the order in which they run.
    pub fn phases(&self) -> [(Phase, &[Step]); 12] {
        [
            (Phase::Prepare, &self.prepare),
            (Phase::Between, &self.clone.between),
            (Phase::Adopt, &self.adopt),
            (Phase::Isolate, &self.isolate),
            (Phase::Root, &self.root),
            (Phase::Hooks, &self.hooks),
            (Phase::Enter, &self.enter),
            (Phase::Privileges, &self.privileges),
            (Phase::Confine, &self.confine),
            (Phase::Start, &self.start),
            (Phase::Started, &self.started),
            (Phase::Undo, &self.undo),
        ]
    }

    /// How many steps make the container.
    pub fn len(&self) -> usize {
        self.phases().iter().filter(|(phase, _)| *phase != Phase::Undo).map(|(_, steps)| steps.len()).sum()
    }

    /// Never: every plan has steps.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a step, from 1, counted through all phases.
    pub fn number(&self, phase: Phase, index: usize) -> usize {
        let before = self
            .phases()
            .iter()
            .filter(|(other, _)| *other < phase)
            .map(|(_, steps)| steps.len())
            .sum::<usize>();
        before + index + 1
    }
}

impl Phase {
    /// Who runs it.
    pub fn who(self) -> Who {
        match self {
            Self::Prepare | Self::Adopt | Self::Hooks | Self::Confine | Self::Started | Self::Undo => {
                Who::Parent
            }
            Self::Between => Who::Between,
            Self::Isolate | Self::Root | Self::Enter | Self::Privileges | Self::Start => Who::Child,
        }
    }

    /// Where it happens, for an error.
    pub fn place(self) -> &'static str {
        match self {
            Self::Prepare => "on the host",
            Self::Between => "on the way into the container's namespaces",
            Self::Adopt => "on the host, for the container's process",
            Self::Isolate => "in the container's namespaces",
            Self::Hooks => "on the host, while the container's process waits",
            Self::Root | Self::Enter => "in the container's mount namespace",
            Self::Privileges => "in the container",
            Self::Confine => "on the host, for the container that is made",
            Self::Start => "in the container, at its start",
            Self::Started => "on the host, once the command runs",
            Self::Undo => "on the host, afterwards",
        }
    }
}
