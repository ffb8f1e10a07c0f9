//! The capabilities, and sets of them.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A capability (capabilities(7)); the discriminant is its number in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Capability {
    /// `CAP_CHOWN`: change file owners.
    Chown = 0,
    /// `CAP_DAC_OVERRIDE`: pass over the permissions of files.
    DacOverride = 1,
    /// `CAP_DAC_READ_SEARCH`: read any file and search any directory.
    DacReadSearch = 2,
    /// `CAP_FOWNER`: act as the owner of any file.
    Fowner = 3,
    /// `CAP_FSETID`: keep set-user-ID bits when a file changes.
    Fsetid = 4,
    /// `CAP_KILL`: signal any process.
    Kill = 5,
    /// `CAP_SETGID`: change group ids.
    Setgid = 6,
    /// `CAP_SETUID`: change user ids.
    Setuid = 7,
    /// `CAP_SETPCAP`: change the bounding set, and add to the inheritable set from it.
    Setpcap = 8,
    /// `CAP_LINUX_IMMUTABLE`: set the append-only and immutable attributes.
    LinuxImmutable = 9,
    /// `CAP_NET_BIND_SERVICE`: bind ports below 1024.
    NetBindService = 10,
    /// `CAP_NET_BROADCAST`: broadcast, and listen to multicasts (unused).
    NetBroadcast = 11,
    /// `CAP_NET_ADMIN`: administer the network.
    NetAdmin = 12,
    /// `CAP_NET_RAW`: use raw and packet sockets.
    NetRaw = 13,
    /// `CAP_IPC_LOCK`: lock memory.
    IpcLock = 14,
    /// `CAP_IPC_OWNER`: pass over the permissions of System V IPC objects.
    IpcOwner = 15,
    /// `CAP_SYS_MODULE`: load kernel modules.
    SysModule = 16,
    /// `CAP_SYS_RAWIO`: do port and raw block I/O.
    SysRawio = 17,
    /// `CAP_SYS_CHROOT`: change the root.
    SysChroot = 18,
    /// `CAP_SYS_PTRACE`: trace any process.
    SysPtrace = 19,
    /// `CAP_SYS_PACCT`: switch process accounting.
    SysPacct = 20,
    /// `CAP_SYS_ADMIN`: administer the system: mounts, namespaces and much else.
    SysAdmin = 21,
    /// `CAP_SYS_BOOT`: reboot.
    SysBoot = 22,
    /// `CAP_SYS_NICE`: raise priorities.
    SysNice = 23,
    /// `CAP_SYS_RESOURCE`: pass over resource limits.
    SysResource = 24,
    /// `CAP_SYS_TIME`: set the clock.
    SysTime = 25,
    /// `CAP_SYS_TTY_CONFIG`: configure terminals.
    SysTtyConfig = 26,
    /// `CAP_MKNOD`: make device nodes.
    Mknod = 27,
    /// `CAP_LEASE`: take leases on files.
    Lease = 28,
    /// `CAP_AUDIT_WRITE`: write to the audit log.
    AuditWrite = 29,
    /// `CAP_AUDIT_CONTROL`: control auditing.
    AuditControl = 30,
    /// `CAP_SETFCAP`: set the capabilities of files.
    Setfcap = 31,
    /// `CAP_MAC_OVERRIDE`: pass over mandatory access control.
    MacOverride = 32,
    /// `CAP_MAC_ADMIN`: administer mandatory access control.
    MacAdmin = 33,
    /// `CAP_SYSLOG`: read the kernel's log.
    Syslog = 34,
    /// `CAP_WAKE_ALARM`: wake the system by a timer.
    WakeAlarm = 35,
    /// `CAP_BLOCK_SUSPEND`: keep the system from suspending.
    BlockSuspend = 36,
    /// `CAP_AUDIT_READ`: read the audit log.
    AuditRead = 37,
    /// `CAP_PERFMON`: monitor performance (Linux 5.8).
    Perfmon = 38,
    /// `CAP_BPF`: load BPF programs (Linux 5.8).
    Bpf = 39,
    /// `CAP_CHECKPOINT_RESTORE`: checkpoint and restore (Linux 5.9).
    CheckpointRestore = 40,
}

