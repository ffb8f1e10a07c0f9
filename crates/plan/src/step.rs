//! The steps that a plan is made of.

use std::path::PathBuf;

use holm_cgroups::{AskedProperty, CgroupPath, DevicePolicy, RdtGroup, Resources, Scope};
use holm_credentials::{CapabilitySet, IoClass, MemoryPolicy, NumberSet, Resource, Rlimit, Scheduling};
use holm_mounts::{FsOption, MountAttr, Propagation};
use holm_namespaces::{IdMap, Kind, Kinds, TimeOffsets};
use holm_seccomp::Filter;
use holm_spec::{Device, Hook, HookKind};
use serde::{Serialize, Serializer};

use crate::FilterTime;

/// Where a taken mount waits for its place: the number of a [`Step::TakeMount`], as its [`Step::AttachMount`] names it.
pub type Slot = usize;

/// Whether symbolic links of the root may be followed on the way to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Symlinks {
    /// They are, inside the root.
    Follow,
    /// One in the way is an error: below /proc, /sys and /dev nobody has an honest use for one.
    Refuse,
    /// They are, but one at the end is covered itself.
    Cover,
}

/// What a new file system takes over from the directory that it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Inherits {
    /// Nothing.
    Nothing,
    /// Its permissions, if it was there.
    Mode,
    /// A copy of all that is in it, its permissions and its owner.
    Content,
}

/// How a mount is idmapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Idmap {
    /// All below it too.
    pub recursive: bool,
    /// By these maps, of uids and of gids; without them by those of the child's user namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maps: Option<(IdMap, IdMap)>,
}

/// Who writes the id maps of a new user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdMapWriter {
    /// The parent, which may map any id.
    Parent,
    /// newuidmap(1) and newgidmap(1), which may map the ranges of /etc/subuid and /etc/subgid.
    Programs,
    /// The parent, for its own id alone; setgroups(2) is denied first, as user_namespaces(7) asks for.
    OwnId,
}

/// A change of propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PropagationStep {
    /// To what.
    pub propagation: Propagation,
    /// For all mounts below as well.
    pub recursive: bool,
}

/// How the container's root becomes its process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootEntry {
    /// By pivot_root(2): the host's root leaves the mount namespace.
    Pivot,
    /// Moved onto the host's root, and chroot(2): where that root is an initramfs, which cannot be pivoted away.
    Move,
    /// By chroot(2) alone: the mount namespace is not the container's own.
    Chroot,
}

/// What is changed on a mount, in this order: attributes of the mount itself, of the tree, propagation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct MountChange {
    /// To set on the mount.
    #[serde(serialize_with = "attributes")]
    pub set: MountAttr,
    /// To clear on it.
    #[serde(serialize_with = "attributes")]
    pub clear: MountAttr,
    /// What is not set is cleared, but for the access times, and for what is locked (mount_namespaces(7)).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exact: bool,
    /// To set on it and all below.
    #[serde(serialize_with = "attributes")]
    pub set_recursive: MountAttr,
    /// To clear on it and all below.
    #[serde(serialize_with = "attributes")]
    pub clear_recursive: MountAttr,
    /// Its propagation.
    pub propagation: Vec<PropagationStep>,
}

/// What the root is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum RootSource {
    /// A directory, taken earlier.
    Directory {
        /// By which step.
        slot: Slot,
    },
    /// An overlay of layers by path.
    Layers {
        /// The topmost first.
        lower: Vec<PathBuf>,
        /// The size of the writable layer.
        size: Option<String>,
    },
    /// An empty directory, writable, for parts that are overlays of their own.
    Empty {
        /// The size of all that is written.
        size: Option<String>,
    },
    /// An overlay of layers that were taken earlier, idmapped.
    TakenLayers {
        /// The topmost first.
        lower: Vec<Slot>,
        /// The size of the writable layer.
        size: Option<String>,
    },
}

/// A security module of the kernel that labels processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lsm {
    /// AppArmor: the label is a profile.
    AppArmor,
    /// SELinux.
    SeLinux,
}

/// The five capability sets of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CapabilitySets {
    /// Effective.
    pub effective: CapabilitySet,
    /// Permitted.
    pub permitted: CapabilitySet,
    /// Inheritable.
    pub inheritable: CapabilitySet,
    /// Ambient.
    pub ambient: CapabilitySet,
}

