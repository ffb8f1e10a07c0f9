//! What is in the layers arrives in the container.

use holm_tests::{Entry, Ground, Image, is_root, needs};
use tar::EntryType;

use crate::{base, everyone, layout, sh};

/// A file of a name.
fn file(name: &str) -> Entry {
    Entry::file(name, "text")
}

fn look(ground: &Ground, name: &str, image: &Image, script: &str) -> String {
    sh(ground, &[], &layout(ground, name, image), script).finish().ok()
}

#[test]
fn whiteouts_take_away_and_opaque_directories_hide() {
    everyone(|ground| {
        let lower = [
            Entry::directory("d"),
            file("d/gone"),
            file("d/stays"),
            Entry::directory("d/sub"),
            file("d/sub/x"),
            Entry::directory("o"),
            file("o/hidden"),
            Entry::directory("o/deep"),
            file("o/deep/hidden"),
            file("again"),
        ];
        let upper = [
            file("d/.wh.gone"),
            file("d/.wh.sub"),
            Entry::directory("o"),
            file("o/new"),
            file("o/.wh..wh..opq"),
            file(".wh.again"),
        ];
        let image = base(ground).layer(lower).layer(upper).layer([file("again")]);
        let out = look(ground, "whiteouts", &image, "cd /; find d o again | sort | tr '\\n' ' '");
        assert_eq!(out, "again d d/stays o o/new");
    });
}

#[test]
fn a_layer_replaces_what_is_below_whatever_it_was() {
    everyone(|ground| {
        let lower = [
            Entry::directory("a"),
            file("a/x"),
            file("b"),
            Entry::link(EntryType::Symlink, "c", "a"),
            file("f"),
        ];
        let upper = [
            file("a"),
            Entry::directory("b"),
            file("b/y"),
            Entry::directory("c"),
            file("c/z"),
            Entry::link(EntryType::Symlink, "f", "b/y"),
        ];
        let image = base(ground).layer(lower).layer(upper);
        let script = "cd /; find a b c f | sort | tr '\\n' ' '; [ -f a ] && [ -d c ] && readlink f";
        assert_eq!(look(ground, "replaced", &image, script), "a b b/y c c/z f b/y");
    });
}

#[test]
fn hard_links_are_one_file() {
    everyone(|ground| {
        let image = base(ground).layer([
            file("one"),
            Entry::directory("d"),
            Entry::link(EntryType::Link, "d/two", "one"),
            Entry::link(EntryType::Link, "three", "d/two"),
        ]);
        let script = "stat -c '%i %h' /one /d/two /three | sort -u | wc -l; stat -c %h /one; cat /three";
        assert_eq!(look(ground, "links", &image, script), "1\n3\ntext");
    });
}

#[test]
fn modes_owners_and_times() {
    everyone(|ground| {
        let image = base(ground).layer([
            file("suid").mode(0o4755),
            file("owned").owner(1000, 10).extended("mtime", "-1.5"),
            Entry::directory("sticky").mode(0o3777),
        ]);
        let script = "stat -c '%a %u %g %Y' /suid /owned /sticky";
        let out = look(ground, "attributes", &image, script);
        let owned = if ground.has_many_ids() { "644 1000 10 -2" } else { "644 0 0 -2" };
        assert_eq!(out.lines().collect::<Vec<_>>(), ["4755 0 0 1000000", owned, "3777 0 0 1000000"]);
    });
}

#[test]
fn owners_that_a_single_id_cannot_keep_are_noted() {
    everyone(|ground| {
        let image = layout(ground, "owners", &base(ground).layer([file("owned").owner(1000, 10)]));
        let run = sh(ground, &[], &image, "true").finish();
        run.ok();
        assert_eq!(run.err.contains("\"owned\""), !ground.has_many_ids(), "{}", run.err);
    });
}

