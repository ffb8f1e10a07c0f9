//! Layers on top of each other, as we read them and as overlayfs shows them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::*;
use holm_image::{Unpacked, read_from_layers, user_of_layers};
use tar::EntryType;

fn unpack(layers: &[Layer]) -> (Place, Unpacked) {
    let place = Place::with_layers(layers);
    let unpacked = place.unpack().unwrap_or_else(|error| panic!("{error}"));
    (place, unpacked)
}

/// What a shell command prints in the directory of an overlay of the layers; `None` if overlays cannot be mounted.
fn in_overlay(layers: &[PathBuf], script: &str) -> Option<String> {
    let place = tempfile::tempdir().unwrap();
    for name in ["root", "none", "none2"] {
        fs::create_dir(place.path().join(name)).unwrap();
    }
    let none = [place.path().join("none")];
    let lower: Vec<&str> = layers.iter().rev().chain(&none).map(|path| path.to_str().unwrap()).collect();
    let options = if is_real_root() { "" } else { ",userxattr" };
    let root = place.path().join("root");
    let mount =
        format!("mount -t overlay -o lowerdir={}{options} overlay {}", lower.join(":"), root.display());
    let script = format!("{mount} && cd {} && {script}", root.display());
    let mut unshare = Command::new("unshare");
    unshare.args(if is_root() { &["-m"][..] } else { &["-Urm"][..] });
    let output = unshare.args(["sh", "-c", &script]).output();
    let Ok(output) = output else {
        skip("there is no unshare(1)");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if errors.contains("unshare failed") || errors.contains("permission denied") {
        skip(&format!("overlays cannot be mounted: {errors}"));
        return None;
    }
    assert!(output.status.success(), "{script}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn mode(layers: &[PathBuf], name: &str) -> u32 {
    let top = layers.iter().rev().find_map(|layer| fs::symlink_metadata(layer.join(name)).ok());
    top.unwrap().mode() & 0o7777
}

#[test]
fn overlayfs_shows_what_the_layers_mean() {
    let (_place, unpacked) = unpack(&[
        Layer::of([
            file("etc/gone", "1"),
            file("etc/kept", "1"),
            file("cleared/old", "1"),
            file("replaced/old", "1"),
            file("file", "1"),
            directory("turned"),
        ]),
        Layer::of([
            file("etc/.wh.gone", ""),
            file("etc/new", "2"),
            file("cleared/.wh..wh..opq", ""),
            file("cleared/new", "2"),
            file(".wh.replaced", ""),
            directory("replaced"),
            directory("file"),
            file("turned", "2"),
        ]),
    ]);
    let shown = in_overlay(&unpacked.layers, "find . | sort | tr '\\n' ' '");
    let expected = ". ./cleared ./cleared/new ./etc ./etc/kept ./etc/new ./file ./replaced ./turned ";
    assert_eq!(shown.as_deref().unwrap_or(expected), expected);
}

#[test]
fn an_opaque_root_hides_all_below() {
    let (_place, unpacked) = unpack(&[
        Layer::of([file("old", "1"), file("etc/passwd", "old:x:1:1::/:")]),
        Layer::of([file(".wh..wh..opq", ""), file("new", "2")]),
        Layer::of([file("newer", "3")]),
    ]);
    let shown = in_overlay(&unpacked.layers, "find . | sort | tr '\\n' ' '");
    assert_eq!(shown.as_deref().unwrap_or(". ./new ./newer "), ". ./new ./newer ");
    assert_eq!(read_from_layers(&unpacked.layers, "etc/passwd").unwrap(), None);
}

#[test]
fn a_directory_without_an_entry_is_that_of_the_layers_below() {
    let lower = [
        directory("./").mode(0o711),
        directory("tmp").mode(0o1777).pax("mtime", "4711"),
        directory("a").mode(0o750),
        directory("a/b").mode(0o700).pax("SCHILY.xattr.user.mark", "kept"),
        directory("plain"),
    ];
    let upper = [file("tmp/x", "x"), file("a/b/c/d", "x"), file("plain/x", "x")];
    let (place, unpacked) = unpack(&[Layer::of(lower), Layer::of(upper)]);
    assert_eq!(unpacked.layers.len(), 3, "one of corrections on top");
    let modes = ["", "tmp", "a", "a/b", "a/b/c", "plain"].map(|name| mode(&unpacked.layers, name));
    assert_eq!(modes, [0o711, 0o1777, 0o750, 0o700, 0o755, 0o755]);
    assert_eq!(fs::metadata(unpacked.layers[2].join("tmp")).unwrap().mtime(), 4711);
    let script = "stat -c %a . tmp a a/b a/b/c plain | tr '\\n' ' '; cat tmp/x a/b/c/d plain/x";
    let expected = "711 1777 750 700 755 755 xxx";
    assert_eq!(in_overlay(&unpacked.layers, script).as_deref().unwrap_or(expected), expected);
    // The next time they are there.
    assert_eq!(place.unpack().unwrap().layers, unpacked.layers);
}

#[test]
fn there_are_no_corrections_where_nothing_differs_or_something_hides() {
    let (_place, unpacked) = unpack(&[Layer::of([directory("d")]), Layer::of([file("d/x", "x")])]);
    assert_eq!(unpacked.layers.len(), 2);
    // What a whiteout removed does not come back, nor does what a file replaced.
    for hidden in [file(".wh.d", ""), file("d", "x"), file("d/.wh..wh..opq", "")] {
        let (_place, unpacked) = unpack(&[
            Layer::of([directory("d").mode(0o700)]),
            Layer::of([hidden]),
            Layer::of([file("d/x", "x")]),
        ]);
        assert_eq!((unpacked.layers.len(), mode(&unpacked.layers, "d")), (3, 0o755));
    }
    // A directory that the upper layers describe is theirs.
    let (_place, unpacked) = unpack(&[
        Layer::of([directory("d").mode(0o700)]),
        Layer::of([directory("d").mode(0o711)]),
        Layer::of([file("d/x", "x")]),
    ]);
    assert_eq!(mode(&unpacked.layers, "d"), 0o711);
}

#[test]
fn files_are_read_as_the_container_will_see_them() {
    let read = |layers: &[Layer], name: &str| {
        let (_place, unpacked) = unpack(layers);
        read_from_layers(&unpacked.layers, name)
            .map(|content| content.map(|content| String::from_utf8(content).unwrap()))
    };
    let lower =
        || Layer::of([file("etc/passwd", "lower"), symlink("link", "/etc/passwd"), symlink("dir", "etc")]);
    let upper = || Layer::of([file("etc/passwd", "upper")]);
    assert_eq!(read(&[lower()], "etc/passwd").unwrap().as_deref(), Some("lower"));
    assert_eq!(read(&[lower(), upper()], "etc/passwd").unwrap().as_deref(), Some("upper"));
    assert_eq!(read(&[lower(), upper()], "link").unwrap().as_deref(), Some("upper"));
    assert_eq!(read(&[lower(), upper()], "dir/passwd").unwrap().as_deref(), Some("upper"));
    for hidden in
        [file("etc/.wh.passwd", ""), file(".wh.etc", ""), file("etc/.wh..wh..opq", ""), file("etc", "file")]
    {
        assert_eq!(read(&[lower(), Layer::of([hidden])], "etc/passwd").unwrap(), None);
    }
    // Links stay inside, and those that lead nowhere or in circles do not matter.
    let link = |target: &str| Layer::of([directory("etc"), symlink("etc/passwd", target)]);
    assert_eq!(read(&[lower(), link("../../../../../../etc/hostname")], "etc/passwd").unwrap(), None);
    assert_eq!(read(&[lower(), link("/proc/self/environ")], "etc/passwd").unwrap(), None);
    assert!(read(&[link("passwd")], "etc/passwd").is_err());
    assert!(read(&[Layer::of([entry(EntryType::Fifo, "etc/passwd")])], "etc/passwd").is_err());
    assert!(read(&[Layer::of([directory("etc/passwd")])], "etc/passwd").is_err());
    assert!(read(&[Layer::of([file("etc/passwd", &"x".repeat((4 << 20) + 1))])], "etc/passwd").is_err());
}

#[test]
fn a_user_is_found_in_the_layers() {
    let (_place, unpacked) = unpack(&[
        Layer::of([file("etc/passwd", "www:x:33:33::/srv:/bin/sh\n"), file("etc/group", "www:x:33:\n")]),
        Layer::of([file("etc/group", "extra:x:100:www\n")]),
    ]);
    let user = user_of_layers(&unpacked.layers, "www").unwrap();
    assert_eq!(
        (user.uid, user.gid, user.additional_gids, user.home.as_deref()),
        (33, 33, vec![100], Some("/srv"))
    );
    assert!(user_of_layers(&unpacked.layers, "nobody").unwrap_err().hint().is_some());
    assert_eq!(user_of_layers(&[], "12:13").unwrap().gid, 13);
}

#[test]
fn a_store_is_private_and_cleans_up_after_the_dead() {
    let place = Place::with_layers(&[Layer::of([file("a", "x")])]);
    let store = place.path("store");
    fs::create_dir_all(store.join("tmp/99999.0/fs/deep")).unwrap();
    fs::set_permissions(&store, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let held = fs::File::open({
        fs::create_dir(store.join("tmp/99998.0")).unwrap();
        store.join("tmp/99998.0")
    });
    rustix::fs::flock(held.as_ref().unwrap(), rustix::fs::FlockOperation::LockExclusive).unwrap();
    let opened = place.store();
    assert_eq!(fs::metadata(opened.path()).unwrap().mode() & 0o777, 0o700);
    assert!(!store.join("tmp/99999.0").exists(), "what a dead process left is removed");
    assert!(store.join("tmp/99998.0").exists(), "what a living one works on is not");
    drop(held);
    // A process that another test is starting has the lock too until it executes its program.
    let gone = || {
        place.store();
        std::thread::yield_now();
        !store.join("tmp/99998.0").exists()
    };
    assert!((0..100_000).any(|_| gone()));
    place.assert_store_is_empty();
}

#[test]
fn many_processes_may_unpack_the_same_image() {
    let layers: Vec<Layer> =
        (0..6).map(|n| Layer::of([file(&format!("f{n}"), &"x".repeat(100_000))])).collect();
    let place = Place::with_layers(&layers);
    let image = place.resolve("").unwrap();
    let results: Vec<Vec<PathBuf>> = std::thread::scope(|scope| {
        let work = || place.store().unpack(&image, &options()).unwrap().layers;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(results.iter().all(|layers| *layers == results[0] && layers.len() == 6));
    let left = |name: &str| fs::read_dir(Path::new(&place.path("store")).join(name)).unwrap().count();
    assert_eq!(
        (left("tmp"), left("locks"), left("layers/sha256") + left("single-id/layers/sha256")),
        (0, 0, 6)
    );
}