/// One thing that is done. Its fields say with what; the phase that it stands in says by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum Step {
    /// A cgroup of the container's own, in every hierarchy that the caller may use.
    CreateCgroup {
        /// Where.
        path: CgroupPath,
    },
    /// A unit of systemd with the child in it, whose cgroup becomes the container's. Hierarchies that systemd does not use
    /// are entered there too.
    StartUnit {
        /// The unit.
        scope: Scope,
        /// What annotations ask for beside what is usual.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        properties: Vec<AskedProperty>,
    },
    /// What the processes of the cgroup may use.
    SetLimits {
        /// The limits.
        #[serde(flatten)]
        resources: Box<Resources>,
    },
    /// Which devices the processes of the cgroup may use.
    AllowDevices {
        /// Those.
        policy: DevicePolicy,
    },
    /// The cgroup of v2, with the files that it takes to make groups below it, becomes the container's own.
    DelegateCgroup {
        /// Its owner on the host.
        uid: u32,
    },
    /// The child moves itself into the v1 hierarchies of the cgroup: a process that moves itself as its only thread does
    /// not wait for an RCU grace period, one that is moved by another does (5 to 20 ms).
    EnterCgroup,
    /// A group of resctrl, made or found.
    MakeRdtGroup {
        /// Which.
        #[serde(flatten)]
        group: Box<RdtGroup>,
    },
    /// The process is put into it.
    EnterRdtGroup,
    /// What was made of it goes. Undoes [`Step::MakeRdtGroup`].
    RemoveRdtGroup,
    /// The cgroup goes, with all that is in it. Undoes [`Step::CreateCgroup`] and [`Step::StartUnit`].
    RemoveCgroup,
    /// An existing namespace is joined.
    JoinNamespace {
        /// Of which kind.
        kind: Kind,
        /// Where it is.
        path: PathBuf,
    },
    /// The maps of the child's user namespace are written.
    WriteIdMaps {
        /// Of its uids.
        uids: IdMap,
        /// Of its gids.
        gids: IdMap,
        /// By whom.
        writer: IdMapWriter,
    },
    /// A network device of the caller's network namespace becomes the container's, with its lasting addresses, and is up there.
    MoveNetDevice {
        /// Its name on the host.
        device: String,
        /// Its name in the container; a `%d` at its end is the first number that is free there.
        name: String,
        /// The network namespace, where it is not the child's new one.
        #[serde(skip_serializing_if = "Option::is_none")]
        into: Option<PathBuf>,
    },
    /// A copy of a mount of the host is taken, and waits.
    TakeMount {
        /// Its number.
        slot: Slot,
        /// What is taken.
        path: PathBuf,
        /// With all mounts below it.
        recursive: bool,
        /// Idmapped.
        idmap: Option<Idmap>,
        /// A symbolic link at the end of the path is followed, not taken itself.
        follow: bool,
    },
    /// A cgroup namespace of its own, rooted where the child is now.
    UnshareCgroup,
    /// A time namespace of its own, with its clocks set off.
    UnshareTime {
        /// By how much.
        offsets: TimeOffsets,
    },
    /// The child takes ids that its user namespace has: these, or those that the maps of a joined namespace offer
    /// (0 where it is mapped, else the first).
    TakeIds {
        /// Its uid and gid, where the maps are known.
        ids: Option<(u32, u32)>,
    },
    /// Namespaces of a running container are joined, several at once, through its process.
    JoinProcess {
        /// Which.
        kinds: Kinds,
    },
    /// The hostname of the UTS namespace.
    SetHostname {
        /// The name.
        name: String,
    },
    /// The NIS domain name of the UTS namespace.
    SetDomainname {
        /// The name.
        name: String,
    },
    /// The loopback device of the network namespace is brought up.
    LoopbackUp,
    /// A kernel parameter of one of the container's namespaces.
    WriteSysctl {
        /// Its path below /proc/sys.
        path: PathBuf,
        /// Its value.
        value: String,
    },
    /// No mount event leaves the mount namespace any more, and none comes in but through mounts taken before.
    SeverMounts,
    /// The root is put together, on the directory that the bundle has for it.
    MakeRoot {
        /// The directory.
        path: PathBuf,
        /// Whether it is mounted there; else it is attached nowhere, and goes with the last process in it.
        attach: bool,
        /// What it is made of.
        source: RootSource,
        /// The root's attributes and propagation.
        change: MountChange,
    },
    /// A directory of the host, copy-on-write, at its own place in the root.
    MountOverlay {
        /// Where it is on the host and in the root.
        path: PathBuf,
        /// Its attributes and propagation.
        change: MountChange,
    },
    /// A new instance of a file system is mounted.
    MountFilesystem {
        /// Where, in the root.
        destination: PathBuf,
        /// Which.
        fstype: String,
        /// Its source, as mountinfo shows it.
        source: Option<String>,
        /// Its own options.
        options: Vec<FsOption>,
        /// Its attributes and propagation.
        change: MountChange,
        /// Links on the way.
        symlinks: Symlinks,
        /// What it has from the directory that it covers.
        inherits: Inherits,
    },
    /// A taken mount is put in its place.
    AttachMount {
        /// The step that took it.
        slot: Slot,
        /// Where, in the root.
        destination: PathBuf,
        /// Its attributes and propagation.
        change: MountChange,
        /// Links on the way.
        symlinks: Symlinks,
        /// When it is a symbolic link, the same link is made instead.
        copy_link: bool,
    },
    /// A node is made; where the kernel does not allow that, the host's of the same number is bound.
    MakeDevice {
        /// Which.
        device: Device,
        /// It becomes a mount of its own, in which it works, as nodes do not in what is around it.
        own_mount: bool,
        /// One that every container has: something else in its place is covered, and not refused.
        default: bool,
    },
    /// The host's node, verified by its number.
    BindDevice {
        /// Which.
        device: Device,
    },
    /// A symbolic link.
    MakeSymlink {
        /// Where, in the root.
        path: PathBuf,
        /// To what.
        target: PathBuf,
        /// Whether it takes the place of a file that is there; else that stays.
        replace: bool,
    },
    /// A directory, unless it is there.
    MakeDirectory {
        /// Where, in the root.
        path: PathBuf,
    },
    /// A terminal from the container's own devpts; its master goes to who asked for it.
    OpenTerminal {
        /// Rows and columns.
        size: Option<(u16, u16)>,
        /// Whether /dev/console becomes it.
        console: bool,
    },
    /// A path that reads as empty from now on; passed over when it is not there.
    MaskPath {
        /// Which, in the root.
        path: PathBuf,
    },
    /// A path that cannot be written from now on; passed over when it is not there.
    ReadonlyPath {
        /// Which, in the root.
        path: PathBuf,
    },
    /// The attributes or the propagation of a mount that is in place.
    ChangeMount {
        /// Which, in the root.
        path: PathBuf,
        /// What changes.
        change: MountChange,
    },
    /// A file system that is in place gets other options.
    Reconfigure {
        /// Where, in the root.
        path: PathBuf,
        /// Its options.
        options: Vec<FsOption>,
        /// Its mount's attributes and propagation.
        change: MountChange,
    },
    /// The root becomes `/`, and the host's is out of reach.
    EnterRoot {
        /// In which way.
        by: RootEntry,
    },
    /// A program of the configuration runs, with the container's state on its standard input.
    RunHook {
        /// When.
        kind: HookKind,
        /// Which.
        hook: Hook,
    },
    /// A session keyring of its own.
    NewKeyring,
    /// A session of its own, with the terminal when there is one, and the standard streams in place.
    NewSession {
        /// Who owns the terminal.
        terminal_owner: Option<u32>,
    },
    /// The pipes among the standard streams become the process's user's, who may open them again then (/dev/stdout). Nothing
    /// else does: a file and the caller's terminal outlast the container.
    GiveStreams {
        /// Their owner, as who gives them has it.
        uid: u32,
    },
    /// A resource limit.
    SetRlimit {
        /// Of what.
        resource: Resource,
        /// The limits.
        limit: Rlimit,
    },
    /// exec never adds privileges from now on.
    NoNewPrivileges,
    /// What is not in `keep` can never be had again.
    DropBounding {
        /// What stays.
        keep: CapabilitySet,
    },
    /// The process's final ids.
    SetIds {
        /// Its uid.
        uid: u32,
        /// Its gid.
        gid: u32,
        /// Its additional groups; `None` where the namespace denies setgroups(2). An empty list is passed over too in a
        /// namespace that was joined and turns out to deny it.
        groups: Option<Vec<u32>>,
    },
    /// The process's final capabilities.
    SetCapabilities {
        /// The sets.
        sets: CapabilitySets,
    },
    /// The filter of system calls.
    LoadSeccomp {
        /// What is loaded.
        filter: Box<Filter>,
        /// When.
        time: FilterTime,
    },
    /// The umask.
    SetUmask {
        /// The mask.
        mask: u32,
    },
    /// The working directory, checked to be inside the root.
    ChangeDirectory {
        /// Where.
        path: PathBuf,
    },
    /// The end of the parent is the end of the container.
    DieWithParent,
    /// How likely the process is killed when memory runs out: the parent takes the score until it has made the child,
    /// which inherits it.
    SetOomScoreAdj {
        /// The score.
        score: i32,
        /// Whether it has to be so; else who may not lower it makes the child as it is.
        required: bool,
    },
    /// How the process is scheduled.
    SetScheduling {
        /// How.
        scheduling: Scheduling,
    },
    /// Its I/O priority.
    SetIoPriority {
        /// The class.
        class: IoClass,
        /// The level in it.
        level: u8,
    },
    /// The CPUs that it may run on.
    SetCpus {
        /// Which.
        cpus: NumberSet,
    },
    /// Its execution domain.
    SetPersonality {
        /// As personality(2) has it.
        persona: u32,
    },
    /// From which nodes it gets its memory.
    SetMemoryPolicy {
        /// How.
        policy: MemoryPolicy,
    },
    /// The label that the next program is executed with.
    SetLabel {
        /// Whose label.
        lsm: Lsm,
        /// The label.
        label: String,
    },
}

fn attributes<S: Serializer>(attributes: &MountAttr, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(attributes.iter_names().map(|(name, _)| name.to_lowercase()))
}
