//! Layers that want out, or are broken: refused with the reason, and nothing of them stays.

use std::fs;

use crate::common::*;
use holm_image::{Digest, Error};
use tar::EntryType;

fn assert_outside(layer: &Layer, expected: &str) {
    match refuse_one(layer) {
        error @ Error::Outside { .. } => assert!(error.to_string().contains(expected), "{error}"),
        error => panic!("not refused as leading outside, but: {error}"),
    }
}

fn assert_entry(layer: &Layer, expected: &str) {
    match refuse_one(layer) {
        error @ Error::Entry { .. } => assert!(error.to_string().contains(expected), "{error}"),
        error => panic!("not refused for its entry, but: {error}"),
    }
}

#[test]
fn names_with_dot_dot() {
    for name in ["../escape", "a/../../escape", "a/..", ".."] {
        assert_outside(&Layer::of([file(name, "x")]), "\"..\"");
        assert_outside(&Layer::of([directory(name)]), "\"..\"");
    }
}

#[test]
fn absolute_names() {
    assert_outside(&Layer::of([file("/etc/holm-escape", "x")]), "absolute");
    assert_outside(&Layer::of([entry(EntryType::Regular, "").pax("path", "/tmp/escape")]), "absolute");
    assert!(!std::path::Path::new("/etc/holm-escape").exists());
}

#[test]
fn a_parent_that_is_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    for made in
        [file("a/b", "x"), directory("a/b"), symlink("a/b", "x"), file("a/b/c", "x"), file("a/.wh.b", "")]
    {
        assert_outside(&Layer::of([symlink("a", target), made]), "leads through the symbolic link \"a\"");
    }
    assert_outside(&Layer::of([directory("d"), symlink("d/a", ".."), file("d/a/x", "x")]), "\"d/a\"");
    assert_outside(&Layer::of([symlink("a", target), file("a/.wh..wh..opq", "")]), "symbolic link");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_link_further_up_to_directories_that_exist() {
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir_all(outside.path().join("b/c")).unwrap();
    fs::write(outside.path().join("b/c/victim"), "kept").unwrap();
    let link = || symlink("a", outside.path().to_str().unwrap());
    for made in [
        file("a/b/c/new", "x"),
        file("a/b/c/victim", "x"),
        directory("a/b/c"),
        directory("a/b/c/d"),
        hard_link("h", "a/b/c/victim"),
        file("a/b/c/.wh.victim", ""),
        file("a/b/c/.wh..wh..opq", ""),
        entry(EntryType::Fifo, "a/b/c/victim"),
    ] {
        assert_outside(&Layer::of([link(), made]), "symbolic link");
    }
    assert_eq!(everything(outside.path()).len(), 3);
    assert_eq!(fs::read_to_string(outside.path().join("b/c/victim")).unwrap(), "kept");
}

#[test]
fn a_directory_that_becomes_a_link_after_it_was_used() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    let layer = Layer::of([directory("a"), file("a/x", "x"), symlink("a", target), file("a/y", "y")]);
    assert_outside(&layer, "symbolic link");
    // The attributes of a directory are set at the end, when a link could be in its place.
    let layer = Layer::of([directory("a").mode(0o777), directory("a/b"), symlink("a", target)]);
    let (_place, tree, _) = unpack_one(&layer);
    assert!(tree.join("a").is_symlink());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn a_file_where_a_directory_should_be() {
    assert_entry(&Layer::of([file("a", "x"), file("a/b", "x")]), "no directory");
    assert_entry(&Layer::of([file("a", "x"), directory("a/b/c")]), "no directory");
}

#[test]
fn a_link_is_replaced_and_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    let target = victim.to_str().unwrap();
    let (_place, tree, _) = unpack_one(&Layer::of([symlink("a", target), file("a", "new").mode(0o600)]));
    assert!(!tree.join("a").is_symlink());
    assert_eq!(fs::read_to_string(tree.join("a")).unwrap(), "new");
    let (_place, tree, _) =
        unpack_one(&Layer::of([symlink("a", outside.path().to_str().unwrap()), directory("a")]));
    assert!(tree.join("a").is_dir() && !tree.join("a").is_symlink());
    assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
}

#[test]
fn hard_links_to_the_outside() {
    assert_outside(&Layer::of([hard_link("a", "/etc/passwd")]), "outside");
    assert_outside(&Layer::of([hard_link("a", "../../../../etc/passwd")]), "outside");
    assert_outside(&Layer::of([symlink("etc", "/etc"), hard_link("a", "etc/passwd")]), "symbolic link");
    assert_entry(&Layer::of([hard_link("a", "missing")]), "not in this layer");
    assert_entry(&Layer::of([hard_link("a", "a")]), "not in this layer");
    assert_entry(&Layer::of([directory("d"), hard_link("a", "d")]), "directory");
    assert_entry(&Layer::of([file(".wh.x", ""), hard_link("a", ".wh.x")]), "whiteout");
}

