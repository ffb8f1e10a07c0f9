//! Mounts as the kernel has them, in a mount namespace of each test's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_mounts::{
    Detached, FsOption, MountAttr, MountEntry, Propagation, Root, Scratch, chroot_into, legacy, move_into,
    parse_mountinfo, pivot_into, set_attributes, set_propagation,
};
use holm_sys::{CloneFlags, Errno};
use holm_testing::{map_root, run, skip};
use rustix::fs::Mode;

const OWN: CloneFlags = CloneFlags::NEWUSER.union(CloneFlags::NEWNS);

const OWN_PIDS: CloneFlags = OWN.union(CloneFlags::NEWPID);

fn main() {
    run(&[
        ("a_file_system_is_attached_where_it_is_said", OWN, a_file_system_is_attached_where_it_is_said),
        ("attributes_are_set_and_cleared", OWN, attributes_are_set_and_cleared),
        ("a_tree_is_made_read_only_whole", OWN, a_tree_is_made_read_only_whole),
        ("a_tree_is_made_read_only_by_the_old_calls", OWN, a_tree_is_made_read_only_by_the_old_calls),
        ("a_slave_receives_and_does_not_send", OWN, a_slave_receives_and_does_not_send),
        ("an_overlay_keeps_its_lower_layer", OWN, an_overlay_keeps_its_lower_layer),
        ("what_is_written_to_overlays_is_bounded", OWN, what_is_written_to_overlays_is_bounded),
        ("the_old_root_is_out_of_reach", OWN, the_old_root_is_out_of_reach),
        ("a_root_is_moved_over_the_old_one", OWN_PIDS, a_root_is_moved_over_the_old_one),
        ("a_root_that_is_attached_nowhere_is_entered", OWN, a_root_that_is_attached_nowhere_is_entered),
        ("an_option_that_nobody_knows_is_refused", OWN, an_option_that_nobody_knows_is_refused),
    ]);
}

/// An empty directory that is gone with the namespace: a tmpfs on /mnt.
fn place() -> Root {
    let top = Root::open(Path::new("/")).unwrap();
    set_propagation(top.as_fd(), Propagation::Private, true).unwrap();
    let Ok(mnt) = Root::open(Path::new("/mnt")) else { skip("there is no /mnt") };
    // Files belong to somebody only once the namespace has a map.
    map_root();
    let tmpfs = Detached::filesystem("tmpfs", Some("place"), &[FsOption::pair("mode", "0755")]).unwrap();
    tmpfs.attach(mnt.as_fd()).unwrap();
    Root::new(tmpfs.into_fd())
}

fn directory(root: &Root, name: &str) -> OwnedFd {
    root.make_directories(Path::new(name), Mode::from_raw_mode(0o755)).unwrap()
}

fn tmpfs() -> Detached {
    Detached::filesystem("tmpfs", Some("test"), &[]).unwrap()
}

fn mounted() -> Vec<MountEntry> {
    parse_mountinfo(&std::fs::read("/proc/self/mountinfo").unwrap())
}

fn at(path: &str) -> Option<MountEntry> {
    mounted().into_iter().rfind(|entry| entry.mount_point == Path::new(path))
}

fn a_file_system_is_attached_where_it_is_said() {
    let place = place();
    let target = directory(&place, "here");
    let mount = tmpfs();
    assert!(at("/mnt/here").is_none());
    mount.attach(target.as_fd()).unwrap();
    let entry = at("/mnt/here").unwrap();
    assert_eq!((entry.fstype.as_str(), entry.source.as_str()), ("tmpfs", "test"));
}

fn attributes_are_set_and_cleared() {
    let place = place();
    let mount = tmpfs();
    mount.attach(directory(&place, "a").as_fd()).unwrap();
    set_attributes(mount.as_fd(), MountAttr::RDONLY | MountAttr::NOEXEC, MountAttr::empty(), false).unwrap();
    assert_eq!(
        std::fs::write("/mnt/a/file", "").unwrap_err().raw_os_error(),
        Some(Errno::ROFS.raw_os_error())
    );
    set_attributes(mount.as_fd(), MountAttr::empty(), MountAttr::RDONLY, false).unwrap();
    std::fs::write("/mnt/a/file", "").unwrap();
    assert!(at("/mnt/a").unwrap().options.contains("noexec"));
}

