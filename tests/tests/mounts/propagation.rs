//! A disk that is mounted while containers run, and mounts that are made inside.

use std::path::{Path, PathBuf};
use std::process::Command;

use holm_tests::{Ground, Running, busy_wait, needs, program};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

/// A directory of the ground from which mounts go to those who want them, as the directories of a host with systemd do.
struct Shared(PathBuf);

impl Shared {
    fn new(ground: &mut Ground) -> Self {
        let path = ground.new_directory("media");
        std::fs::create_dir(path.join("disk")).unwrap();
        mount_bind(&path, &path).unwrap();
        mount_change(&path, MountPropagationFlags::SHARED).unwrap();
        ground.accept_mounts();
        Self(path)
    }

    fn volume(&self, option: &str) -> String {
        format!("{}:/media:{option}", self.0.display())
    }

    /// Unmounts what this test has mounted.
    fn close(self, ground: &mut Ground) {
        unmount(&self.0, UnmountFlags::DETACH).unwrap();
        ground.accept_mounts();
    }
}

/// A file system in a file, mounted by way of a loop device.
fn mount_disk(ground: &Ground, place: &Path) -> bool {
    let (Some(mke2fs), Some(mount)) = (program("mke2fs"), program("mount")) else { return false };
    let image = ground.path("disk.img");
    let tree = ground.new_directory("tree");
    std::fs::write(tree.join("on-the-disk"), "hello\n").unwrap();
    let made =
        Command::new(mke2fs).args(["-q", "-t", "ext4", "-d"]).arg(&tree).arg(&image).arg("8M").output();
    assert!(made.unwrap().status.success(), "mke2fs makes a file system");
    let mounted = Command::new(mount).args(["-o", "loop"]).arg(&image).arg(place).output().unwrap();
    let told = String::from_utf8_lossy(&mounted.stderr).into_owned();
    needs(mounted.status.success(), &format!("a loop device cannot be mounted here: {told}"))
}

/// A container that says what it sees whenever it is asked.
fn observer(ground: &Ground, volume: &str) -> Running {
    let script = "echo ready; while read file; do cat $file 2>/dev/null || echo nothing; done";
    let running = ground.sh(&["-v", volume], script).start();
    assert_eq!(running.line(), "ready");
    running
}

fn sees(running: &mut Running, file: &str) -> String {
    running.say(&format!("{file}\n"));
    running.line()
}

#[test]
fn a_disk_appears_under_rslave_in_every_running_container_and_not_under_rprivate() {
    let Some(mut ground) = Ground::root() else { return };
    let shared = Shared::new(&mut ground);
    let file = "/media/disk/on-the-disk";
    let mut following = [(); 3].map(|()| observer(&ground, &shared.volume("rslave")));
    let mut mutual = observer(&ground, &shared.volume("rshared"));
    let mut private = observer(&ground, &shared.volume("rprivate"));
    let mut unsaid = observer(&ground, shared.volume("rw").as_str());
    assert_eq!(sees(&mut following[0], file), "nothing");
    if mount_disk(&ground, &shared.0.join("disk")) {
        for running in following.iter_mut().chain([&mut mutual]) {
            assert_eq!(sees(running, file), "hello");
        }
        for running in [&mut private, &mut unsaid] {
            assert_eq!(sees(running, file), "nothing");
        }
        // Unmounting goes the same way: the disk is not held by anybody.
        unmount(shared.0.join("disk"), UnmountFlags::empty()).expect("no container holds the disk");
        for running in &mut following {
            assert_eq!(sees(running, file), "nothing");
        }
    }
    for running in following.into_iter().chain([mutual, private, unsaid]) {
        running.finish().ok();
    }
    shared.close(&mut ground);
}