#[test]
fn extended_attributes_are_there() {
    // They are read from outside, through the /proc of an init, into which its own user may not look.
    if !needs(is_root(), "looking into a container from outside needs root") {
        return;
    }
    everyone(|ground| {
        let entry = file("marked").extended("SCHILY.xattr.user.holm", "a\0value");
        let image = layout(ground, "xattrs", &base(ground).layer([entry]));
        let name = ground.name("xattrs");
        let running = sh(ground, &["--name", &name], &image, "echo ready; cat").start();
        assert_eq!(running.line(), "ready");
        let inside = format!("/proc/{}/root/marked", ground.pid_of(&name));
        let mut value = [0_u8; 64];
        let length = rustix::fs::getxattr(&inside, "user.holm", &mut value[..]).unwrap();
        assert_eq!(&value[..length], b"a\0value");
        running.finish().ok();
    });
}

#[test]
fn sparse_files_keep_their_holes() {
    everyone(|ground| {
        // A map of one piece of data at 8 MiB, then a hole up to 16 MiB, in the form 1.0 of GNU tar.
        let mut content = b"2\n8388608\n4\n16777216\n0\n".to_vec();
        content.resize(512, 0);
        content.extend_from_slice(b"data");
        let entry = Entry::file("GNUSparseFile.0/sparse", content)
            .extended("GNU.sparse.major", "1")
            .extended("GNU.sparse.minor", "0")
            .extended("GNU.sparse.name", "sparse")
            .extended("GNU.sparse.realsize", "16777216");
        let image = base(ground).layer([entry]);
        let script = "stat -c '%s %b' /sparse; dd if=/sparse bs=4 skip=2097152 count=1 2>/dev/null; \
                      ls /GNUSparseFile.0 2>/dev/null; true";
        let out = look(ground, "sparse", &image, script);
        let (facts, data) = out.split_once('\n').unwrap();
        let (size, blocks) = facts.split_once(' ').unwrap();
        assert_eq!((size, data), ("16777216", "data"));
        assert!(blocks.parse::<u32>().unwrap() < 2048, "{blocks} blocks of 512 bytes");
    });
}

#[test]
fn long_names_and_strange_ones() {
    everyone(|ground| {
        let part = "n".repeat(200);
        let long = format!("{part}/{part}/{part}");
        let image = base(ground).layer([
            Entry::directory(&part),
            Entry::directory(&format!("{part}/{part}")),
            file(&long),
            file("with space\nand line"),
            file("./dotted"),
            Entry::link(EntryType::Symlink, "far", "x").extended("linkpath", &long),
        ]);
        let script = "cat /far; cat \"/with space\nand line\" /dotted; readlink /far | wc -c";
        assert_eq!(look(ground, "long", &image, script), "texttexttext603");
    });
}

#[test]
fn device_nodes_are_left_out_in_a_user_namespace_and_noted() {
    everyone(|ground| {
        let image = base(ground).layer([
            Entry::directory("nodes"),
            Entry::device(EntryType::Char, "nodes/null", 1, 3),
            Entry::device(EntryType::Block, "nodes/disk", 254, 0),
            Entry::new(EntryType::Fifo, "nodes/fifo", 0o644),
        ]);
        let image = layout(ground, "nodes", &image);
        let run = sh(ground, &[], &image, "ls /nodes | tr '\\n' ' '").finish();
        let all = if ground.is_root() { "disk fifo null" } else { "fifo" };
        assert_eq!(run.ok(), all);
        let noted = run.err.lines().any(|line| line.starts_with("note: ") && line.contains("nodes/null"));
        assert_eq!(noted, !ground.is_root(), "{}", run.err);
    });
}

#[test]
fn a_directory_that_only_its_children_imply_is_that_of_the_layer_below() {
    everyone(|ground| {
        let lower = [Entry::directory("d").mode(0o750), file("d/x")];
        let image = base(ground).layer(lower).layer([file("d/y")]);
        assert_eq!(look(ground, "implied", &image, "stat -c %a /d; ls /d | tr '\\n' ' '"), "750\nx y");
    });
}
