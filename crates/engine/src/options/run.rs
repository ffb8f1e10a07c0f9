//! All options of one call, by subject.

use std::path::PathBuf;
use std::time::Duration;

use holm_namespaces::Mapping;

use super::{
    CapabilityChoice, ContainerName, HostName, NamespaceMode, RequestedMount, ResourceOptions,
    SecurityOption, SignalNumber, Size, Sysctl, Target, TimeMode, Ulimit, UserMode, UserSpec, Variable,
};

/// A container to be run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Its name; one is made up when none is said.
    pub name: Option<ContainerName>,
    /// What it is made of, and what it runs.
    pub target: Target,
    /// The command's process.
    pub process: ProcessOptions,
    /// The command's standard streams.
    pub streams: Streams,
    /// Its namespaces.
    pub namespaces: NamespaceOptions,
    /// Its mounts.
    pub mounts: MountOptions,
    /// Its privileges.
    pub security: SecurityOptions,
    /// What it may use.
    pub resources: ResourceOptions,
    /// The cgroup above the container's own.
    pub cgroup_parent: Option<String>,
    /// The signal that asks it to end; the image's own, or `SIGTERM`, when none is said.
    pub stop_signal: Option<SignalNumber>,
    /// How long `stop` waits for that.
    pub stop_timeout: Option<Duration>,
    /// Who makes it.
    pub runtime: RuntimeChoice,
}

/// The command's process.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// Takes the place of the image's entry point; an empty text takes it away.
    pub entrypoint: Option<String>,
    /// Who it is.
    pub user: Option<UserSpec>,
    /// Where it starts.
    pub workdir: Option<PathBuf>,
    /// Its environment, beyond that of the image.
    pub environment: Vec<Variable>,
    /// Its resource limits.
    pub ulimits: Vec<Ulimit>,
    /// Whether Holm's own init is PID 1.
    pub init: bool,
}

/// The standard streams of a command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streams {
    /// A terminal of its own; when not said: for a shell that is started from one.
    pub terminal: Option<bool>,
    /// Standard input is passed on; when not said: yes, unless a terminal was asked for without it.
    pub interactive: Option<bool>,
}

impl Streams {
    /// Whether standard input is passed on.
    pub(crate) fn pass_input(self) -> bool {
        self.interactive.unwrap_or(self.terminal != Some(true))
    }
}

/// The namespaces of a container. The mount namespace is always its own.
#[derive(Debug, Clone, Default)]
pub struct NamespaceOptions {
    /// Network.
    pub network: NamespaceMode,
    /// PID.
    pub pid: NamespaceMode,
    /// IPC.
    pub ipc: NamespaceMode,
    /// UTS.
    pub uts: NamespaceMode,
    /// Cgroup.
    pub cgroup: NamespaceMode,
    /// Time, with the offsets of its clocks.
    pub time: TimeMode,
    /// User.
    pub user: UserMode,
    /// The uids of a new user namespace; empty for what the mode says.
    pub uid_map: Vec<Mapping>,
    /// Its gids.
    pub gid_map: Vec<Mapping>,
    /// The host name; the container's name when none is said.
    pub hostname: Option<HostName>,
    /// The NIS domain name.
    pub domainname: Option<HostName>,
}

/// The mounts of a container.
#[derive(Debug, Clone, Default)]
pub struct MountOptions {
    /// In the order in which they were said.
    pub mounts: Vec<RequestedMount>,
    /// The root cannot be written to.
    pub read_only: bool,
    /// The size of /dev/shm.
    pub shm_size: Option<Size>,
    /// The size of what may be written to an overlay root.
    pub size: Option<Size>,
}

/// The privileges of a container.
#[derive(Debug, Clone, Default)]
pub struct SecurityOptions {
    /// All capabilities, nothing hidden, the devices of the host.
    pub privileged: bool,
    /// Capabilities beyond the default ones.
    pub cap_add: Vec<CapabilityChoice>,
    /// Capabilities taken away.
    pub cap_drop: Vec<CapabilityChoice>,
    /// The rest.
    pub options: Vec<SecurityOption>,
    /// Kernel parameters of its namespaces.
    pub sysctls: Vec<Sysctl>,
}

/// Who makes the container out of the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// Holm itself, in this process.
    #[default]
    Own,
    /// Another OCI runtime, with runc's command line.
    Other(PathBuf),
}

/// A command to be run in a container that runs.
#[derive(Debug, Clone)]
pub struct ExecOptions {
    /// The container.
    pub name: ContainerName,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Who it runs as; who the container's process runs as, when not said.
    pub user: Option<UserSpec>,
    /// Where it starts; where the container's process started, when not said.
    pub workdir: Option<PathBuf>,
    /// Its environment, beyond that of the container's process.
    pub environment: Vec<Variable>,
    /// Its standard streams.
    pub streams: Streams,
    /// All capabilities.
    pub privileged: bool,
}
