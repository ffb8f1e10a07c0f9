//! No space left where images are unpacked, or where containers are written down.

use holm_tests::{Entry, Ground, Image, Layout, Tree, is_root};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

#[test]
fn for_the_layers_of_an_image() {
    for made in [Ground::root, Ground::with_ranges] {
        // An ordinary user's store is made small by root, too.
        let Some(ground) = made().filter(|_| is_root()) else { return };
        let mut ground = ground.with_store();
        let big = Image::of(&ground.new_directory("nothing")).layer([Entry::file("big", vec![1; 2 << 20])]);
        let layout = Layout::with(ground.path("big"), &big);
        let store = ground.new_directory(if ground.is_root() { "var-lib" } else { "home" });
        let seen = if ground.is_root() { "/var/lib".into() } else { store };
        mount("tmpfs", &seen, "tmpfs", MountFlags::empty(), Some(c"size=512k,mode=0777")).unwrap();
        ground.accept_mounts();
        let told = ground.run([layout.reference().as_str(), "true"]).finish().fails(125);
        told.mentions("ENOSPC").mentions("space").helps();
        let tree = Tree::of(&seen);
        let tmp: Vec<_> = tree.paths().filter(|path| path.ends_with("big")).collect();
        assert!(tmp.is_empty(), "{tmp:?}");
        unmount(&seen, UnmountFlags::DETACH).unwrap();
        ground.accept_mounts();
        ground.run([layout.reference().as_str(), "/true"]).finish().fails(127);
    }
}

#[test]
fn for_the_bundle_of_a_container() {
    let Some(mut ground) = Ground::root() else { return };
    // The thread's own /run, with room for nothing.
    mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), Some(c"mode=0755,nr_inodes=4")).unwrap();
    ground.accept_mounts();
    ground.sh(&[], "echo ran").finish().fails(125).mentions("ENOSPC");
    unmount("/run", UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
    assert_eq!(ground.sh(&[], "echo ran").finish().ok(), "ran");
}
