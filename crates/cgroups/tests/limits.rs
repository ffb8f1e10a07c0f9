//! Limits, on the hierarchies of this machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::os::unix::process::ExitStatusExt;

use common::{Group, LONG, assert_nothing_left, directories, layout, path, pid, shell};
use holm_cgroups::{
    Access, Cgroup, Cpu, Cpuset, DevicePolicy, DeviceRule, DeviceType, Error, HugePageLimit, Layout, Memory,
    Resources, Version,
};

/// The text of a file of the group in whichever hierarchy has one of these names.
fn value(layout: &Layout, name: &str, files: &[&str]) -> Option<String> {
    let mut all =
        directories(layout, name).into_iter().flat_map(|at| files.iter().map(move |file| at.join(file)));
    all.find_map(|file| std::fs::read_to_string(file).ok()).map(|text| text.trim().to_owned())
}

/// Whether the layout has a controller that limits with one of these files.
fn has(layout: &Layout, controller: &str) -> bool {
    let v2 =
        layout.v2().map(|v2| std::fs::read_to_string(v2.mount_point.join("cgroup.controllers")).unwrap());
    let there = layout.v1(controller).is_some()
        || v2.is_some_and(|text| text.split_whitespace().any(|c| c == controller));
    if !there {
        holm_testing::announce_omission(&format!("this machine has no controller {controller}"));
    }
    there
}

fn memory(limit: i64, swap: Option<i64>) -> Resources {
    Resources { memory: Memory { limit: Some(limit), swap, ..Memory::default() }, ..Resources::default() }
}

#[test]
fn each_limit_is_in_its_file() {
    let Some(layout) = layout() else { return };
    let group = Group::new(&layout, "files");
    if has(&layout, "memory") {
        group.0.set(&memory(8 << 20, Some(16 << 20))).unwrap();
        let limit = value(&layout, "files", &["memory.limit_in_bytes", "memory.max"]).unwrap();
        assert_eq!(limit, (8 << 20).to_string());
    }
    if has(&layout, "pids") {
        group.0.set(&Resources { pids: Some(7), ..Resources::default() }).unwrap();
        assert_eq!(value(&layout, "files", &["pids.max"]).unwrap(), "7");
        group.0.set(&Resources { pids: Some(-1), ..Resources::default() }).unwrap();
        assert_eq!(value(&layout, "files", &["pids.max"]).unwrap(), "max");
    }
    if has(&layout, "cpu") {
        let cpu = Cpu { shares: Some(512), quota: Some(20_000), period: Some(50_000), ..Cpu::default() };
        group.0.set(&Resources { cpu, ..Resources::default() }).unwrap();
        let shares = value(&layout, "files", &["cpu.shares", "cpu.weight"]).unwrap();
        assert!(["512", "59"].contains(&shares.as_str()), "{shares}");
        let quota = value(&layout, "files", &["cpu.cfs_quota_us", "cpu.max"]).unwrap();
        assert!(["20000", "20000 50000"].contains(&quota.as_str()), "{quota}");
    }
    if has(&layout, "cpuset") {
        let cpuset = Cpuset { cpus: Some("0".into()), mems: Some("0".into()) };
        group.0.set(&Resources { cpuset, ..Resources::default() }).unwrap();
        assert_eq!(value(&layout, "files", &["cpuset.cpus"]).unwrap(), "0");
    }
    if has(&layout, "hugetlb") {
        let huge_pages = vec![HugePageLimit { page_size: "2MB".into(), limit: 4 << 20 }];
        group.0.set(&Resources { huge_pages, ..Resources::default() }).unwrap();
        for file in ["hugetlb.2MB.max", "hugetlb.2MB.rsvd.max"] {
            let v1 = file.replace(".max", ".limit_in_bytes");
            assert_eq!(value(&layout, "files", &[file, &v1]).unwrap(), (4 << 20).to_string());
        }
    }
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "files");
}

#[test]
fn memory_and_swap_are_raised_and_lowered_in_the_order_that_the_kernel_takes() {
    let Some(layout) = layout() else { return };
    if !has(&layout, "memory") {
        return;
    }
    let group = Group::new(&layout, "swap");
    for (limit, swap) in
        [(8 << 20, 16 << 20), (64 << 20, 64 << 20), (1 << 20, 2 << 20), (4 << 20, -1), (-1, -1)]
    {
        group.0.update(&memory(limit, Some(swap))).unwrap();
    }
    group.0.update(&memory(4 << 20, Some(8 << 20))).unwrap();
    // Without a word about swap it goes with memory when there is to be no limit.
    group.0.update(&memory(-1, None)).unwrap();
    group.0.delete(LONG).unwrap();
}

