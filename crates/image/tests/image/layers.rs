//! Layers as they should be: what comes out is what went in.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::common::*;
use holm_image::{Digest, UnpackOptions};
use tar::EntryType;

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 4096];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

fn is_whiteout(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0)
}

fn is_opaque(path: &Path) -> bool {
    xattr(path, "user.overlay.opaque").as_deref() == Some(b"y")
}

#[test]
fn files_keep_content_mode_and_time() {
    let layer = Layer::of([
        directory("./").mode(0o711),
        directory("./d/").mode(0o2750).pax("mtime", "1350244992.023960108"),
        file("./d/f", "content").mode(0o4511).pax("mtime", "1350244993.5"),
        symlink("./d/s", "../anywhere").pax("mtime", "-1.25"),
        entry(EntryType::Fifo, "./p").mode(0o666),
        file("./world", "x").mode(0o777),
        file("./empty", "").mode(0),
    ]);
    let (_place, tree, notes) = unpack_one(&layer);
    // An ordinary user cannot even give files to root.
    assert!(notes.iter().all(|note| !is_root() && note.starts_with("ownership")), "{notes:?}");
    let meta = |name: &str| fs::symlink_metadata(tree.join(name)).unwrap();
    let mode = |name: &str| meta(name).mode() & 0o7777;
    assert_eq!((mode("."), mode("d"), mode("d/f"), mode("p")), (0o711, 0o2750, 0o4511, 0o666));
    assert_eq!((mode("world"), mode("empty")), (0o777, 0));
    assert_eq!(fs::read_to_string(tree.join("world")).unwrap(), "x");
    assert_eq!((meta("d").mtime(), meta("d").mtime_nsec()), (1_350_244_992, 23_960_108));
    assert_eq!((meta("d/f").mtime(), meta("d/f").mtime_nsec()), (1_350_244_993, 500_000_000));
    assert_eq!((meta("d/s").mtime(), meta("d/s").mtime_nsec()), (-2, 750_000_000));
    assert!(meta("p").file_type().is_fifo());
    assert_eq!(fs::read_link(tree.join("d/s")).unwrap(), Path::new("../anywhere"));
}

#[test]
fn directories_that_lock_everybody_out_can_be_filled() {
    let layer = Layer::of([directory("d").mode(0), directory("d/e").mode(0o111), file("d/e/f", "x").mode(0)]);
    let (place, tree, _) = unpack_one(&layer);
    assert_eq!(fs::symlink_metadata(tree.join("d")).unwrap().mode() & 0o7777, 0);
    // And such a layer can be removed again when its digest turns out to be wrong.
    drop(place);
    let mut place = Place::new();
    let manifest = place.image([(PLAIN, layer.0.clone(), Digest::of(b"else"))], &serde_json::json!({}));
    place.tag(&manifest, "latest");
    place.unpack().unwrap_err();
    place.assert_store_is_empty();
}

#[test]
fn owners_are_kept_where_they_can_be() {
    if !can_chown() {
        return skip("no range of ids is mapped here");
    }
    let layer = Layer::of([
        directory("d").owner(1, 2),
        file("d/f", "x").owner(1000, 1001).mode(0o6755),
        symlink("d/s", "f").owner(3, 4),
        file("pax", "x").pax("uid", "65534").pax("gid", "60000"),
        entry(EntryType::Fifo, "p").owner(5, 6).mode(0o600),
    ]);
    let (_place, tree, _) = unpack_one(&layer);
    let owner =
        |name: &str| fs::symlink_metadata(tree.join(name)).map(|meta| (meta.uid(), meta.gid())).unwrap();
    assert_eq!((owner("d"), owner("d/f"), owner("d/s")), ((1, 2), (1000, 1001), (3, 4)));
    assert_eq!((owner("pax"), owner("p")), ((65534, 60000), (5, 6)));
    assert_eq!(fs::metadata(tree.join("d/f")).unwrap().mode() & 0o7777, 0o6755);
}

