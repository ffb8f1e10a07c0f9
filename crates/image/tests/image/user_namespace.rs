//! The same in a user namespace, where one is root over a single id: this program runs itself there.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::common::*;
use holm_image::{Digest, Error, UnpackOptions};
use tar::EntryType;

const INSIDE: &str = "HOLM_IMAGE_TEST_INSIDE";

/// Whether this is the run inside; else it is made, and has to succeed.
fn inside(test: &str) -> bool {
    inside_after("true", test)
}

/// The same in a mount namespace of its own, after a shell command.
fn inside_after(command: &str, test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let program = std::env::current_exe().unwrap();
    let run = Command::new("unshare")
        .args(["-Urm", "sh", "-ec", &format!("{command}; exec \"$@\""), "sh"])
        .arg(program)
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output();
    let Ok(output) = run else {
        skip("there is no unshare(1)");
        return false;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("unshare failed") {
        skip(&format!("user namespaces cannot be made: {errors}"));
        return false;
    }
    assert!(output.status.success(), "{errors}");
    false
}

#[test]
fn an_owner_that_is_not_mapped_is_named() {
    if !inside("user_namespace::an_owner_that_is_not_mapped_is_named") {
        return;
    }
    for (made, id, of_group) in
        [(file("f", "x").owner(4711, 0), 4711, false), (directory("d").owner(0, 4712), 4712, true)]
    {
        let place = Place::with_layers([&Layer::of([made])]);
        let image = place.resolve("").unwrap();
        let error = place.store().unpack(&image, &UnpackOptions { single_id: false }).unwrap_err();
        assert!(
            matches!(&error, Error::UnmappedId { id: found, group, .. } if (*found, *group) == (id, of_group)),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("/etc/subuid"));
        place.assert_store_is_empty();
    }
}

#[test]
fn everything_but_devices_and_owners_can_be_made() {
    if !inside("user_namespace::everything_but_devices_and_owners_can_be_made") {
        return;
    }
    let layer = Layer::of([
        directory("dev"),
        entry(EntryType::Char, "dev/null").device(1, 3),
        entry(EntryType::Fifo, "fifo").owner(3, 3),
        file("suid", "x").mode(0o4755).owner(1000, 1000).pax("SCHILY.xattr.user.x", "y"),
        file(".wh.gone", ""),
        file("opaque/.wh..wh..opq", ""),
        directory("closed").mode(0),
        file("closed/f", "x").mode(0),
    ]);
    let place = Place::with_layers([&layer]);
    let image = place.resolve("").unwrap();
    let unpacked = place.store().unpack(&image, &UnpackOptions { single_id: true }).unwrap();
    let tree = &unpacked.layers[0];
    assert!(!tree.join("dev/null").exists() && tree.join("fifo").exists());
    assert_eq!(fs::metadata(tree.join("suid")).unwrap().mode() & 0o7777, 0o4755);
    assert_eq!(fs::symlink_metadata(tree.join("gone")).unwrap().rdev(), 0);
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(tree.join("opaque"), "user.overlay.opaque", &mut value), Ok(1));
    assert_eq!(rustix::fs::getxattr(tree.join("suid"), "user.x", &mut value), Ok(1));
    let notes = unpacked.notes.join("\n");
    assert!(notes.contains("device nodes left out: \"dev/null\": they need privileges"), "{notes}");
    assert!(notes.contains("ownership was not kept"), "{notes}");
}

#[test]
fn a_full_disk_is_told_and_nothing_stays() {
    let mount = "mount -t tmpfs -o size=2m tmpfs /mnt && export TMPDIR=/mnt";
    if !inside_after(mount, "user_namespace::a_full_disk_is_told_and_nothing_stays") {
        return;
    }
    let big = Layer::of((0..40).map(|n| file(&format!("d/f{n}"), &"x".repeat(100_000))));
    let mut place = Place::new();
    let manifest = place.image([(GZIP, gzip(&big.0), Digest::of(&big.0))], &serde_json::json!({}));
    place.tag(&manifest, "latest");
    let error = place.unpack().unwrap_err();
    assert!(error.to_string().contains("ENOSPC") && error.hint().unwrap().contains("no space"), "{error}");
    place.assert_store_is_empty();
}