#[test]
fn a_limit_below_what_is_used_is_refused_when_that_is_asked_for() {
    let Some(layout) = layout() else { return };
    if !has(&layout, "memory") {
        return;
    }
    let group = Group::new(&layout, "used");
    let mut child = shell("WAIT; a=$(head -c 3000000 /dev/zero | tr '\\0' x); echo; sleep 1000");
    group.0.attach(pid(&child)).unwrap();
    drop(child.stdin.take());
    let usage = || {
        value(&layout, "used", &["memory.usage_in_bytes", "memory.current"]).unwrap().parse::<u64>().unwrap()
    };
    while usage() < 3_000_000 {}
    let mut lower = memory(4096, None);
    lower.memory.check_before_update = true;
    assert!(matches!(group.0.update(&lower), Err(Error::InUse { .. })));
    group.0.kill_all(LONG).unwrap();
    child.wait().unwrap();
    group.0.delete(LONG).unwrap();
}

#[test]
fn an_update_that_fails_changes_nothing() {
    let Some(layout) = layout() else { return };
    if !has(&layout, "pids") || !has(&layout, "cpuset") {
        return;
    }
    let group = Group::new(&layout, "undone");
    group.0.set(&Resources { pids: Some(50), ..Resources::default() }).unwrap();
    let impossible = Resources {
        cpu: Cpu { shares: Some(100), ..Cpu::default() },
        pids: Some(60),
        unified: [("pids.nothing".to_owned(), "1".to_owned())].into(),
        ..Resources::default()
    };
    group.0.update(&impossible).unwrap_err();
    let impossible = Resources {
        pids: Some(60),
        rdma: [("none0".to_owned(), holm_cgroups::Rdma { hca_handles: Some(1), hca_objects: None })].into(),
        ..Resources::default()
    };
    group.0.update(&impossible).unwrap_err();
    assert_eq!(value(&layout, "undone", &["pids.max"]).unwrap(), "50");
    let shares = value(&layout, "undone", &["cpu.shares", "cpu.weight"]).unwrap();
    assert!(["1024", "100"].contains(&shares.as_str()), "{shares}");
    group.0.delete(LONG).unwrap();
}

#[test]
fn what_no_hierarchy_has_is_refused_by_its_name() {
    let Some(mut layout) = layout() else { return };
    layout.hierarchies.retain(|hierarchy| hierarchy.has("pids") || hierarchy.version == Version::V2);
    let Some(first) = layout.hierarchies.first() else { return };
    let legacy = first.version == Version::V1;
    let group = Group::new(&layout, "missing");
    let network = holm_cgroups::Network { class_id: Some(1), ..Default::default() };
    let error = group.0.set(&Resources { network, ..Resources::default() }).unwrap_err();
    assert!(error.to_string().contains("net_cls"), "{error}");
    if legacy {
        let raw =
            Resources { unified: [("pids.max".to_owned(), "5".to_owned())].into(), ..Resources::default() };
        assert!(matches!(group.0.set(&raw), Err(Error::NotUnified { .. })));
    }
    group.0.delete(LONG).unwrap();
    assert_nothing_left(&layout, "missing");
}

#[test]
fn files_of_v2_are_written_as_they_are() {
    let Some(layout) = layout() else { return };
    let Some(v2) = layout.v2().cloned() else { return };
    if layout.v1("hugetlb").is_some() || !has(&layout, "hugetlb") {
        return;
    }
    let layout = Layout { hierarchies: vec![v2] };
    let group = Group::new(&layout, "raw");
    let unified = [
        ("hugetlb.2MB.max".to_owned(), "6291456".to_owned()),
        ("cgroup.max.depth".to_owned(), "3".to_owned()),
    ];
    group.0.set(&Resources { unified: unified.into(), ..Resources::default() }).unwrap();
    assert_eq!(value(&layout, "raw", &["hugetlb.2MB.max"]).unwrap(), "6291456");
    assert_eq!(value(&layout, "raw", &["cgroup.max.depth"]).unwrap(), "3");
    group.0.delete(LONG).unwrap();
}