#[test]
fn a_hard_link_to_a_link_is_the_link() {
    let (_place, tree, _) = unpack_one(&Layer::of([symlink("a", "/etc/passwd"), hard_link("b", "a")]));
    assert_eq!(fs::read_link(tree.join("b")).unwrap().to_str(), Some("/etc/passwd"));
    // What is written to the name afterwards is a new file.
    let layer = Layer::of([symlink("a", "/etc/passwd"), hard_link("b", "a"), file("b", "new")]);
    let (_place, tree, _) = unpack_one(&layer);
    assert_eq!(fs::read_to_string(tree.join("b")).unwrap(), "new");
}

#[test]
fn whiteouts_of_something_else() {
    for name in [".wh.", ".wh..", ".wh...", "a/.wh..."] {
        assert_outside(&Layer::of([file(name, "")]), "whiteout of no file");
    }
    assert_entry(&Layer::of([file(".wh.a/b", "")]), "below a whiteout");
    assert_outside(&Layer::of([file("../.wh.a", "")]), "\"..\"");
}

#[test]
fn attributes_of_overlayfs_are_not_taken() {
    let layer = Layer::of([
        directory("d")
            .pax("SCHILY.xattr.user.overlay.redirect", "/etc")
            .pax("SCHILY.xattr.trusted.overlay.opaque", "y"),
        file("f", "x")
            .pax("SCHILY.xattr.user.overlay.metacopy", "")
            .pax("SCHILY.xattr.trusted.overlay.metacopy", ""),
    ]);
    let (_place, tree, notes) = unpack_one(&layer);
    for name in ["d", "f"] {
        let mut list = [0u8; 1024];
        let length = rustix::fs::listxattr(tree.join(name), &mut list[..]).unwrap();
        let list = String::from_utf8_lossy(&list[..length]).into_owned();
        assert!(!list.contains("overlay"), "{name} has {list}");
    }
    assert!(notes.iter().any(|note| note.contains("overlayfs") && note.contains("\"d\"")), "{notes:?}");
}

#[test]
fn names_that_are_none() {
    assert_entry(&Layer::of([entry(EntryType::Regular, "x").pax("path", b"a\0b")]), "NUL");
    assert_entry(&Layer::of([entry(EntryType::Regular, "x").pax("path", "x".repeat(256))]), "component");
    assert_entry(&Layer::of([entry(EntryType::Regular, "x").pax("path", "d/".repeat(200))]), "deep");
    assert_entry(&Layer::of([file("./", "x").mode(0o644), entry(EntryType::Symlink, ".")]), "root");
    assert_entry(&Layer::of([entry(EntryType::new(b'Z'), "z")]), "type 'Z'");
}

#[test]
fn control_characters_stay_out_of_messages() {
    let error = refuse_one(&Layer::of([entry(EntryType::Regular, "x").pax("path", "../\x1b[2J")]));
    assert!(!error.to_string().contains('\x1b'), "{error}");
}

fn assert_corrupt(layer: &Layer, expected: &str) {
    match refuse_one(layer) {
        error @ Error::Corrupt { .. } => assert!(error.to_string().contains(expected), "{error}"),
        error => panic!("not found to be damaged, but: {error}"),
    }
}

#[test]
fn archives_that_are_cut_off_or_lie() {
    let mut huge = file("huge", "");
    huge.header.set_size(1 << 33);
    assert_corrupt(&Layer::default().with(huge), "ends in the middle of a file");
    let huge = file("huge", "x").pax("size", "9000000000000000000");
    assert_corrupt(&Layer::of([huge]), "size");
    let layer = Layer::of([file("a", "abc")]);
    assert_corrupt(&Layer(layer.0[..300].to_vec()), "ends in the middle of a header");
    assert_corrupt(&Layer(layer.0[..514].to_vec()), "ends in the middle of a file");
    let mut changed = layer.0.clone();
    changed[0] = b'b';
    assert_corrupt(&Layer(changed), "checksum");
    let long_name = entry(EntryType::GNULongName, "././@LongLink").data(&vec![b'x'; (1 << 20) + 1]);
    assert_corrupt(&Layer::of([long_name, file("x", "")]), "size");
    let negative = file("x", "").pax("GNU.sparse.map", "0,1").pax("GNU.sparse.size", "0");
    assert_corrupt(&Layer::of([negative]), "sparse");
    assert_corrupt(&Layer(b"this is no archive at all".repeat(40)), "checksum");
}

