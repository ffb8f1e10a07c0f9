//! Hosts that a plan may be made on.

use std::path::PathBuf;

use holm_cgroups::{Hierarchy, Layout, Version};
use holm_credentials::{Capability, CapabilitySet};
use holm_namespaces::{Kind, Kinds};
use holm_plan::{CgroupFacts, HostFacts, LsmFacts};
use proptest::prelude::*;

/// The uid and gid of an ordinary user.
pub(crate) const USER: u32 = 1000;

pub(crate) fn hierarchy(names: &[&str], version: Version, directory: &str) -> Hierarchy {
    Hierarchy {
        controllers: names.iter().map(|name| (*name).to_owned()).collect(),
        version,
        mount_point: PathBuf::from("/sys/fs/cgroup").join(directory),
        mount_root: "/".into(),
        own_path: "/session".into(),
    }
}

pub(crate) fn unified() -> Layout {
    Layout { hierarchies: vec![hierarchy(&[], Version::V2, "")] }
}

pub(crate) fn legacy() -> Layout {
    Layout {
        hierarchies: vec![
            hierarchy(&["name=systemd"], Version::V1, "systemd"),
            hierarchy(&["cpu", "cpuacct"], Version::V1, "cpu,cpuacct"),
            hierarchy(&["memory"], Version::V1, "memory"),
        ],
    }
}

pub(crate) fn hybrid() -> Layout {
    let mut layout = legacy();
    layout.hierarchies.push(hierarchy(&[], Version::V2, "unified"));
    layout
}

/// Root of a host with cgroup v2.
pub(crate) fn root() -> HostFacts {
    HostFacts {
        euid: 0,
        egid: 0,
        permitted: CapabilitySet::all(),
        bounding: CapabilitySet::all(),
        known: CapabilitySet::all(),
        kinds: Kind::ALL.into_iter().collect(),
        joined_own: Kinds::default(),
        groups_denied: false,
        id_map_programs: false,
        kcore: true,
        lsm: LsmFacts { apparmor: true, selinux: true },
        resctrl: Some("/sys/fs/resctrl".into()),
        cgroups: CgroupFacts {
            layout: unified(),
            writable: true,
            delegated: true,
            beside: false,
            device_rules: true,
        },
    }
}

/// An ordinary user of it, with newuidmap and newgidmap installed and no cgroup delegated.
pub(crate) fn user() -> HostFacts {
    HostFacts {
        euid: USER,
        egid: USER,
        permitted: CapabilitySet::EMPTY,
        id_map_programs: true,
        cgroups: CgroupFacts {
            layout: unified(),
            writable: false,
            delegated: false,
            beside: false,
            device_rules: false,
        },
        ..root()
    }
}

/// Callers: root with all capabilities, with some of them, ordinary users without any or with those that map ids.
fn permitted() -> impl Strategy<Value = CapabilitySet> {
    let maps = [Capability::Setuid, Capability::Setgid].into_iter().collect();
    prop_oneof![
        4 => Just(CapabilitySet::all()),
        4 => Just(CapabilitySet::EMPTY),
        1 => Just(maps),
        3 => any::<u64>().prop_map(CapabilitySet::from_bits),
    ]
}

fn kinds() -> impl Strategy<Value = Kinds> {
    let missing = prop_oneof![
        8 => Just(None),
        1 => prop::sample::select(Kind::ALL.to_vec()).prop_map(Some),
    ];
    missing.prop_map(|missing| Kind::ALL.into_iter().filter(|kind| Some(*kind) != missing).collect())
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(Layout::default()), Just(unified()), Just(legacy()), Just(hybrid())]
}

pub(crate) fn any_host() -> impl Strategy<Value = HostFacts> {
    let bounding = prop_oneof![Just(u64::MAX), any::<u64>()].prop_map(CapabilitySet::from_bits);
    (permitted(), bounding, kinds(), layouts(), any::<[bool; 3]>()).prop_map(
        |(permitted, bounding, kinds, layout, [superuser, id_map_programs, writable])| {
            let id = if superuser { 0 } else { USER };
            HostFacts {
                euid: id,
                egid: id,
                permitted,
                bounding,
                known: CapabilitySet::all(),
                kinds,
                joined_own: Kinds::default(),
                id_map_programs,
                lsm: LsmFacts { apparmor: true, selinux: true },
                kcore: superuser,
                groups_denied: false,
                resctrl: Some("/sys/fs/resctrl".into()),
                cgroups: CgroupFacts {
                    layout,
                    writable,
                    delegated: writable,
                    beside: false,
                    device_rules: superuser && writable,
                },
            }
        },
    )
}