/// By v1 where it has the controller, and by the program of v2 in its own hierarchy.
#[test]
fn devices_are_denied_and_allowed() {
    let Some(layout) = layout() else { return };
    let only = |keep: &dyn Fn(&holm_cgroups::Hierarchy) -> bool| Layout {
        hierarchies: layout.hierarchies.iter().filter(|h| keep(h)).cloned().collect(),
    };
    let layouts = [only(&|h| h.has("devices")), only(&|h| h.version == Version::V2)];
    for (layout, name) in layouts.iter().zip(["devices-v1", "devices-v2"]) {
        if layout.hierarchies.is_empty() {
            holm_testing::announce_omission(&format!("{name}: this machine has no such hierarchy"));
            continue;
        }
        let group = Group::new(layout, name);
        let kmsg = |allow| DeviceRule {
            allow,
            kind: DeviceType::Char,
            major: Some(1),
            minor: Some(11),
            access: Access::ALL,
        };
        group.0.allow_devices(&DevicePolicy::of_container(&[]).unwrap()).unwrap();
        assert!(opens(&group.0, "/dev/null"), "{name}");
        assert!(!opens(&group.0, "/dev/kmsg"), "{name}");
        group.0.allow_devices(&DevicePolicy::of_container(&[kmsg(true)]).unwrap()).unwrap();
        assert!(opens(&group.0, "/dev/null") && opens(&group.0, "/dev/kmsg"), "{name}");
        let all = DeviceRule { kind: DeviceType::All, major: None, minor: None, ..kmsg(true) };
        group.0.allow_devices(&DevicePolicy::of_container(&[all, kmsg(false)]).unwrap()).unwrap();
        assert!(opens(&group.0, "/dev/zero") && !opens(&group.0, "/dev/kmsg"), "{name}");
        group.0.delete(LONG).unwrap();
        assert_nothing_left(layout, name);
    }
}

/// Whether a process in the group can open a device for writing.
fn opens(group: &Cgroup, device: &str) -> bool {
    let mut child = shell(&format!("WAIT; exec 3>{device}"));
    group.attach(pid(&child)).unwrap();
    drop(child.stdin.take());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), None);
    status.success()
}

#[test]
fn the_files_of_a_delegated_group_change_hands() {
    use std::os::unix::fs::MetadataExt;
    let Some(layout) = layout() else { return };
    let Some(v2) = layout.v2().cloned() else { return };
    let layout = Layout { hierarchies: vec![v2] };
    let group = Group::new(&layout, "given");
    group.0.give_to(4242).unwrap();
    let directory = layout.hierarchies[0].mount_point.join(path("given").names());
    let owner = |name: &str| std::fs::metadata(directory.join(name)).unwrap().uid();
    for name in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
        assert_eq!(owner(name), 4242, "{name:?}");
    }
    assert_eq!(owner("cgroup.freeze"), 0);
    group.0.delete(LONG).unwrap();
}

/// A group below one that has processes of its own gets no controllers; one beside it does.
#[test]
fn a_relative_path_beside_the_own_group_has_controllers() {
    let Some(layout) = layout() else { return };
    if !holm_cgroups::may_make_beside(&layout) {
        holm_testing::announce_omission("this needs cgroup v2 alone, and a group of one's own in it");
        return;
    }
    let name = holm_cgroups::CgroupPath::parse(common::parent("beside").trim_start_matches('/')).unwrap();
    let group = Group(Cgroup::create(&layout, &name.beside(), common::PRUNE).unwrap());
    group.0.set(&Resources { pids: Some(9), ..Resources::default() }).unwrap();
    let own = layout.hierarchies[0].own_directory().unwrap();
    assert_eq!(group.0.to_record().directories[0].directory().parent(), own.parent());
    group.0.delete(LONG).unwrap();
}

/// The kernel refuses a weight for an idle group.
#[test]
fn an_idle_group_has_no_shares_and_gets_them_back() {
    let Some(layout) = layout() else { return };
    if !has(&layout, "cpu") {
        return;
    }
    let group = Group::new(&layout, "idle");
    let files = ["cpu.shares", "cpu.weight"];
    let set = |idle, shares| {
        let cpu = Cpu { idle: Some(idle), shares: Some(shares), ..Cpu::default() };
        group.0.set(&Resources { cpu, ..Resources::default() }).unwrap();
    };
    if value(&layout, "idle", &["cpu.idle"]).is_none() {
        holm_testing::announce_omission("this kernel has no idle groups");
        return;
    }
    set(0, 512);
    let before = value(&layout, "idle", &files);
    set(1, 2048);
    assert_eq!(value(&layout, "idle", &["cpu.idle"]).unwrap(), "1");
    set(1, 4096);
    set(0, 512);
    assert_eq!(value(&layout, "idle", &["cpu.idle"]).unwrap(), "0");
    assert_eq!(value(&layout, "idle", &files), before);
}