fn a_tree_is_made_read_only_whole() {
    let place = place();
    let outer = tmpfs();
    outer.attach(directory(&place, "a").as_fd()).unwrap();
    std::fs::create_dir("/mnt/a/b").unwrap();
    tmpfs().attach(directory(&place, "a/b").as_fd()).unwrap();
    let tree = Detached::copy_of_path(Path::new("/mnt/a"), true).unwrap();
    tree.attach(directory(&place, "copy").as_fd()).unwrap();
    set_attributes(tree.as_fd(), MountAttr::RDONLY, MountAttr::empty(), true).unwrap();
    assert!(std::fs::write("/mnt/copy/b/file", "").is_err());
    assert!(std::fs::write("/mnt/a/b/file", "").is_ok());
}

fn a_tree_is_made_read_only_by_the_old_calls() {
    let place = place();
    let outer = tmpfs();
    outer.attach(directory(&place, "a").as_fd()).unwrap();
    std::fs::create_dir_all("/mnt/a/b").unwrap();
    tmpfs().attach(directory(&place, "a/b").as_fd()).unwrap();
    std::fs::create_dir("/mnt/a/b/c").unwrap();
    tmpfs().attach(directory(&place, "a/b/c").as_fd()).unwrap();
    let locked = MountAttr::RDONLY | MountAttr::NODEV;
    legacy::set_attributes(outer.as_fd(), locked, MountAttr::empty(), true).unwrap();
    for path in ["/mnt/a", "/mnt/a/b", "/mnt/a/b/c"] {
        let error = std::fs::write(Path::new(path).join("file"), "").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ROFS.raw_os_error()), "{path}");
        assert!(at(path).unwrap().options.contains("nodev"), "{path}");
    }
    legacy::set_attributes(outer.as_fd(), MountAttr::empty(), MountAttr::RDONLY, false).unwrap();
    std::fs::write("/mnt/a/file", "").unwrap();
    assert!(std::fs::write("/mnt/a/b/file", "").is_err());
    let error = legacy::set_attributes(outer.as_fd(), MountAttr::NOSYMFOLLOW, MountAttr::empty(), false);
    assert_eq!(error.unwrap_err().errno(), Errno::OPNOTSUPP);
}

fn a_slave_receives_and_does_not_send() {
    let place = place();
    let master = tmpfs();
    master.attach(directory(&place, "master").as_fd()).unwrap();
    set_propagation(master.as_fd(), Propagation::Shared, false).unwrap();
    std::fs::create_dir_all("/mnt/master/one").unwrap();
    std::fs::create_dir_all("/mnt/master/two").unwrap();
    let slave = Detached::copy_of_path(Path::new("/mnt/master"), false).unwrap();
    slave.attach(directory(&place, "slave").as_fd()).unwrap();
    set_propagation(slave.as_fd(), Propagation::Slave, false).unwrap();
    tmpfs().attach(directory(&place, "master/one").as_fd()).unwrap();
    assert!(at("/mnt/slave/one").is_some());
    tmpfs().attach(directory(&place, "slave/two").as_fd()).unwrap();
    assert!(at("/mnt/master/two").is_none());
}

fn an_overlay_keeps_its_lower_layer() {
    let place = place();
    std::fs::create_dir_all("/mnt/lower/sub").unwrap();
    std::fs::write("/mnt/lower/file", "below").unwrap();
    let mut scratch = Scratch::mount(&Root::new(directory(&place, "scratch")), Some("1m")).unwrap();
    let overlay = match scratch.overlay(&["/mnt/lower".into()]) {
        Ok(overlay) => overlay,
        Err(error) => skip(&format!("no overlay in a user namespace: {error}")),
    };
    overlay.attach(directory(&place, "merged").as_fd()).unwrap();
    std::fs::write("/mnt/merged/file", "above").unwrap();
    std::fs::remove_dir("/mnt/merged/sub").unwrap();
    assert_eq!(std::fs::read_to_string("/mnt/lower/file").unwrap(), "below");
    assert!(Path::new("/mnt/lower/sub").is_dir() && !Path::new("/mnt/merged/sub").exists());
}

