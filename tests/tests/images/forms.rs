//! The forms that an image comes in, the one that is meant of several, and how its layers are packed.

use std::io::Write;
use std::process::{Command, Stdio};

use holm_tests::{Entry, Ground, Image, Layout, gzip, program};
use serde_json::json;

use crate::{base, both, layout, sh};

/// An image that says a word.
fn saying(ground: &Ground, word: &str) -> Image {
    let image = base(ground).layer([Entry::file("word", word)]);
    image.config(json!({"Cmd": ["/bin/cat", "/word"]}))
}

fn plain(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

#[test]
fn a_layout_an_archive_of_it_and_an_archive_of_docker() {
    both(|ground| {
        let image = saying(ground, "the same");
        let layout = Layout::with(ground.path("layout"), &image);
        layout.archive(&ground.path("oci.tar"));
        image.docker_archive(&ground.path("docker.tar"), "town/app:1");
        let place = |transport: &str, name: &str| format!("{transport}:{}", ground.path(name).display());
        let named = format!("{}:town/app:1", place("docker-archive", "docker.tar"));
        for reference in [
            layout.reference(),
            place("oci-archive", "oci.tar"),
            format!("{}:latest", place("oci-archive", "oci.tar")),
            place("docker-archive", "docker.tar"),
            named,
        ] {
            assert_eq!(ground.run([reference.as_str()]).finish().ok(), "the same", "{reference}");
        }
        let other = format!("{}:town/app:2", place("docker-archive", "docker.tar"));
        ground.run([other.as_str()]).finish().fails(125).mentions("town/app:1");
    });
}

#[test]
fn a_path_is_one_from_where_the_caller_is() {
    both(|ground| {
        layout(ground, "here", &saying(ground, "found"));
        let inside = ground.new_directory("inside");
        assert_eq!(ground.run(["oci:./here"]).finish().ok(), "found");
        assert_eq!(ground.run(["oci:../here:latest"]).in_directory(&inside).finish().ok(), "found");
        ground.run(["oci:./here"]).in_directory(&inside).finish().fails(125).mentions("here").helps();
    });
}

#[test]
fn one_of_several_tags() {
    both(|ground| {
        let mut layout = Layout::new(ground.path("tags"));
        for tag in ["one", "two"] {
            layout.add(&saying(ground, tag), tag, plain, "");
        }
        for tag in ["one", "two"] {
            let reference = format!("{}:{tag}", layout.reference());
            assert_eq!(ground.run([reference.as_str()]).finish().ok(), tag);
        }
        for reference in [layout.reference(), format!("{}:three", layout.reference())] {
            let told = ground.run([reference.as_str()]).finish().fails(125);
            told.mentions("one, two").helps();
        }
    });
}

#[test]
fn the_one_for_this_machine() {
    both(|ground| {
        let mut layout = Layout::new(ground.path("platforms"));
        let foreign = |architecture| saying(ground, architecture).architecture(architecture);
        layout.add(&foreign("s390x"), "latest", plain, "");
        layout.add(&saying(ground, "mine"), "latest", plain, "");
        layout.add(&foreign("riscv64"), "latest", plain, "");
        assert_eq!(ground.run([layout.reference().as_str()]).finish().ok(), "mine");
        layout.nest();
        layout.nest();
        assert_eq!(ground.run([layout.reference().as_str()]).finish().ok(), "mine");
    });
}

#[test]
fn none_for_this_machine() {
    both(|ground| {
        let mut layout = Layout::new(ground.path("foreign"));
        layout.add(&saying(ground, "x").architecture("s390x"), "latest", plain, "");
        ground.run([layout.reference().as_str()]).finish().fails(125).mentions("s390x");
        layout.add(&saying(ground, "x").architecture("riscv64"), "latest", plain, "");
        let told = ground.run([layout.reference().as_str()]).finish().fails(125);
        told.mentions("linux/s390x").mentions("linux/riscv64");
    });
}

#[test]
fn layers_packed_by_gzip() {
    both(|ground| {
        let mut layout = Layout::new(ground.path("gzip"));
        layout.add(&saying(ground, "unpacked"), "latest", gzip, "+gzip");
        assert_eq!(ground.run([layout.reference().as_str()]).finish().ok(), "unpacked");
    });
}

/// Packs by zstd(1).
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut zstd = Command::new("zstd");
    zstd.args(["-1", "-q", "-c"]);
    let mut child = zstd.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let writer = std::thread::spawn(move || input.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn layers_packed_by_zstd() {
    if program("zstd").is_none() {
        return;
    }
    both(|ground| {
        let mut layout = Layout::new(ground.path("zstd"));
        layout.add(&saying(ground, "unpacked"), "latest", zstd, "+zstd");
        assert_eq!(ground.run([layout.reference().as_str()]).finish().ok(), "unpacked");
    });
}

#[test]
fn what_a_container_writes_stays_in_it() {
    both(|ground| {
        let image = layout(ground, "kept", &saying(ground, "as it was"));
        let script = "echo changed > /word; rm /etc/passwd; cat /word";
        assert_eq!(sh(ground, &[], &image, script).finish().ok(), "changed");
        assert_eq!(sh(ground, &[], &image, "cat /word; wc -l < /etc/passwd").finish().ok(), "as it was2");
        let told = sh(ground, &["--size", "64k"], &image, "dd if=/dev/zero of=/big bs=1k count=1000");
        assert!(told.finish().err.contains("No space left"));
    });
}
