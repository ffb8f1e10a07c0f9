//! Where each namespace comes from: private, host, of a container, of a process, of a file.

use std::path::Path;

use holm_namespaces::{Kind, Namespace};
use holm_tests::{Ability, Ground, LINKS, Links, Running, able, host_links, id_of, links_of, own_runtime};
use rustix::process::Pid;

/// The option that says where the namespace of a link comes from.
const OPTIONS: [(&str, &str); 6] = [
    ("cgroup", "--cgroupns"),
    ("ipc", "--ipc"),
    ("net", "--net"),
    ("pid", "--pid"),
    ("time", "--time"),
    ("uts", "--uts"),
];

/// Those of the options that the runtime can be given with a namespace that is there already.
fn joinable() -> impl Iterator<Item = (&'static str, &'static str)> {
    let time = able(Ability::TimeNamespaces);
    OPTIONS.into_iter().filter(move |(link, _)| time || *link != "time")
}

/// These, in order, and that of time, which all have in common when the runtime makes none.
fn and_time(kinds: &[&'static str]) -> Vec<&'static str> {
    let time = (!Ability::TimeNamespaces.is_there()).then_some("time");
    let mut kinds: Vec<&str> = kinds.iter().copied().chain(time).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// What the command of a container sees of its own namespaces.
fn inside(ground: &Ground, options: &[&str]) -> Links {
    let out = ground.witness(options, &["namespaces"]).finish().ok();
    let pairs = out.lines().map(|line| line.split_once(' ').unwrap());
    pairs.map(|(kind, id)| (kind.to_owned(), id.to_owned())).collect()
}

/// A container that runs until its input ends.
fn sleeper(ground: &Ground, name: &str, options: &[&str]) -> (Running, i32) {
    let words = [&["--name", name], options].concat();
    let running = ground.sh(&words, "echo ready; cat").start();
    assert_eq!(running.line(), "ready");
    let pid = ground.member_of(name);
    (running, pid)
}

#[test]
fn by_default_all_are_its_own_and_seen_alike_from_inside_and_outside() {
    Ground::each(|ground| {
        let name = ground.name("own");
        let running = ground.witness(&["--name", &name], &["signals"]).start();
        assert_eq!(running.line(), "ready");
        let outside = links_of(ground.member_of(&name));
        let host = host_links();
        // Without --userns root's containers are in root's own user namespace.
        let shared: Vec<&str> = LINKS.into_iter().filter(|kind| outside[*kind] == host[*kind]).collect();
        let expected: &[&str] = if ground.is_root() { &["user"] } else { &[] };
        assert_eq!(shared, and_time(expected));
        running.signal(15);
        running.finish().ok();
    });
}

#[test]
fn a_command_sees_the_namespaces_that_its_process_has() {
    Ground::each(|ground| {
        let name = ground.name("seen");
        let script =
            "for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done; cat";
        let running = ground.sh(&["--name", &name], script).start();
        let inside: Vec<String> = LINKS.iter().map(|_| running.line()).collect();
        let outside: Vec<String> = links_of(ground.member_of(&name)).into_values().collect();
        assert_eq!(inside, outside);
        running.finish().ok();
    });
}

#[test]
fn host_shares_one_and_no_other() {
    let Some(ground) = Ground::root() else { return };
    let host = host_links();
    for (link, option) in OPTIONS {
        let inside = inside(&ground, &[option, "host"]);
        let shared: Vec<&str> = LINKS.into_iter().filter(|kind| inside[*kind] == host[*kind]).collect();
        assert_eq!(shared, and_time(&[link, "user"]), "{option} host");
    }
}

#[test]
fn an_ordinary_user_shares_those_of_the_host_too() {
    let ground = Ground::ordinary();
    let host = host_links();
    for (link, option) in OPTIONS {
        let inside = inside(&ground, &[option, "host"]);
        let shared: Vec<&str> = LINKS.into_iter().filter(|kind| inside[*kind] == host[*kind]).collect();
        assert_eq!(shared, and_time(&[link]), "{option} host");
    }
}

#[test]
fn those_of_a_container_are_joined_one_by_one() {
    let Some(ground) = Ground::root() else { return };
    let name = ground.name("first");
    let (first, pid) = sleeper(&ground, &name, &[]);
    let theirs = links_of(pid);
    for (link, option) in joinable() {
        let inside = inside(&ground, &[option, &format!("container:{name}")]);
        let shared: Vec<&str> =
            LINKS.into_iter().filter(|kind| *kind != "user" && inside[*kind] == theirs[*kind]).collect();
        assert_eq!(shared, and_time(&[link]), "{option} container:");
    }
    first.finish().ok();
}

#[test]
fn an_ordinary_user_joins_those_of_a_container_with_its_user_namespace() {
    if !able(Ability::JoinUserNamespace) {
        return;
    }
    let ground = Ground::ordinary();
    let name = ground.name("first");
    let (first, pid) = sleeper(&ground, &name, &[]);
    let theirs = links_of(pid);
    for (link, option) in joinable() {
        let inside = inside(&ground, &[option, &format!("container:{name}")]);
        let shared: Vec<&str> = LINKS.into_iter().filter(|kind| inside[*kind] == theirs[*kind]).collect();
        assert_eq!(shared, and_time(&[link, "user"]), "{option} container:");
    }
    first.finish().ok();
}

#[test]
fn those_of_a_process_and_of_a_file_are_joined() {
    let Some(ground) = Ground::root() else { return };
    let name = ground.name("first");
    let (first, pid) = sleeper(&ground, &name, &[]);
    let theirs = links_of(pid);
    for (link, option) in joinable() {
        for mode in
            [format!("pid:{pid}"), format!("/proc/{pid}/ns/{link}"), format!("ns:/proc/{pid}/ns/{link}")]
        {
            let inside = inside(&ground, &[option, &mode]);
            assert_eq!(inside[link], theirs[link], "{option} {mode}");
            assert_ne!(inside["mnt"], theirs["mnt"]);
        }
    }
    first.finish().ok();
}

#[test]
fn a_namespace_file_that_was_kept_is_joined_after_its_processes_are_gone() {
    let Some(mut ground) = Ground::root() else { return };
    let (first, pid) = sleeper(&ground, &ground.name("keeper"), &[]);
    let kept = ground.new_file("kept-net", "");
    rustix::mount::mount_bind(format!("/proc/{pid}/ns/net"), &kept).unwrap();
    let id = id_of(Path::new(&format!("/proc/{pid}/ns/net")));
    first.finish().ok();
    ground.accept_mounts();
    let inside = inside(&ground, &["--net", kept.to_str().unwrap()]);
    assert_eq!(inside["net"], id);
    drop(inside);
    rustix::mount::unmount(&kept, rustix::mount::UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let Some(ground) = Ground::root() else { return };
    if !own_runtime("the text of the error") {
        return;
    }
    let told = ground.sh(&["--net", "/proc/self/ns/uts"], "true").finish().fails(125);
    told.mentions("/proc/self/ns/uts").mentions("network");
    ground.sh(&["--net", "/etc/passwd"], "true").finish().fails(125).mentions("/etc/passwd");
    ground.sh(&["--net", "/no/such/file"], "true").finish().fails(125).mentions("/no/such/file");
    ground.sh(&["--ipc", "pid:2147483647"], "true").finish().fails(125);
    ground.sh(&["--uts", "container:nobody-has-this-name"], "true").finish().fails(125);
}

#[test]
fn the_parents_of_a_container_s_namespaces_are_the_host_s() {
    Ground::each(|ground| {
        let name = ground.name("child");
        let (running, pid) = sleeper(ground, &name, &["--userns", "auto"]);
        let own_user = Namespace::of_self(Kind::User).unwrap().id().unwrap();
        let own_pid = Namespace::of_self(Kind::Pid).unwrap().id().unwrap();
        let of = |kind| Namespace::of_process(Pid::from_raw(pid).unwrap(), kind).unwrap();
        assert_eq!(of(Kind::User).parent().unwrap().id().unwrap(), own_user);
        assert_eq!(of(Kind::Pid).parent().unwrap().id().unwrap(), own_pid);
        let time = able(Ability::TimeNamespaces).then_some(Kind::Time);
        let others = [Kind::Mount, Kind::Uts, Kind::Ipc, Kind::Pid, Kind::Network, Kind::Cgroup];
        for kind in others.into_iter().chain(time) {
            assert_eq!(of(kind).owner().unwrap().id().unwrap(), of(Kind::User).id().unwrap(), "{kind}");
        }
        assert_eq!(of(Kind::User).owner_uid().unwrap(), ground.uid());
        running.finish().ok();
    });
}

#[test]
fn a_container_inside_a_container_s_pid_namespace_is_seen_there() {
    let Some(ground) = Ground::root() else { return };
    let name = ground.name("outer");
    let (first, _) = sleeper(&ground, &name, &[]);
    let pid =
        ground.sh(&["--pid", &format!("container:{name}")], "echo $$; ps | grep -c '[c]at'").finish().ok();
    let lines: Vec<&str> = pid.lines().collect();
    assert_ne!(lines[0], "1");
    assert_eq!(lines[1], "1", "the other container's process is seen");
    first.finish().ok();
}