fn what_is_written_to_overlays_is_bounded() {
    let place = place();
    std::fs::create_dir_all("/mnt/one").unwrap();
    std::fs::create_dir_all("/mnt/two").unwrap();
    let mut scratch = Scratch::mount(&Root::new(directory(&place, "scratch")), Some("64k")).unwrap();
    for name in ["one", "two"] {
        let overlay = scratch.overlay(&[Path::new("/mnt").join(name)]).unwrap();
        overlay.attach(directory(&place, &format!("merged-{name}")).as_fd()).unwrap();
    }
    std::fs::write("/mnt/merged-one/file", vec![1; 40 << 10]).unwrap();
    let error = std::fs::write("/mnt/merged-two/file", vec![1; 40 << 10]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(Errno::NOSPC.raw_os_error()));
}

fn the_old_root_is_out_of_reach() {
    let place = place();
    let root = tmpfs();
    root.attach(directory(&place, "root").as_fd()).unwrap();
    let root = Root::new(root.into_fd());
    root.make_directories(Path::new("proc"), Mode::from_raw_mode(0o755)).unwrap();
    pivot_into(root.as_fd()).unwrap();
    let names: Vec<_> = std::fs::read_dir("/").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["proc"]);
    assert!(std::fs::read_dir("/../../etc").is_err());
}

/// Here the old root is one that could be pivoted away; what is looked at is what the move leaves of it.
fn a_root_is_moved_over_the_old_one() {
    let place = place();
    let root = tmpfs();
    root.attach(directory(&place, "root").as_fd()).unwrap();
    directory(&Root::open(Path::new("/mnt/root")).unwrap(), "proc");
    let proc = Detached::filesystem("proc", Some("proc"), &[]).unwrap();
    proc.attach(Root::open(Path::new("/mnt/root/proc")).unwrap().as_fd()).unwrap();
    move_into(root.as_fd()).unwrap();
    let names: Vec<_> = std::fs::read_dir("/").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["proc"]);
    assert!(std::fs::read_dir("/../../etc").is_err());
    // No procfs or sysfs of the old root that could be seen: only this one, and what covers those that are locked.
    let seen = mounted();
    let foreign = seen.iter().filter(|entry| matches!(entry.fstype.as_str(), "proc" | "sysfs"));
    assert_eq!(foreign.map(|entry| entry.mount_point.as_path()).collect::<Vec<_>>(), [Path::new("/proc")]);
}

fn a_root_that_is_attached_nowhere_is_entered() {
    let place = place();
    std::fs::write("/mnt/inside", "").unwrap();
    let root = Detached::copy_of(place.as_fd(), false).unwrap();
    let below = directory(&Root::new(root.as_fd().try_clone_to_owned().unwrap()), "below");
    let mount = tmpfs();
    match mount.attach(below.as_fd()) {
        Err(error) if error.errno() == Errno::INVAL => skip("mounts in a detached root take Linux 6.15"),
        result => result.unwrap(),
    }
    chroot_into(root.as_fd()).unwrap();
    drop((root, mount, below));
    let names = |path: &str| std::fs::read_dir(path).unwrap().count();
    assert_eq!((names("/"), names("/below")), (2, 0));
    std::fs::write("/below/file", "").unwrap();
    assert!(std::fs::read_dir("/../etc").is_err());
}

fn an_option_that_nobody_knows_is_refused() {
    let _place = place();
    let error = Detached::filesystem("tmpfs", None, &[FsOption::pair("colour", "blue")]).unwrap_err();
    assert_eq!(error.errno(), Errno::INVAL);
    assert!(error.to_string().contains("colour"), "{error}");
    assert_eq!(Detached::filesystem("nosuchfs", None, &[]).unwrap_err().errno(), Errno::NODEV);
}