#[test]
fn with_a_single_id_owners_are_not_kept_and_that_is_said() {
    let place =
        Place::with_layers([&Layer::of([file("f", "x").owner(1000, 1000), directory("d").owner(7, 7)])]);
    let image = place.resolve("").unwrap();
    let unpacked = place.store().unpack(&image, &UnpackOptions { single_id: true }).unwrap();
    let own = fs::metadata(place.path("store")).unwrap().uid();
    assert_eq!(fs::metadata(unpacked.layers[0].join("f")).unwrap().uid(), own);
    assert!(
        unpacked.notes.iter().any(|note| note.contains("ownership") && note.contains("\"f\"")),
        "{:?}",
        unpacked.notes
    );
    // It is not mistaken for a layer with its owners.
    assert_eq!(place.store().missing(&image, &UnpackOptions { single_id: false }).len(), 1);
    assert_eq!(place.store().missing(&image, &UnpackOptions { single_id: true }).len(), 0);
}

#[test]
fn whiteouts_become_those_of_overlayfs() {
    let layer = Layer::of([
        directory("d"),
        file("d/.wh.gone", ""),
        file(".wh.top", ""),
        directory("o"),
        file("o/kept", "x"),
        file("o/.wh..wh..opq", ""),
        file("implied/.wh..wh..opq", ""),
        file(".wh..wh.plnk/1.1", "aufs"),
        file(".wh..wh.aufs", "aufs"),
    ]);
    let (_place, tree, _) = unpack_one(&layer);
    assert!(is_whiteout(&tree.join("d/gone")) && is_whiteout(&tree.join("top")));
    assert!(is_opaque(&tree.join("o")) && tree.join("o/kept").exists() && is_opaque(&tree.join("implied")));
    assert!(!is_opaque(&tree.join("d")));
    assert_eq!(fs::read_dir(&tree).unwrap().count(), 4);
    if is_real_root() {
        assert_eq!(xattr(&tree.join("o"), "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]));
    }
}

#[test]
fn a_whiteout_hides_lower_layers_and_not_its_own() {
    let orders = [
        Layer::of([file(".wh.d", ""), directory("d"), file("d/new", "x"), file(".wh.f", ""), file("f", "x")]),
        Layer::of([directory("d"), file("d/new", "x"), file(".wh.d", ""), file("f", "x"), file(".wh.f", "")]),
        Layer::of([file(".wh.d", ""), file("d/new", "x"), file("f", "x"), file(".wh.f", "")]),
    ];
    for layer in orders {
        let (_place, tree, _) = unpack_one(&layer);
        assert!(is_opaque(&tree.join("d")) && tree.join("d/new").exists());
        assert_eq!(fs::read_to_string(tree.join("f")).unwrap(), "x");
    }
}

#[test]
fn a_later_entry_replaces_an_earlier_one() {
    let layer = Layer::of([
        file("a", "old and longer"),
        file("b", "first"),
        hard_link("c", "b"),
        file("a", "new"),
        file("b", "second"),
        directory("d"),
        file("d/x", "x"),
        directory("d").mode(0o700),
        directory("e/f"),
        file("e/f/g", "x"),
        file("e", "now a file"),
        symlink("l", "a"),
        hard_link("l", "a"),
        hard_link("a", "a"),
        entry(EntryType::Fifo, "b2"),
        file("b2", "x"),
    ]);
    let (_place, tree, _) = unpack_one(&layer);
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap();
    assert_eq!((read("a"), read("b"), read("c")), ("new".into(), "second".into(), "first".into()));
    assert!(tree.join("d/x").exists());
    assert_eq!(fs::metadata(tree.join("d")).unwrap().mode() & 0o777, 0o700);
    assert_eq!((read("e"), read("l"), read("b2")), ("now a file".into(), "new".into(), "x".into()));
    assert_eq!(fs::metadata(tree.join("a")).unwrap().ino(), fs::metadata(tree.join("l")).unwrap().ino());
}

#[test]
fn hard_links_share_their_file() {
    let layer = Layer::of([file("d/a", "x"), hard_link("b", "d/a"), hard_link("e/c", "./b")]);
    let (_place, tree, _) = unpack_one(&layer);
    let ino = |name: &str| fs::metadata(tree.join(name)).unwrap().ino();
    assert_eq!((ino("b"), ino("e/c")), (ino("d/a"), ino("d/a")));
    assert_eq!(fs::metadata(tree.join("d")).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn devices_are_made_or_left_out_with_a_note() {
    let layer = Layer::of([
        entry(EntryType::Char, "dev/null").device(1, 3).mode(0o666),
        entry(EntryType::Block, "dev/loop0").device(7, 0).mode(0o660),
        file("after", "x"),
    ]);
    let (_place, tree, notes) = unpack_one(&layer);
    assert!(tree.join("after").exists());
    if is_real_root() {
        let meta = fs::metadata(tree.join("dev/null")).unwrap();
        assert_eq!((meta.rdev(), meta.mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
        assert!(fs::metadata(tree.join("dev/loop0")).unwrap().file_type().is_block_device());
    } else {
        assert!(!tree.join("dev/null").exists());
        assert!(notes.iter().any(|note| note.contains("\"dev/loop0\", \"dev/null\"")), "{notes:?}");
    }
}

#[test]
fn extended_attributes_are_kept() {
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let layer = Layer::of([
        file("f", "x")
            .mode(0o444)
            .pax("SCHILY.xattr.user.text", b"a\nb=c\0d")
            .pax("SCHILY.xattr.user.none", ""),
        directory("d").pax("SCHILY.xattr.user.on.directory", "y"),
        file("ping", "x").mode(0o755).owner(0, 0).pax("SCHILY.xattr.security.capability", capability),
        file("label", "x").pax("SCHILY.xattr.security.selinux", "system_u:object_r:x_t:s0"),
    ]);
    let (_place, tree, notes) = unpack_one(&layer);
    assert_eq!(xattr(&tree.join("f"), "user.text").as_deref(), Some(&b"a\nb=c\0d"[..]));
    assert_eq!(xattr(&tree.join("f"), "user.none").as_deref(), Some(&b""[..]));
    assert_eq!(xattr(&tree.join("d"), "user.on.directory").as_deref(), Some(&b"y"[..]));
    match xattr(&tree.join("ping"), "security.capability") {
        Some(found) => assert_eq!(found[4..8], capability[4..8]),
        None => assert!(notes.iter().any(|note| note.contains("security.capability")), "{notes:?}"),
    }
    assert!(xattr(&tree.join("label"), "security.selinux").is_none());
}

#[test]
fn long_names_come_in_three_ways() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(200));
    let gnu = format!("{}/{}", "g".repeat(120), "h".repeat(200));
    let mut layer = Layer::default().with(entry(EntryType::Regular, "short").pax("path", &long).data(b"pax"));
    layer = layer.with(entry(EntryType::GNULongName, "././@LongLink").data(format!("{gnu}\0").as_bytes()));
    layer = layer.with(file("short", "gnu"));
    layer = layer.with(entry(EntryType::GNULongLink, "././@LongLink").data(format!("{gnu}\0").as_bytes()));
    layer = layer.with(hard_link("link", "short"));
    layer = layer.with(entry(EntryType::Symlink, "symlink").pax("linkpath", &long));
    let mut prefixed = file("x", "ustar");
    prefixed.header.set_path(format!("{}/{}", "p".repeat(100), "q".repeat(90))).unwrap();
    let (_place, tree, _) = unpack_one(&layer.with(prefixed).end());
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap();
    assert_eq!((read(&long), read(&gnu), read("link")), ("pax".into(), "gnu".into(), "gnu".into()));
    assert_eq!(fs::read_link(tree.join("symlink")).unwrap(), Path::new(&long));
    assert_eq!(read(&format!("{}/{}", "p".repeat(100), "q".repeat(90))), "ustar");
}

#[test]
fn names_need_not_be_text() {
    let layer =
        Layer::of([entry(EntryType::Regular, "x").pax("path", b"caf\xe9").data(b"x"), file("ü\u{1b}", "x")]);
    let (_place, tree, _) = unpack_one(&layer);
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9");
    assert!(tree.join(name).exists() && tree.join("ü\u{1b}").exists());
}

#[test]
fn global_headers_and_sizes_of_links_are_passed_over() {
    let global =
        entry(EntryType::XGlobalHeader, "pax_global_header").data(&pax_record("comment", b"some commit"));
    let mut linked = symlink("s", "target");
    linked.header.set_size(4711);
    let (_place, tree, _) = unpack_one(&Layer::of([global, linked, file("f", "x")]));
    assert!(tree.join("s").is_symlink() && tree.join("f").exists());
}

/// A file of 1 MiB with data at its start and in its middle.
fn sparse_content() -> Vec<u8> {
    let mut content = vec![0; 1 << 20];
    content[..512].fill(b'a');
    content[512 << 10..(512 << 10) + 1000].fill(b'b');
    content
}

fn assert_sparse(layer: &Layer, name: &str) {
    let (_place, tree, _) = unpack_one(layer);
    let path = tree.join(name);
    assert!(fs::read(&path).unwrap() == sparse_content(), "{name} has the wrong content");
    assert!(fs::metadata(&path).unwrap().blocks() * 512 < 512 << 10, "{name} lost its holes");
    assert_eq!(fs::read_to_string(tree.join("after")).unwrap(), "x");
}

#[test]
fn sparse_files_of_pax() {
    let content = sparse_content();
    let data = [&content[..512], &content[512 << 10..(512 << 10) + 1000]].concat();
    let size = (1u32 << 20).to_string();
    let map = format!("0,512,{},1000", 512 << 10);
    let old = file("GNUSparseFile.0/f", "")
        .data(&data)
        .pax("GNU.sparse.size", &size)
        .pax("GNU.sparse.numblocks", "2")
        .pax("GNU.sparse.offset", "0")
        .pax("GNU.sparse.numbytes", "512")
        .pax("GNU.sparse.offset", (512u32 << 10).to_string())
        .pax("GNU.sparse.numbytes", "1000");
    assert_sparse(&Layer::of([old, file("after", "x")]), "GNUSparseFile.0/f");
    let newer = file("GNUSparseFile.0/f", "")
        .data(&data)
        .pax("GNU.sparse.size", &size)
        .pax("GNU.sparse.map", &map)
        .pax("GNU.sparse.name", "d/f");
    assert_sparse(&Layer::of([newer, file("after", "x")]), "d/f");
    let mut mapped = format!("2\n0\n512\n{}\n1000\n", 512 << 10).into_bytes();
    mapped.resize(512, 0);
    mapped.extend(&data);
    let newest = file("GNUSparseFile.0/f", "")
        .data(&mapped)
        .pax("GNU.sparse.major", "1")
        .pax("GNU.sparse.minor", "0")
        .pax("GNU.sparse.name", "f")
        .pax("GNU.sparse.realsize", &size);
    assert_sparse(&Layer::of([newest, file("after", "x")]), "f");
}

#[test]
fn all_compressions_give_the_same_layer() {
    let layer = Layer::of([file("a", &"text ".repeat(200_000)), file("b", "x")]);
    let several = layer.0.chunks(100_000).map(gzip).collect::<Vec<_>>().concat();
    let mut trees = Vec::new();
    for (media_type, blob) in [
        (PLAIN, layer.0.clone()),
        (GZIP, gzip(&layer.0)),
        (GZIP, several),
        (ZSTD, zstd(&layer.0)),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", gzip(&layer.0)),
    ] {
        let mut place = Place::new();
        let manifest = place.image([(media_type, blob, Digest::of(&layer.0))], &serde_json::json!({}));
        place.tag(&manifest, "latest");
        let unpacked = place.unpack().unwrap();
        trees.push(fs::read(unpacked.layers[0].join("a")).unwrap());
    }
    assert!(trees.iter().all(|content| content.len() == 1_000_000 && *content == trees[0]));
}

#[test]
fn an_empty_layer_is_a_layer() {
    for layer in [Layer::default(), Layer::default().end()] {
        let (_place, tree, _) = unpack_one(&layer);
        assert_eq!(fs::read_dir(tree).unwrap().count(), 0);
    }
}
