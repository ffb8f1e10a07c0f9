//! What is written of a container.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use holm_spec::{Hooks, Surroundings};
use serde::{Deserialize, Serialize};

use crate::ProcessId;

/// The status of a container, as the runtime-spec names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is being made.
    Creating,
    /// It is made, and its process waits.
    Created,
    /// Its process runs.
    Running,
    /// Its processes stand still, and can go on.
    Paused,
    /// Its process has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// All that later calls have to know of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its id.
    pub id: String,
    /// As last written; [`Record::status`] says what it is now.
    pub status: Status,
    /// Its process, once there is one.
    pub process: Option<ProcessId>,
    /// Whether its process is the runtime's init, above its command.
    #[serde(default)]
    pub init: bool,
    /// Its bundle.
    pub bundle: PathBuf,
    /// The file that its configuration was read from.
    pub config: PathBuf,
    /// Its root, as the bundle has it.
    pub rootfs: PathBuf,
    /// Whether that is the root of its process alone, in a mount namespace that is not its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chrooted: bool,
    /// When it was created, RFC 3339.
    pub created: String,
    /// Who created it.
    pub owner: u32,
    /// The annotations of its configuration.
    pub annotations: HashMap<String, String>,
    /// Its cgroup, where it has one of its own.
    pub cgroup: Option<holm_cgroups::Record>,
    /// The cgroup that is about to be made: after a crash it may be there or not, or be somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_cgroup: Option<holm_cgroups::Record>,
    /// Its group of resctrl, with what of it was made for it; while it is being made, what is going to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rdt: Option<holm_cgroups::RdtRecord>,
    /// Whether a limit of memory is compared with what is used before it is set.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_before_update: bool,
    /// The version of the specification that its configuration follows.
    pub oci_version: String,
    /// How every process of it runs.
    #[serde(default)]
    pub surroundings: Surroundings,
    /// The filter of system calls that its processes are under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<holm_seccomp::Filter>,
    /// The hooks that run after its creation.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

impl Record {
    /// The process by which the container's namespaces are found: the command, which is the first child of an init. The
    /// init itself is closed to others, and with it, for an ordinary user, the links of its namespaces.
    pub fn member(&self) -> Option<ProcessId> {
        let command = self.process.filter(|_| self.init).and_then(ProcessId::first_child);
        command.or(self.process)
    }

    /// The status now: what was written, unless its process has ended since.
    pub fn status(&self) -> Status {
        match (self.status, self.process) {
            (Status::Created | Status::Running, Some(process)) if process.is_alive() => self.status,
            (Status::Creating, None) => Status::Creating,
            (Status::Creating, Some(process)) if process.is_alive() => Status::Creating,
            _ => Status::Stopped,
        }
    }

    /// The same, and whether its processes stand still, for which its cgroup is asked.
    pub fn status_now(&self) -> Status {
        match self.status() {
            Status::Created | Status::Running if self.is_frozen() => Status::Paused,
            status => status,
        }
    }

    fn is_frozen(&self) -> bool {
        self.cgroup.as_ref().is_some_and(holm_cgroups::Record::is_frozen)
    }

    /// The state, as the runtime-spec has it.
    pub fn state(&self) -> State {
        let status = self.status_now();
        let alive = self.process.filter(|_| status != Status::Stopped);
        State {
            oci_version: self.oci_version.clone(),
            id: self.id.clone(),
            status,
            pid: alive.map(|process| process.pid).unwrap_or_default(),
            bundle: self.bundle.clone(),
            rootfs: self.rootfs.clone(),
            created: self.created.clone(),
            owner: self.owner,
            annotations: self.annotations.clone(),
        }
    }
}

/// The state of a container (runtime-spec, "State"), with what runc adds to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version of the specification.
    pub oci_version: String,
    /// The container's id.
    pub id: String,
    /// Its process, as this PID namespace sees it; 0 when it has stopped.
    pub pid: i32,
    /// What it does.
    pub status: Status,
    /// Its bundle.
    pub bundle: PathBuf,
    /// Its root.
    pub rootfs: PathBuf,
    /// When it was created, RFC 3339.
    pub created: String,
    /// The annotations of its configuration.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub annotations: HashMap<String, String>,
    /// The uid of who created it.
    #[serde(skip)]
    pub owner: u32,
}
