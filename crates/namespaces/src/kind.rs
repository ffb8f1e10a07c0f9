//! The kinds of namespaces, and sets of them.

use std::fmt;
use std::str::FromStr;

use holm_sys::CloneFlags;
use serde::{Deserialize, Serialize, Serializer};

/// A kind of namespace (namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Mount points: mount_namespaces(7).
    Mount,
    /// Hostname and NIS domain name: uts_namespaces(7).
    Uts,
    /// System V IPC and POSIX message queues: ipc_namespaces(7).
    Ipc,
    /// Process ids: pid_namespaces(7).
    Pid,
    /// Network devices, ports, abstract sockets: network_namespaces(7).
    Network,
    /// User and group ids, and capabilities: user_namespaces(7).
    User,
    /// The root of the cgroups: cgroup_namespaces(7).
    Cgroup,
    /// Boot and monotonic clocks: time_namespaces(7), Linux 5.6.
    Time,
}

/// Kind, name in /proc/PID/ns, name in the runtime-spec, flag.
const TABLE: [(Kind, &str, &str, CloneFlags); 8] = [
    (Kind::Mount, "mnt", "mount", CloneFlags::NEWNS),
    (Kind::Uts, "uts", "uts", CloneFlags::NEWUTS),
    (Kind::Ipc, "ipc", "ipc", CloneFlags::NEWIPC),
    (Kind::Pid, "pid", "pid", CloneFlags::NEWPID),
    (Kind::Network, "net", "network", CloneFlags::NEWNET),
    (Kind::User, "user", "user", CloneFlags::NEWUSER),
    (Kind::Cgroup, "cgroup", "cgroup", CloneFlags::NEWCGROUP),
    (Kind::Time, "time", "time", CloneFlags::NEWTIME),
];

impl Kind {
    /// All eight.
    pub const ALL: [Self; 8] =
        [Self::Mount, Self::Uts, Self::Ipc, Self::Pid, Self::Network, Self::User, Self::Cgroup, Self::Time];

    /// The name of its link in /proc/PID/ns, such as `mnt`.
    pub fn proc_name(self) -> &'static str {
        self.row().1
    }

    /// Its name in the runtime-spec, such as `mount`.
    pub fn oci_name(self) -> &'static str {
        self.row().2
    }

    /// Its `CLONE_NEW*` flag.
    pub fn clone_flag(self) -> CloneFlags {
        self.row().3
    }

    /// The kind of one `CLONE_NEW*` flag.
    pub fn from_clone_flag(flag: CloneFlags) -> Option<Self> {
        TABLE.iter().find(|(.., other)| *other == flag).map(|(kind, ..)| *kind)
    }

    fn row(self) -> &'static (Self, &'static str, &'static str, CloneFlags) {
        match self {
            Self::Mount => &TABLE[0],
            Self::Uts => &TABLE[1],
            Self::Ipc => &TABLE[2],
            Self::Pid => &TABLE[3],
            Self::Network => &TABLE[4],
            Self::User => &TABLE[5],
            Self::Cgroup => &TABLE[6],
            Self::Time => &TABLE[7],
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Mount => 1,
            Self::Uts => 1 << 1,
            Self::Ipc => 1 << 2,
            Self::Pid => 1 << 3,
            Self::Network => 1 << 4,
            Self::User => 1 << 5,
            Self::Cgroup => 1 << 6,
            Self::Time => 1 << 7,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.oci_name())
    }
}

/// A word that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no kind of namespace; there are mount, uts, ipc, pid, network, user, cgroup and time")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    /// Either name: `mnt` or `mount`, `net` or `network`.
    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let found = TABLE.iter().find(|(_, proc_name, oci_name, _)| word == *proc_name || word == *oci_name);
        found.map(|(kind, ..)| *kind).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// Whether `kind` is in the set.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Puts `kind` in.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= kind.bit();
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds, in the order of [`Kind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }

    /// Their `CLONE_NEW*` flags.
    pub fn clone_flags(self) -> CloneFlags {
        self.iter().map(Kind::clone_flag).collect()
    }
}

impl From<Kind> for Kinds {
    fn from(kind: Kind) -> Self {
        Self(kind.bit())
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Kind::oci_name).collect();
        f.pad(&if names.is_empty() { "none".to_owned() } else { names.join(", ") })
    }
}

impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Kind>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_of_its_kind() {
        for kind in Kind::ALL {
            assert_eq!(kind.row().0, kind);
            assert_eq!(Kind::from_clone_flag(kind.clone_flag()), Some(kind));
            assert_eq!(kind.proc_name().parse(), Ok(kind));
            assert_eq!(kind.oci_name().parse(), Ok(kind));
        }
    }

    #[test]
    fn a_set_keeps_what_was_put_in() {
        let set: Kinds = [Kind::Time, Kind::Mount].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Kind::Mount, Kind::Time]);
        assert!(!set.contains(Kind::User));
        assert_eq!(set.clone_flags(), CloneFlags::NEWNS | CloneFlags::NEWTIME);
    }
}
