//! What can go wrong with control groups, and what to do about it.

use std::path::PathBuf;

use holm_sys as sys;

use crate::Version;

/// A failure of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A system call failed.
    #[error(transparent)]
    Call(#[from] sys::Error),
    /// The cgroups path cannot be used as one.
    #[error("cgroups path {path:?}: {problem}")]
    Path {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No cgroup filesystem is mounted in this mount namespace.
    #[error("no cgroup filesystem is mounted here")]
    NoHierarchy,
    /// This user may not make or enter groups there.
    #[error("no permission for control groups in the hierarchy {hierarchy}: {source}")]
    NotDelegated {
        /// The hierarchy, by its controllers and version.
        hierarchy: String,
        /// What the kernel refused.
        source: sys::Error,
    },
    /// The group that this process is in cannot be reached through the mount, so nothing can be made below it.
    #[error("this process's own control group lies outside of what is mounted of the hierarchy {hierarchy}")]
    Unreachable {
        /// The hierarchy, by its controllers and version.
        hierarchy: String,
    },
    /// A directory that should be a control group is on another filesystem.
    #[error("{} is not on a cgroup filesystem", path.display())]
    NotCgroup {
        /// The directory.
        path: PathBuf,
    },
    /// The group exists already, and has processes or groups in it.
    #[error("the control group {} exists and is in use", path.display())]
    Occupied {
        /// The group's directory.
        path: PathBuf,
    },
    /// The group exists already, and is frozen: a process that enters it would stop.
    #[error("the control group {} exists and is frozen", path.display())]
    Frozen {
        /// The group's directory.
        path: PathBuf,
    },
    /// The group did not become empty, or frozen, in time.
    #[error("the control group {} is still busy (processes: {processes:?})", path.display())]
    Busy {
        /// The group's directory.
        path: PathBuf,
        /// The processes in it, as this PID namespace sees them.
        processes: Vec<i32>,
    },
    /// systemd does not do what it is asked for, or cannot be asked.
    #[error("cannot {what}: {cause}")]
    Systemd {
        /// What it was asked for.
        what: String,
        /// What it answered.
        cause: String,
    },
    /// What is asked for as a property of a unit of systemd is none.
    #[error("org.systemd.property.{name} = {text:?}: {problem}")]
    Property {
        /// Its name.
        name: String,
        /// The value as it was given.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No hierarchy of the group has a controller that is needed.
    #[error("there is no controller {controller} for this control group")]
    NoController {
        /// Its name.
        controller: String,
    },
    /// The version of the interface that has the controller has no such limit.
    #[error("control groups of {version} have no {what}")]
    Unsupported {
        /// The limit, as OCI names it.
        what: &'static str,
        /// The version.
        version: Version,
    },
    /// A file of version 2 is asked for, of a controller that version 1 has, or without a hierarchy of version 2.
    #[error("{key} is a file of cgroup v2, which does not have this controller here")]
    NotUnified {
        /// Its name.
        key: String,
    },
    /// A limit of memory below what is used.
    #[error("the memory limit {limit} is below the {used} bytes that are in use and cannot be freed")]
    InUse {
        /// The limit.
        limit: i64,
        /// What is used.
        used: u64,
    },
    /// A limit of memory and swap together that is below that of memory.
    #[error("the limit {swap} of memory and swap together is below the limit {limit} of memory")]
    SwapBelowMemory {
        /// Of memory.
        limit: i64,
        /// Of both.
        swap: i64,
    },
    /// The kernel put another number in the place of one that is out of its bounds.
    #[error("{what} cannot be {value}: the kernel takes {bound} at the utmost")]
    OutOfBounds {
        /// The file.
        what: &'static str,
        /// What was asked for.
        value: u64,
        /// What was taken.
        bound: u64,
    },
    /// A device rule that would take a part out of one with a wildcard.
    #[error("the device rule \"{rule}\" would make a hole in \"{wider}\", which control groups cannot do")]
    HoleInRule {
        /// The rule.
        rule: String,
        /// The earlier one.
        wider: String,
    },
    /// A group of resctrl is not as it is asked for.
    #[error("the group {} of resctrl {problem}", group.display())]
    Rdt {
        /// Its directory.
        group: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// More than one thing failed; the rest was done.
    #[error("{}", join(.0))]
    Several(Vec<Error>),
}

impl Error {
    /// What the person in front of it can do, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotDelegated { .. } => Some(
                "run as root, or in a control group that is delegated to you (systemd-run --user --scope -p Delegate=yes)",
            ),
            Self::NoHierarchy => Some("mount a cgroup2 filesystem on /sys/fs/cgroup"),
            Self::Unreachable { .. } => {
                Some("give an absolute cgroups path, or mount the hierarchy from its root")
            }
            Self::Path { .. } => {
                Some("give a path such as /holm/name, or name to stay below this process's own group")
            }
            Self::Occupied { .. } => Some("give each container a cgroups path of its own"),
            Self::Frozen { .. } => Some("thaw the group, or give another cgroups path"),
            Self::Busy { .. } => Some(
                "a process hangs in the kernel, or the group is used by somebody else; delete again later",
            ),
            Self::Systemd { .. } => Some(
                "journalctl has what systemd says of it; a user needs a systemd of his own (loginctl enable-linger) and                  XDG_RUNTIME_DIR; --cgroup-manager=cgroupfs does without systemd",
            ),
            Self::Property { .. } => Some("give a value such as 'text', true, uint64 5, or ['a', 'b']"),
            Self::Several(errors) => errors.iter().find_map(Self::hint),
            Self::NoController { .. } => Some(
                "mount or delegate it (cgroup.controllers and cgroup.subtree_control of the groups above say what there is), \
                 or leave the limit out",
            ),
            Self::Unsupported { .. } | Self::NotUnified { .. } => Some("leave it out on this host"),
            Self::InUse { .. } => Some("give a higher limit"),
            Self::SwapBelowMemory { .. } => {
                Some("swap counts memory and swap together: give it memory's limit or more")
            }
            Self::HoleInRule { .. } => Some("put the narrower rule in the place of the wider one"),
            Self::Rdt { .. } => Some("see linux.intelRdt in the configuration, and schemata in the group"),
            Self::Call(_) | Self::NotCgroup { .. } | Self::OutOfBounds { .. } => None,
        }
    }

    /// True when the user lacks the permission, rather than something being broken.
    pub fn is_not_delegated(&self) -> bool {
        matches!(self, Self::NotDelegated { .. })
    }

    /// Nothing, the one error, or all of them in one.
    pub(crate) fn from_all(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 | 1 => errors.pop().map_or(Ok(()), Err),
            _ => Err(Self::Several(errors)),
        }
    }
}

fn join(errors: &[Error]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
