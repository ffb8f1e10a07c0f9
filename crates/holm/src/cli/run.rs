//! `holm run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use holm_engine::options::{
    CapabilityChoice, ContainerName, HostName, Invalid, MapLine, MountOptions, NamespaceMode,
    NamespaceOptions, ProcessOptions, RequestedMount, RunOptions, RuntimeChoice, SecurityOption,
    SecurityOptions, SignalNumber, Size, Sysctl, Target, TimeMode, Ulimit, UserMode, parse_mount,
    parse_network_mode, parse_tmpfs, parse_volume,
};
use holm_engine::{Engine, Result};
use holm_oci::PlanFormat;
use holm_oci::output::Narrator;

use super::process::ProcessArgs;
use super::resources::ResourceArgs;
use super::streams::StreamArgs;

/// Run a command in a new container
///
/// The container ends with the command, and nothing of it is left. Its root is this machine's own, copied on write;
/// or a directory; or an image (oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG]).
///
/// The exit status is the command's own, 128+n when signal n ended it; 125 when Holm failed, 126 when the command
/// cannot be executed, 127 when it is not there.
#[derive(Debug, Args)]
#[command(override_usage = "holm run [OPTIONS] [--] [COMMAND [ARGUMENT]...]\n       \
                            holm run [OPTIONS] --rootfs DIRECTORY [--] COMMAND [ARGUMENT]...\n       \
                            holm run [OPTIONS] IMAGE [COMMAND [ARGUMENT]...]")]
pub(super) struct Run {
    /// The name of the container; one is made up when none is said
    #[arg(long, value_name = "NAME")]
    name: Option<ContainerName>,

    /// Take this directory as the root, as it is
    #[arg(long, value_name = "DIRECTORY")]
    rootfs: Option<PathBuf>,

    /// Print what would be done, step by step, and do nothing but unpack an image that is not unpacked yet
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    dry_run: Option<PlanFormat>,

    /// Let this OCI runtime make the container (the name or path of runc, crun, ...)
    #[arg(long, value_name = "PATH")]
    runtime: Option<PathBuf>,

    /// Containers in the foreground are always removed at their end; taken for Docker's sake
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_rm, hide = true)]
    rm: Option<bool>,

    #[command(flatten)]
    streams: StreamArgs,

    #[command(flatten)]
    command: CommandArgs,

    #[command(flatten)]
    namespaces: NamespaceArgs,

    #[command(flatten)]
    mounts: MountArgs,

    #[command(flatten)]
    resources: ResourceArgs,

    #[command(flatten)]
    security: SecurityArgs,

    /// The image, if it is one; then the command and its arguments
    #[arg(value_name = "IMAGE OR COMMAND", trailing_var_arg = true)]
    words: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
struct CommandArgs {
    #[command(flatten)]
    process: ProcessArgs,

    /// Run this instead of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,

    /// Set a resource limit
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<Ulimit>,

    /// Make the command itself PID 1
    #[arg(long, overrides_with = "init")]
    no_init: bool,

    /// Have an init as PID 1, which passes signals on and takes orphans in (the default)
    #[arg(long)]
    init: bool,

    /// The signal with which `holm stop` asks the command to end
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<SignalNumber>,

    /// How long `holm stop` waits for that, in seconds [default: 10]
    #[arg(long, value_name = "SECONDS")]
    stop_timeout: Option<u32>,

    /// The cgroup above the container's own, which is PATH/NAME then, and /holm-NAME otherwise
    #[arg(long, value_name = "PATH")]
    cgroup_parent: Option<String>,
}

/// Each takes private, host, container:NAME, pid:N or the path of a namespace file.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Namespaces (private, host, container:NAME, pid:N or the path of a namespace file)"
)]
struct NamespaceArgs {
    /// Network namespace; a private one has the loopback device alone
    #[arg(long = "net", visible_alias = "network", value_name = "MODE", value_parser = parse_network_mode)]
    net: Option<NamespaceMode>,

    /// PID namespace
    #[arg(long, value_name = "MODE")]
    pid: Option<NamespaceMode>,

    /// IPC namespace
    #[arg(long, value_name = "MODE")]
    ipc: Option<NamespaceMode>,

    /// UTS namespace
    #[arg(long, value_name = "MODE")]
    uts: Option<NamespaceMode>,

    /// Cgroup namespace
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<NamespaceMode>,

    /// Time namespace, or the offsets of the clocks of a private one: monotonic=+3600,boottime=-60
    #[arg(long, value_name = "MODE")]
    time: Option<TimeMode>,

    /// User namespace: also auto (all ids that you may have) and identity (your own id and no other)
    #[arg(long, value_name = "MODE")]
    userns: Option<UserMode>,

    /// Map user ids into the container
    #[arg(long, value_name = "CONTAINER:HOST:SIZE")]
    uidmap: Vec<MapLine>,

    /// Map group ids into the container
    #[arg(long, value_name = "CONTAINER:HOST:SIZE")]
    gidmap: Vec<MapLine>,

    /// The host name [default: the name of the container]
    #[arg(long, value_name = "NAME")]
    hostname: Option<HostName>,

    /// The NIS domain name
    #[arg(long, value_name = "NAME")]
    domainname: Option<HostName>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Mounts")]
struct MountArgs {
    /// Mount a file or directory: ro, rw, bind, rbind, private, slave, shared, rprivate, rslave, rshared, idmap,
    /// ridmap, nosuid, nodev, noexec
    #[arg(short, long, value_name = "SRC:DST[:OPTIONS]", value_parser = parse_volume)]
    volume: Vec<RequestedMount>,