/// By number.
const TABLE: [(Capability, &str); 41] = [
    (Capability::Chown, "CAP_CHOWN"),
    (Capability::DacOverride, "CAP_DAC_OVERRIDE"),
    (Capability::DacReadSearch, "CAP_DAC_READ_SEARCH"),
    (Capability::Fowner, "CAP_FOWNER"),
    (Capability::Fsetid, "CAP_FSETID"),
    (Capability::Kill, "CAP_KILL"),
    (Capability::Setgid, "CAP_SETGID"),
    (Capability::Setuid, "CAP_SETUID"),
    (Capability::Setpcap, "CAP_SETPCAP"),
    (Capability::LinuxImmutable, "CAP_LINUX_IMMUTABLE"),
    (Capability::NetBindService, "CAP_NET_BIND_SERVICE"),
    (Capability::NetBroadcast, "CAP_NET_BROADCAST"),
    (Capability::NetAdmin, "CAP_NET_ADMIN"),
    (Capability::NetRaw, "CAP_NET_RAW"),
    (Capability::IpcLock, "CAP_IPC_LOCK"),
    (Capability::IpcOwner, "CAP_IPC_OWNER"),
    (Capability::SysModule, "CAP_SYS_MODULE"),
    (Capability::SysRawio, "CAP_SYS_RAWIO"),
    (Capability::SysChroot, "CAP_SYS_CHROOT"),
    (Capability::SysPtrace, "CAP_SYS_PTRACE"),
    (Capability::SysPacct, "CAP_SYS_PACCT"),
    (Capability::SysAdmin, "CAP_SYS_ADMIN"),
    (Capability::SysBoot, "CAP_SYS_BOOT"),
    (Capability::SysNice, "CAP_SYS_NICE"),
    (Capability::SysResource, "CAP_SYS_RESOURCE"),
    (Capability::SysTime, "CAP_SYS_TIME"),
    (Capability::SysTtyConfig, "CAP_SYS_TTY_CONFIG"),
    (Capability::Mknod, "CAP_MKNOD"),
    (Capability::Lease, "CAP_LEASE"),
    (Capability::AuditWrite, "CAP_AUDIT_WRITE"),
    (Capability::AuditControl, "CAP_AUDIT_CONTROL"),
    (Capability::Setfcap, "CAP_SETFCAP"),
    (Capability::MacOverride, "CAP_MAC_OVERRIDE"),
    (Capability::MacAdmin, "CAP_MAC_ADMIN"),
    (Capability::Syslog, "CAP_SYSLOG"),
    (Capability::WakeAlarm, "CAP_WAKE_ALARM"),
    (Capability::BlockSuspend, "CAP_BLOCK_SUSPEND"),
    (Capability::AuditRead, "CAP_AUDIT_READ"),
    (Capability::Perfmon, "CAP_PERFMON"),
    (Capability::Bpf, "CAP_BPF"),
    (Capability::CheckpointRestore, "CAP_CHECKPOINT_RESTORE"),
];

impl Capability {
    /// All that this version knows, by number.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(capability, _)| *capability)
    }

    /// Its number in the kernel.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its name, such as `CAP_CHOWN`.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(other, _)| *other == self).map_or("CAP_UNKNOWN", |(_, name)| name)
    }

    fn bit(self) -> u64 {
        1 << self.number()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A word that names no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no capability; capabilities(7) has their names, such as CAP_NET_ADMIN")]
pub struct UnknownCapability(pub String);

impl FromStr for Capability {
    type Err = UnknownCapability;

    /// With or without `CAP_`, in any case.
    fn from_str(word: &str) -> Result<Self, UnknownCapability> {
        let upper = word.to_ascii_uppercase();
        let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let found = TABLE.iter().find(|(_, name)| name.strip_prefix("CAP_") == Some(short));
        found.map(|(capability, _)| *capability).ok_or_else(|| UnknownCapability(word.to_owned()))
    }
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CapabilitySet(u64);

impl CapabilitySet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// All that this version knows.
    pub fn all() -> Self {
        Capability::all().collect()
    }

    /// Those of a set of the kernel, a bit each.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits) & Self::all()
    }

    /// A bit each.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Whether `capability` is in the set.
    pub fn contains(self, capability: Capability) -> bool {
        self.0 & capability.bit() != 0
    }

    /// Puts `capability` in.
    pub fn insert(&mut self, capability: Capability) {
        self.0 |= capability.bit();
    }

    /// Takes `capability` out.
    pub fn remove(&mut self, capability: Capability) {
        self.0 &= !capability.bit();
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The capabilities, by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        Capability::all().filter(move |capability| self.contains(*capability))
    }
}

impl BitAnd for CapabilitySet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitOr for CapabilitySet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Sub for CapabilitySet {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl FromIterator<Capability> for CapabilitySet {
    fn from_iter<I: IntoIterator<Item = Capability>>(capabilities: I) -> Self {
        let mut set = Self::EMPTY;
        capabilities.into_iter().for_each(|capability| set.insert(capability));
        set
    }
}

impl fmt::Display for CapabilitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.pad("none");
        }
        if *self == Self::all() {
            return f.pad("all");
        }
        f.pad(&self.iter().map(Capability::name).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for CapabilitySet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Capability::name))
    }
}

impl<'de> Deserialize<'de> for CapabilitySet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words
            .iter()
            .map(|word| word.parse::<Capability>())
            .collect::<Result<_, _>>()
            .map_err(serde::de::Error::custom)
    }
}

/// What Docker leaves to a container.
pub fn docker_default() -> CapabilitySet {
    use Capability::{
        AuditWrite, Chown, DacOverride, Fowner, Fsetid, Kill, Mknod, NetBindService, NetRaw, Setfcap, Setgid,
        Setpcap, Setuid, SysChroot,
    };
    [
        Chown,
        DacOverride,
        Fsetid,
        Fowner,
        Mknod,
        NetRaw,
        Setgid,
        Setuid,
        Setfcap,
        Setpcap,
        NetBindService,
        SysChroot,
        Kill,
        AuditWrite,
    ]
    .into_iter()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_by_number_and_names_are_read_back() {
        for (number, (capability, name)) in TABLE.iter().enumerate() {
            assert_eq!(usize::from(capability.number()), number);
            assert_eq!(name.parse(), Ok(*capability));
            assert_eq!(name.strip_prefix("CAP_").unwrap().to_lowercase().parse(), Ok(*capability));
        }
        assert!("CAP_".parse::<Capability>().is_err());
        assert!("CAP_CAP_KILL".parse::<Capability>().is_err());
    }

    #[test]
    fn docker_leaves_fourteen() {
        assert_eq!(docker_default().iter().count(), 14);
        assert_eq!(docker_default().bits(), 0xa804_25fb);
    }
}