#[test]
fn ids_that_no_file_can_have() {
    assert_corrupt(&Layer::of([file("x", "").pax("uid", "4294967295")]), "uid");
    assert_corrupt(&Layer::of([file("x", "").pax("gid", "99999999999")]), "gid");
}

type Pack = fn(&[u8]) -> Vec<u8>;

/// A layout of one layer whose blob is then changed by `damage`.
fn damaged(media_type: &'static str, pack: Pack, damage: impl Fn(&mut Vec<u8>)) -> (Place, Error) {
    let content = "some text, and more of it ".repeat(50_000);
    let layer = Layer::of([file("a", "abc"), file("big", &content), file("z", "end")]);
    let mut place = Place::new();
    let blob = pack(&layer.0);
    let manifest = place.image([(media_type, blob.clone(), Digest::of(&layer.0))], &serde_json::json!({}));
    place.tag(&manifest, "latest");
    let mut changed = blob.clone();
    damage(&mut changed);
    fs::write(place.blob_path(&blob), changed).unwrap();
    let error = place.unpack().unwrap_err();
    place.assert_store_is_empty();
    (place, error)
}

#[test]
fn a_blob_that_was_changed_is_a_wrong_digest_wherever_it_shows_first() {
    let packs: [(&str, Pack); 3] = [(PLAIN, <[u8]>::to_vec), (GZIP, gzip), (ZSTD, zstd)];
    for (media_type, pack) in packs {
        for position in [20, 100, 600, usize::MAX] {
            let (_place, error) = damaged(media_type, pack, |blob| {
                let position = position.min(blob.len() - 10);
                blob[position] ^= 0x55;
            });
            assert!(matches!(error, Error::DigestMismatch { .. }), "{media_type} {position}: {error}");
        }
    }
}

#[test]
fn a_blob_that_was_cut_off_is_a_wrong_size() {
    let (_place, error) = damaged(GZIP, gzip, |blob| blob.truncate(blob.len() / 2));
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error}");
    assert!(error.hint().unwrap().contains("damaged"));
}

#[test]
fn a_layer_that_is_not_what_its_diff_id_says() {
    let layer = Layer::of([file("a", "abc")]);
    let mut place = Place::new();
    let manifest = place.image([(GZIP, gzip(&layer.0), Digest::of(b"else"))], &serde_json::json!({}));
    place.tag(&manifest, "latest");
    let error = place.unpack().unwrap_err();
    assert!(
        matches!(&error, Error::DigestMismatch { what, .. } if what.starts_with("the content of layer")),
        "{error}"
    );
    place.assert_store_is_empty();
}

#[test]
fn a_layer_that_is_not_of_its_type() {
    let layer = Layer::of([file("a", "abc")]);
    for (media_type, blob) in [(GZIP, layer.0.clone()), (PLAIN, gzip(&layer.0)), (ZSTD, gzip(&layer.0))] {
        let mut place = Place::new();
        let manifest = place.image([(media_type, blob, Digest::of(&layer.0))], &serde_json::json!({}));
        place.tag(&manifest, "latest");
        let error = place.unpack().unwrap_err();
        assert!(error.to_string().contains("means"), "{error}");
        place.assert_store_is_empty();
    }
    let mut place = Place::new();
    let encrypted = "application/vnd.oci.image.layer.v1.tar+gzip+encrypted";
    let manifest = place.image([(encrypted, layer.0.clone(), Digest::of(&layer.0))], &serde_json::json!({}));
    place.tag(&manifest, "latest");
    assert!(matches!(place.unpack().unwrap_err(), Error::Unsupported { .. }));
}

#[test]
fn compressed_data_that_is_broken_though_its_digest_is_right() {
    let layer = Layer::of([file("a", "abc")]);
    let mut blob = gzip(&layer.0);
    blob.truncate(blob.len() - 12);
    for blob in [blob.clone(), [&gzip(&layer.0)[..], b"garbage"].concat()] {
        let mut place = Place::new();
        let manifest = place.image([(GZIP, blob, Digest::of(&layer.0))], &serde_json::json!({}));
        place.tag(&manifest, "latest");
        let error = place.unpack().unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        place.assert_store_is_empty();
    }
}

#[test]
fn one_bad_layer_leaves_the_good_ones() {
    let good = Layer::of([file("a", "abc")]);
    let bad = Layer::of([file("../b", "abc")]);
    let place = Place::with_layers([&good, &bad]);
    assert!(place.unpack().is_err());
    let image = place.resolve("").unwrap();
    let missing = place.store().missing(&image, &options());
    assert!(missing.iter().any(|layer| layer.diff_id == Digest::of(&bad.0)));
    assert_eq!(fs::read_dir(place.path("store/tmp")).unwrap().count(), 0);
}
