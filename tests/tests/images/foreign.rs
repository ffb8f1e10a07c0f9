//! Images that other programs made.

use std::path::{Path, PathBuf};
use std::process::Command;

use holm_tests::{Ground, Image, Layout, gzip, needs, program};
use serde_json::json;

use crate::{both, everyone, sh};

/// Runs a script with `set -e` in a directory of the test's own.
fn script(directory: &Path, text: &str) {
    let output = Command::new("sh").args(["-ec", text]).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Makes an image of the root directory of `ground` in the layout `umoci` there, with two layers, the root among the entries of one.
fn with_umoci(ground: &Ground) {
    let _ = std::fs::remove_file(ground.rootfs().join("bin/witness"));
    let rootfs = ground.rootfs().display();
    let own = if rustix::process::geteuid().is_root() { "" } else { "--rootless" };
    let text = format!(
        "umoci init --layout umoci
         umoci new --image umoci:app
         umoci insert {own} --image umoci:app {rootfs} /
         mkdir more; echo 'of umoci' > more/word
         umoci insert {own} --image umoci:app more /more
         umoci config --image umoci:app --config.entrypoint /bin/cat --config.cmd /more/word \
             --config.env A=b --config.workingdir /more --config.user 0:0
         chmod -R a+rX umoci"
    );
    script(&ground.path(""), &text);
}

#[test]
fn of_umoci() {
    if program("umoci").is_none() {
        return;
    }
    both(|ground| {
        with_umoci(ground);
        let image = format!("oci:{}:app", ground.path("umoci").display());
        assert_eq!(ground.run([image.as_str()]).finish().ok(), "of umoci");
        let options = ["--entrypoint", ""];
        assert_eq!(sh(ground, &options, &image, "echo $A; pwd; id -u").finish().ok(), "b\n/more\n0");
    });
}

#[test]
fn copied_by_skopeo() {
    if program("umoci").is_none() || program("skopeo").is_none() {
        return;
    }
    both(|ground| {
        with_umoci(ground);
        let copies = [
            ("oci:copy:app", "oci:./copy:app"),
            ("--dest-compress-format zstd oci:zstd:app", "oci:./zstd"),
            ("oci-archive:copy.tar:app", "oci-archive:./copy.tar"),
            ("docker-archive:docker.tar:town/app:1", "docker-archive:./docker.tar:town/app:1"),
        ];
        for (copy, reference) in copies {
            let text =
                format!("skopeo --insecure-policy --tmpdir . copy -q oci:umoci:app {copy}; chmod -R a+rX .");
            script(&ground.path(""), &text);
            assert_eq!(ground.run([reference]).finish().ok(), "of umoci", "{reference}");
        }
    });
}

/// The files that say where this machine's packages come from.
fn package_sources() -> Vec<PathBuf> {
    let more = std::fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let more = more.map(|entry| entry.path());
    let all = std::iter::once(PathBuf::from("/etc/apt/sources.list")).chain(more);
    let known = |path: &PathBuf| path.extension().is_some_and(|end| end == "list" || end == "sources");
    all.filter(|path| known(path) && path.is_file()).collect()
}

/// A tar archive of a small Debian; `None` where no packages can be had.
fn debian() -> Option<Vec<u8>> {
    program("mmdebstrap")?;
    let root = rustix::process::geteuid().is_root();
    if !needs(root, "the tree of a Debian with its device nodes is made by root") {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let tar = directory.path().join("debian.tar");
    // Its mounts are not for the tests that run meanwhile to see.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "mmdebstrap"]);
    command.args(["--quiet", "--variant=extract", "--include=busybox-static", ""]).arg(&tar);
    let output = command.args(package_sources()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    needs(output.status.success(), &format!("mmdebstrap finds no packages: {said}"))
        .then(|| std::fs::read(&tar).unwrap())
}

#[test]
fn of_debian_packages() {
    // Before a ground is made: the database of packages is the machine's own.
    let Some(tar) = debian() else { return };
    everyone(|ground| {
        let image = Image::of(&ground.new_directory("nothing")).raw_layer(tar.clone());
        let image = image.config(json!({"Cmd": ["/bin/busybox", "sh"], "Env": ["PATH=/bin"]}));
        let mut layout = Layout::new(ground.path("debian"));
        layout.add(&image, "latest", gzip, "+gzip");
        let script = "busybox test -c /dev/null && busybox cat /usr/share/doc/busybox-static/copyright";
        let run = ground.run([layout.reference().as_str()]).input(script).finish();
        assert!(run.ok().contains("BusyBox"), "{}", run.out);
        assert_eq!(run.err.contains("device nodes left out"), !ground.is_root(), "{}", run.err);
    });
}
