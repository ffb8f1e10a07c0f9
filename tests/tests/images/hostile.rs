//! Layers that want out, or are not what they promise: refused with the reason, and nothing of them stays.

use std::fs;

use holm_tests::{Entry, Ground, Image, Layout, Told, Tree, gzip};
use tar::EntryType;

use crate::{both, empty, everyone};

/// How a layer is packed, or spoilt.
type Pack = fn(&[u8]) -> Vec<u8>;

/// Runs an image that must be refused, and looks that nothing of its last layer is there.
fn refused(ground: &Ground, layout: &Layout) -> Told {
    let told = ground.run([layout.reference().as_str(), "/bin/true"]).finish().fails(125);
    let store = Tree::of(&ground.store());
    // The layer below has nothing in it.
    let inside: Vec<_> = store.paths().filter(|path| path.ends_with("victim")).collect();
    assert!(inside.is_empty(), "{inside:?}");
    let half = fs::read_dir(ground.store().join("tmp")).map_or(0, Iterator::count);
    assert_eq!(half, 0, "half of a layer stays in the store");
    let layers = store.paths().filter(|path| path.parent().is_some_and(|above| above.ends_with("sha256")));
    assert!(layers.count() <= 1, "{store:?}");
    told
}

/// Names that lead out of a layer, each with a word of the reason.
fn escapes(target: &str) -> Vec<(Vec<Entry>, &'static str)> {
    let victim = |name: &str| Entry::file(name, "overwritten");
    let link = |name: &str| Entry::link(EntryType::Symlink, name, target);
    let absolute = format!("{target}/victim");
    vec![
        (vec![victim("../victim")], "\"..\""),
        (vec![Entry::directory("d"), victim("d/../../victim")], "\"..\""),
        (vec![victim(&absolute)], "absolute"),
        (vec![link("d"), victim("d/victim")], "symbolic link"),
        (vec![link("d"), Entry::directory("d/new")], "symbolic link"),
        (vec![link("d"), victim("d/.wh.victim")], "symbolic link"),
        (vec![link("d"), victim("d/.wh..wh..opq")], "symbolic link"),
        (
            vec![Entry::directory("a"), Entry::link(EntryType::Symlink, "a/d", ".."), victim("a/d/victim")],
            "symbolic link",
        ),
        (vec![Entry::link(EntryType::Link, "victim", &absolute)], "outside"),
        (vec![Entry::link(EntryType::Link, "victim", "../../victim")], "outside"),
        (vec![link("d"), Entry::link(EntryType::Link, "victim", "d/victim")], "symbolic link"),
        (vec![victim(".wh...")], "whiteout"),
        (vec![victim("x").extended("path", "../victim")], "\"..\""),
    ]
}

#[test]
fn names_and_links_that_lead_out() {
    everyone(|ground| {
        let outside = ground.new_directory("outside");
        ground.new_file("outside/victim", "kept");
        let before = Tree::of(&outside);
        for (number, (entries, word)) in escapes(outside.to_str().unwrap()).into_iter().enumerate() {
            let image = empty(ground).layer(entries);
            let layout = Layout::with(ground.path(&format!("escape{number}")), &image);
            refused(ground, &layout).mentions(word);
            assert_eq!(Tree::of(&outside), before, "escape {number}");
        }
    });
}

#[test]
fn a_link_that_leads_out_is_one_in_the_container() {
    both(|ground| {
        let outside = ground.new_directory("outside");
        let target = ground.new_file("outside/victim", "kept");
        let upper = [Entry::file("etc/link", "of the layer above")];
        let image = crate::base(ground)
            .layer([Entry::link(EntryType::Symlink, "etc/link", target.to_str().unwrap())])
            .layer([Entry::link(EntryType::Symlink, "d", outside.to_str().unwrap())])
            .layer([Entry::directory("d"), Entry::file("d/victim", "of the image")])
            .layer(upper);
        let image = Layout::with(ground.path("inside"), &image).reference();
        let run = crate::sh(ground, &[], &image, "cat /etc/link /d/victim").finish();
        assert_eq!(run.ok(), "of the layer aboveof the image");
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept");
    });
}

/// An image whose last layer has a file to look for.
fn victim(ground: &Ground) -> Image {
    empty(ground).layer([Entry::file("victim", "x".repeat(100_000))])
}

#[test]
fn content_that_is_not_what_its_digest_says() {
    both(|ground| {
        let image = victim(ground);
        let layout = Layout::with(ground.path("changed"), &image);
        let blob = layout.layer_blob(&image, 1);
        let mut bytes = fs::read(&blob).unwrap();
        bytes[70_000] ^= 1;
        fs::write(&blob, &bytes).unwrap();
        refused(ground, &layout).mentions("digest").helps();
        bytes.truncate(70_000);
        fs::write(&blob, &bytes).unwrap();
        refused(ground, &layout).mentions("bytes").helps();
        fs::remove_file(&blob).unwrap();
        refused(ground, &layout);
    });
}

#[test]
fn content_that_ends_too_early_or_is_nothing_of_the_kind() {
    both(|ground| {
        let half = |bytes: &[u8]| {
            let packed = gzip(bytes);
            packed[..packed.len() / 2].to_vec()
        };
        let packings: [(Pack, &str); 3] = [
            (half, "+gzip"),
            (|_| b"this is no gzip".to_vec(), "+gzip"),
            (|_| vec![0x28, 0xb5, 0x2f, 0xfd, 9], "+zstd"),
        ];
        for (number, (pack, suffix)) in packings.into_iter().enumerate() {
            let mut layout = Layout::new(ground.path(&format!("short{number}")));
            layout.add(&victim(ground), "latest", pack, suffix);
            refused(ground, &layout).helps();
        }
        let whole =
            empty(ground).raw_layer(b"no archive at all, but longer than a header of one ".repeat(20));
        refused(ground, &Layout::with(ground.path("no-tar"), &whole)).helps();
    });
}

#[test]
fn an_archive_that_is_cut_off_in_a_file() {
    both(|ground| {
        let mut header = tar::Header::new_ustar();
        header.set_path("victim").unwrap();
        header.set_size(1 << 20);
        header.set_mode(0o644);
        header.set_entry_type(EntryType::Regular);
        header.set_cksum();
        let mut tar = header.as_bytes().to_vec();
        tar.extend_from_slice(&[b'x'; 4096]);
        let image = empty(ground).raw_layer(tar);
        refused(ground, &Layout::with(ground.path("cut"), &image)).helps();
    });
}