#[test]
fn one_that_is_there_from_the_beginning_is_seen_by_all() {
    let Some(mut ground) = Ground::root() else { return };
    let shared = Shared::new(&mut ground);
    if mount_disk(&ground, &shared.0.join("disk")) {
        for option in ["rslave", "rprivate", "rshared", "ro"] {
            let script = "cat /media/disk/on-the-disk";
            assert_eq!(ground.sh(&["-v", &shared.volume(option)], script).finish().ok(), "hello", "{option}");
        }
        unmount(shared.0.join("disk"), UnmountFlags::empty()).unwrap();
    }
    shared.close(&mut ground);
}

#[test]
fn mounts_of_one_container_are_seen_by_nobody_else() {
    let Some(mut ground) = Ground::root() else { return };
    let shared = Shared::new(&mut ground);
    for option in ["rprivate", "rslave"] {
        let volume = shared.volume(option);
        let script = "mount -t tmpfs inside /media/disk && mount -t tmpfs inside /opt-inside; \
                      echo x > /media/disk/x; echo ready; cat";
        std::fs::create_dir_all(ground.rootfs().join("opt-inside")).unwrap();
        let inside = ground.sh(&["--cap-add", "SYS_ADMIN", "-v", &volume], script).start();
        assert_eq!(inside.line(), "ready");
        let mut other = observer(&ground, &volume);
        assert_eq!(sees(&mut other, "/media/disk/x"), "nothing", "{option}");
        assert!(!shared.0.join("disk/x").exists());
        let host = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        assert!(!host.contains(" - tmpfs inside"), "{host}");
        other.finish().ok();
        inside.finish().ok();
    }
    shared.close(&mut ground);
}

#[test]
fn under_rshared_they_are_and_go_with_who_made_them() {
    let Some(mut ground) = Ground::root() else { return };
    let shared = Shared::new(&mut ground);
    let volume = shared.volume("rshared");
    let script =
        "mount -t tmpfs inside /media/disk && echo x > /media/disk/x; echo ready; cat; umount /media/disk";
    let inside = ground.sh(&["--cap-add", "SYS_ADMIN", "-v", &volume], script).start();
    assert_eq!(inside.line(), "ready");
    assert!(shared.0.join("disk/x").exists());
    let mut other = observer(&ground, &volume);
    assert_eq!(sees(&mut other, "/media/disk/x"), "x");
    other.finish().ok();
    inside.finish().ok();
    assert!(!shared.0.join("disk/x").exists());
    shared.close(&mut ground);
}

#[test]
fn an_ordinary_user_follows_the_host_too() {
    let Some(mut guard) = Ground::root() else { return };
    let mut ground = Ground::ordinary();
    let shared = Shared::new(&mut ground);
    let mut following = observer(&ground, &shared.volume("rslave"));
    let mut private = observer(&ground, &shared.volume("rprivate"));
    if mount_disk(&ground, &shared.0.join("disk")) {
        assert_eq!(sees(&mut following, "/media/disk/on-the-disk"), "hello");
        assert_eq!(sees(&mut private, "/media/disk/on-the-disk"), "nothing");
        unmount(shared.0.join("disk"), UnmountFlags::DETACH).unwrap();
    }
    following.finish().ok();
    private.finish().ok();
    shared.close(&mut ground);
    drop(ground);
    guard.accept_mounts();
}

#[test]
fn the_loop_device_is_free_again() {
    // mount(8) sets it up so that it goes with the last mount, which a container must not keep.
    let Some(mut ground) = Ground::root() else { return };
    let shared = Shared::new(&mut ground);
    let following = observer(&ground, &shared.volume("rslave"));
    if mount_disk(&ground, &shared.0.join("disk")) {
        unmount(shared.0.join("disk"), UnmountFlags::empty()).unwrap();
        let image = ground.path("disk.img");
        let held = || {
            let devices = std::fs::read_dir("/sys/block").unwrap().flatten();
            let mut backing = devices
                .filter_map(|device| std::fs::read_to_string(device.path().join("loop/backing_file")).ok());
            backing.any(|file| file.trim_end() == image.to_str().unwrap())
        };
        assert!(busy_wait(|| (!held()).then_some(())).is_some(), "the loop device is still there");
    }
    following.finish().ok();
    shared.close(&mut ground);
}
