//! Namespaces as the kernel has them: made, mapped, joined, asked about their family.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::AsFd;
use std::path::Path;

use holm_namespaces::idmap::{deny_setgroups, write_gid_map, write_uid_map};
use holm_namespaces::{
    Error, IdMap, Kind, Kinds, Mapping, Namespace, TimeOffsets, join, join_process, unshare,
};
use holm_sys::{CloneFlags, CloneRequest, Errno, Forked, clone3, exit_now};
use holm_testing::{map_root, run};
use rustix::process::{Pid, WaitId, WaitIdOptions, getegid, geteuid, getpid, waitid};

const USER: CloneFlags = CloneFlags::NEWUSER;

fn main() {
    run(&[
        ("every_kind_is_made_anew", USER, every_kind_is_made_anew),
        ("an_owner_is_the_user_namespace_of_the_maker", USER, an_owner_is_the_user_namespace_of_the_maker),
        ("user_namespaces_have_parents", USER, user_namespaces_have_parents),
        ("the_identity_map_has_no_superuser", CloneFlags::empty(), the_identity_map_has_no_superuser),
        ("a_map_is_written_once", CloneFlags::empty(), a_map_is_written_once),
        ("a_namespace_is_joined_by_its_file", USER, a_namespace_is_joined_by_its_file),
        ("several_are_joined_by_a_pidfd", USER, several_are_joined_by_a_pidfd),
        ("clocks_are_set_off", USER, clocks_are_set_off),
        ("without_privilege_nothing_is_joined", CloneFlags::empty(), without_privilege_nothing_is_joined),
        ("a_process_that_has_ended_has_none", CloneFlags::empty(), a_process_that_has_ended_has_none),
    ]);
}

fn id(kind: Kind) -> holm_namespaces::NamespaceId {
    Namespace::of_self(kind).unwrap().id().unwrap()
}

/// A child in new namespaces that waits until its answer is dropped; the parent goes on with its pid and pidfd.
fn sleeper(flags: CloneFlags) -> (Pid, std::os::fd::OwnedFd, std::os::fd::OwnedFd) {
    let (wait, end) = rustix::pipe::pipe().unwrap();
    match clone3(&CloneRequest { flags, cgroup: None }).unwrap() {
        Forked::Parent { pid, pidfd } => (pid, pidfd, end),
        Forked::Child => {
            drop(end);
            let _ = rustix::io::read(&wait, &mut [0u8]);
            exit_now(0)
        }
    }
}

fn every_kind_is_made_anew() {
    map_root();
    let at_once = |kind: &Kind| !matches!(kind, Kind::Pid | Kind::Time);
    for kind in Kind::ALL.into_iter().filter(at_once) {
        let before = id(kind);
        unshare(Kinds::from(kind)).unwrap();
        assert_ne!(id(kind), before, "{kind}");
    }
    for (kind, link) in [(Kind::Pid, "pid_for_children"), (Kind::Time, "time_for_children")] {
        unshare(Kinds::from(kind)).unwrap();
        let path = format!("/proc/self/ns/{link}");
        let for_children = Namespace::open_as(Path::new(&path), kind);
        // A PID namespace without its first process cannot be opened yet.
        if kind == Kind::Time {
            assert_ne!(for_children.unwrap().id().unwrap(), id(kind));
        }
    }
}

fn an_owner_is_the_user_namespace_of_the_maker() {
    let user = id(Kind::User);
    assert_ne!(
        Namespace::of_self(Kind::Uts).unwrap().owner().ok().map(|owner| owner.id().unwrap()),
        Some(user)
    );
    unshare(Kinds::from(Kind::Uts)).unwrap();
    assert_eq!(Namespace::of_self(Kind::Uts).unwrap().owner().unwrap().id().unwrap(), user);
}

fn user_namespaces_have_parents() {
    map_root();
    let inner = Namespace::of_self(Kind::User).unwrap();
    // From inside, what is outside cannot be seen.
    assert_eq!(inner.parent().unwrap_err().errno(), Some(Errno::PERM));
    let (pid, _, _end) = sleeper(USER);
    let child = Namespace::of_process(pid, Kind::User).unwrap();
    assert_eq!(child.parent().unwrap().id().unwrap(), inner.id().unwrap());
}

