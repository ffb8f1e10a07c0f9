//! What the planner has to know of the host. The runtime finds it out once, before it plans.

use std::path::PathBuf;

use holm_cgroups::Layout;
use holm_credentials::CapabilitySet;
use holm_namespaces::Kinds;
use serde::{Deserialize, Serialize};

/// The host, as far as a plan depends on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostFacts {
    /// The effective uid of the caller.
    pub euid: u32,
    /// Its effective gid.
    pub egid: u32,
    /// Its permitted capabilities, in its own user namespace.
    pub permitted: CapabilitySet,
    /// Its bounding set.
    pub bounding: CapabilitySet,
    /// Every capability that this kernel knows.
    pub known: CapabilitySet,
    /// The kinds of namespaces that this kernel has.
    pub kinds: Kinds,
    /// Those of the namespaces to be joined that the caller is in itself.
    #[serde(default)]
    pub joined_own: Kinds,
    /// Whether newuidmap and newgidmap are installed, and may do what they are for.
    pub id_map_programs: bool,
    /// Whether setgroups(2) is denied in the caller's user namespace, and so in all below it.
    #[serde(default)]
    pub groups_denied: bool,
    /// Whether /proc/kcore is there.
    #[serde(default)]
    pub kcore: bool,
    /// The security modules that labels are asked of; looked for only where there are labels.
    #[serde(default)]
    pub lsm: LsmFacts,
    /// Where resctrl is mounted; looked for only where a group of it is asked for.
    #[serde(default)]
    pub resctrl: Option<PathBuf>,
    /// The cgroups.
    pub cgroups: CgroupFacts,
}

/// Which security modules the kernel runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LsmFacts {
    /// AppArmor.
    pub apparmor: bool,
    /// SELinux.
    pub selinux: bool,
}

/// The cgroups of the host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CgroupFacts {
    /// What is mounted where, and where the caller is in it.
    pub layout: Layout,
    /// Whether the caller may make a cgroup at all: root, or a user to whom one was delegated.
    pub writable: bool,
    /// Whether one is delegated to the caller, who need not be an ordinary user.
    #[serde(default)]
    pub delegated: bool,
    /// Whether a relative path begins beside the caller's own group, and not below it: v2 alone, where that is permitted.
    #[serde(default)]
    pub beside: bool,
    /// Whether the caller may say which devices the processes of a cgroup may use: root of the machine.
    #[serde(default)]
    pub device_rules: bool,
}

impl HostFacts {
    /// Whether the caller may do to the host's mounts and namespaces what only an administrator may.
    pub fn privileged(&self) -> bool {
        self.permitted.contains(holm_credentials::Capability::SysAdmin)
    }
}
