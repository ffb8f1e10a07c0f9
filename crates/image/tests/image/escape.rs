//! Whatever names and links a layer has, nothing outside its directory is made, changed or removed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::*;
use proptest::prelude::*;
use tar::EntryType;

#[derive(Debug, Clone)]
struct Random {
    kind: u8,
    name: String,
    target: String,
}

/// Names out of a few parts, so that entries meet each other.
fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        10 => Just("a"), 10 => Just("b"), 5 => Just("c"), 3 => Just("out"), 2 => Just(".."), 1 => Just("."), 1 => Just(""),
        2 => Just(".wh.a"), 1 => Just(".wh..wh..opq"), 1 => Just(".wh..."), 1 => Just(".wh."), 1 => Just("victim"),
    ];
    proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

fn random() -> impl Strategy<Value = Random> {
    (0u8..7, name(), prop_oneof![name(), Just("OUTSIDE".to_owned()), Just("OUTSIDE/victim".to_owned())])
        .prop_map(|(kind, name, target)| Random { kind, name, target })
}

fn made(random: &Random, outside: &Path) -> Made {
    let target = random.target.replace("OUTSIDE", outside.to_str().unwrap());
    match random.kind {
        0 => directory(&random.name).mode(0o777),
        1 => symlink(&random.name, &target),
        2 => hard_link(&random.name, &target),
        3 => entry(EntryType::Fifo, &random.name),
        4 => entry(EntryType::Char, &random.name),
        _ => file(&random.name, "written").mode(0o4777),
    }
}

/// All that one could change about the place next to the store.
fn snapshot(outside: &Path) -> Vec<(String, u32, i64, i64, u64, u64, String)> {
    let mut seen: Vec<_> = everything(outside)
        .into_iter()
        .chain([outside.to_owned()])
        .map(|path| {
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
            (
                path.display().to_string(),
                meta.mode(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.nlink(),
                meta.ino(),
                content,
            )
        })
        .collect();
    seen.sort();
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_outside_is_touched(entries in proptest::collection::vec(random(), 1..12)) {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("victim"), "kept").unwrap();
        fs::create_dir_all(outside.path().join("a/b/a")).unwrap();
        let before = snapshot(outside.path());
        let layer = Layer::of(entries.iter().map(|random| made(random, outside.path())));
        let place = Place::with_layers([&layer]);
        let store = place.path("store");
        let around: Vec<_> = everything(place.directory.path());
        let result = place.unpack();
        prop_assert_eq!(snapshot(outside.path()), before);
        for path in everything(place.directory.path()) {
            prop_assert!(path.starts_with(&store) || around.contains(&path), "{} was made", path.display());
        }
        match result {
            Ok(unpacked) => prop_assert!(unpacked.layers.iter().all(|layer| layer.starts_with(&store))),
            Err(_) => place.assert_store_is_empty(),
        }
    }

    #[test]
    fn damaged_archives_are_errors_and_no_panics(position in 0usize..6000, bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
        let mut layer = Layer::of([
            file("f", &"text".repeat(300)).pax("mtime", "1.5").pax("SCHILY.xattr.user.x", "y"),
            file("GNUSparseFile.0/s", "12345678").pax("GNU.sparse.map", "0,4,8,4").pax("GNU.sparse.size", "100"),
            symlink("s", "f"), hard_link("h", "f"), directory("d"),
        ]);
        let position = position % layer.0.len();
        let end = layer.0.len().min(position + bytes.len());
        layer.0[position..end].copy_from_slice(&bytes[..end - position]);
        // With its checksum put right, so that what is behind it is reached.
        for block in layer.0.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
            let mut header = tar::Header::from_byte_slice(block).clone();
            header.set_cksum();
            block.copy_from_slice(header.as_bytes());
        }
        let place = Place::with_layers([&layer]);
        if place.unpack().is_err() {
            place.assert_store_is_empty();
        }
    }
}