fn the_identity_map_has_no_superuser() {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let (pid, _, _end) = sleeper(USER);
    deny_setgroups(pid).unwrap();
    write_uid_map(pid, &IdMap::single(uid, uid).unwrap()).unwrap();
    write_gid_map(pid, &IdMap::single(gid, gid).unwrap()).unwrap();
    let text = std::fs::read_to_string(format!("/proc/{}/uid_map", pid.as_raw_nonzero())).unwrap();
    let fields: Vec<u32> = text.split_ascii_whitespace().map(|field| field.parse().unwrap()).collect();
    assert_eq!(fields, [uid, uid, 1]);
}

fn a_map_is_written_once() {
    let (pid, _, _end) = sleeper(USER);
    let own = IdMap::new(vec![Mapping { container: 0, host: geteuid().as_raw(), size: 1 }]).unwrap();
    write_uid_map(pid, &own).unwrap();
    assert_eq!(write_uid_map(pid, &own).unwrap_err().errno(), Errno::PERM);
}

fn a_namespace_is_joined_by_its_file() {
    let before = id(Kind::Network);
    let kept = Namespace::of_self(Kind::Network).unwrap();
    unshare(Kinds::from(Kind::Network)).unwrap();
    let made = Namespace::of_self(Kind::Network).unwrap();
    assert_ne!(made.id().unwrap(), before);
    let (pid, _, _end) = sleeper(CloneFlags::NEWNET);
    let theirs = Namespace::of_process(pid, Kind::Network).unwrap();
    join(&theirs).unwrap();
    assert_eq!(id(Kind::Network), theirs.id().unwrap());
    join(&made).unwrap();
    assert_eq!(id(Kind::Network), made.id().unwrap());
    // The first one belongs to the outer user namespace.
    assert_eq!(join(&kept).unwrap_err().errno(), Errno::PERM);
}

fn several_are_joined_by_a_pidfd() {
    let (pid, pidfd, _end) = sleeper(CloneFlags::NEWUTS | CloneFlags::NEWIPC | CloneFlags::NEWNET);
    let kinds: Kinds = [Kind::Uts, Kind::Ipc, Kind::Network].into_iter().collect();
    join_process(pidfd.as_fd(), kinds).unwrap();
    for kind in kinds.iter() {
        assert_eq!(id(kind), Namespace::of_process(pid, kind).unwrap().id().unwrap(), "{kind}");
    }
}

fn clocks_are_set_off() {
    let now = || rustix::time::clock_gettime(rustix::time::ClockId::Boottime).tv_sec;
    let before = now();
    unshare(Kinds::from(Kind::Time)).unwrap();
    "boottime=+100000".parse::<TimeOffsets>().unwrap().write().unwrap();
    join(&Namespace::open_as(Path::new("/proc/self/ns/time_for_children"), Kind::Time).unwrap()).unwrap();
    assert!(now() - before >= 100_000);
}

fn without_privilege_nothing_is_joined() {
    if geteuid().is_root() {
        let nobody = rustix::process::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
    }
    let own = Namespace::of_self(Kind::Uts);
    // After a change of ids a process may not be dumpable, and its links not be readable even for itself.
    if let Ok(own) = own {
        assert_eq!(join(&own).unwrap_err().errno(), Errno::PERM);
    }
    assert_eq!(unshare(Kinds::from(Kind::Uts)).unwrap_err().errno(), Errno::PERM);
}

fn a_process_that_has_ended_has_none() {
    let (pid, pidfd, end) = sleeper(CloneFlags::empty());
    assert_ne!(pid, getpid());
    drop(end);
    waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED).unwrap();
    let error = Namespace::of_process(pid, Kind::Uts).unwrap_err();
    assert!(matches!(error, Error::System(ref cause) if cause.errno() == Errno::NOENT), "{error}");
    assert_eq!(join_process(pidfd.as_fd(), Kinds::from(Kind::Uts)).unwrap_err().errno(), Errno::SRCH);
}