    /// Mount something: type=bind|tmpfs|mqueue|proc|sysfs|devpts|cgroup|ramfs|overlay,src=PATH,dst=PATH,ro,...
    /// (what is hidden in /proc and /sys is not hidden in a further proc or sysfs elsewhere)
    #[arg(long, value_name = "KEY=VALUE,...", value_parser = parse_mount)]
    mount: Vec<RequestedMount>,

    /// Mount a tmpfs: size=64m, mode=1777, exec, ...
    #[arg(long, value_name = "DST[:OPTIONS]", value_parser = parse_tmpfs)]
    tmpfs: Vec<RequestedMount>,

    /// Nothing can be written to the root
    #[arg(long)]
    read_only: bool,

    /// The size of /dev/shm [default: 64m]
    #[arg(long, value_name = "SIZE")]
    shm_size: Option<Size>,

    /// How much may be written to a root that is copied on write [default: half of the memory]
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Privileges")]
struct SecurityArgs {
    /// Give all capabilities and the devices of the host, hide nothing
    #[arg(long)]
    privileged: bool,

    /// Give a capability beyond the default ones, or ALL
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<CapabilityChoice>,

    /// Take a capability away, or ALL: then those that --cap-add names remain, also with --privileged
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<CapabilityChoice>,

    /// no-new-privileges=BOOL [default: true], seccomp=FILE|builtin|unconfined [default: builtin], unmask=all|PATH:PATH (*
    /// matches), mask=PATH:PATH; apparmor=unconfined and label=disable are the case anyway: there is no label
    #[arg(long = "security-opt", value_name = "OPTION")]
    security_opt: Vec<SecurityOption>,

    /// Set a kernel parameter of the container's namespaces
    #[arg(long, value_name = "KEY=VALUE")]
    sysctl: Vec<Sysctl>,
}

/// There is nothing that could be kept.
fn parse_rm(text: &str) -> std::result::Result<bool, Invalid> {
    use clap::builder::TypedValueParser;
    let said = BoolishValueParser::new().parse_ref(&clap::Command::new("holm"), None, text.as_ref());
    match said {
        Ok(true) => Ok(true),
        _ => Err(Invalid::new("a container in the foreground is always removed at its end")
            .with_hint("take --rootfs with a directory that is to stay")),
    }
}

impl Run {
    /// In a PID namespace of its own a container has nobody, before its init is there, who could see its maker; and the
    /// init is a program of its own.
    pub(super) fn is_seen_from_inside(&self) -> bool {
        self.namespaces.pid.as_ref().is_some_and(|pid| *pid != NamespaceMode::Private)
    }

    pub(super) fn execute(self, narrator: &mut Narrator) -> Result<u8> {
        let plan = self.dry_run;
        let options = self.into_options()?;
        let engine = Engine::open()?;
        let Some(format) = plan else { return engine.run(&options, narrator) };
        let plan = engine.dry_run(&options, narrator)?;
        format.print(&plan)?;
        Ok(0)
    }

    fn into_options(self) -> Result<RunOptions> {
        let target = Target::from_words(self.rootfs, self.words)
            .map_err(|invalid| holm_options::refused("the command line", &invalid))?;
        Ok(RunOptions {
            name: self.name,
            target,
            streams: self.streams.to_streams(),
            cgroup_parent: self.command.cgroup_parent.clone(),
            stop_signal: self.command.stop_signal,
            stop_timeout: self.command.stop_timeout.map(|seconds| Duration::from_secs(seconds.into())),
            process: self.command.into_options()?,
            namespaces: self.namespaces.into_options(),
            mounts: self.mounts.into_options(),
            security: self.security.into_options(),
            resources: self.resources.into_options(),
            runtime: self.runtime.map_or(RuntimeChoice::Own, RuntimeChoice::Other),
        })
    }
}

impl CommandArgs {
    fn into_options(mut self) -> Result<ProcessOptions> {
        Ok(ProcessOptions {
            entrypoint: self.entrypoint,
            environment: self.process.take_environment()?,
            user: self.process.user,
            workdir: self.process.workdir,
            ulimits: self.ulimit,
            init: self.init || !self.no_init,
        })
    }
}

impl NamespaceArgs {
    fn into_options(self) -> NamespaceOptions {
        let mappings = |lines: Vec<MapLine>| lines.into_iter().map(|line| line.0).collect();
        NamespaceOptions {
            network: self.net.unwrap_or_default(),
            pid: self.pid.unwrap_or_default(),
            ipc: self.ipc.unwrap_or_default(),
            uts: self.uts.unwrap_or_default(),
            cgroup: self.cgroupns.unwrap_or_default(),
            time: self.time.unwrap_or_default(),
            user: self.userns.unwrap_or_default(),
            uid_map: mappings(self.uidmap),
            gid_map: mappings(self.gidmap),
            hostname: self.hostname,
            domainname: self.domainname,
        }
    }
}

impl MountArgs {
    fn into_options(self) -> MountOptions {
        MountOptions {
            mounts: self.volume.into_iter().chain(self.mount).chain(self.tmpfs).collect(),
            read_only: self.read_only,
            shm_size: self.shm_size,
            size: self.size,
        }
    }
}

impl SecurityArgs {
    fn into_options(self) -> SecurityOptions {
        SecurityOptions {
            privileged: self.privileged,
            cap_add: self.cap_add,
            cap_drop: self.cap_drop,
            options: self.security_opt,
            sysctls: self.sysctl,
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
