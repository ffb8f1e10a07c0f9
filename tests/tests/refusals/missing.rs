//! What is not there: images, roots, commands, users, containers.

use std::os::unix::fs::PermissionsExt;

use holm_tests::Ground;

#[test]
fn images() {
    Ground::each(|ground| {
        for (image, word) in [
            ("oci:/no/such/layout", "/no/such/layout"),
            ("oci:", "oci:"),
            ("oci-archive:/no/such.tar:x", "/no/such.tar"),
            ("docker-archive:/no/such.tar", "/no/such.tar"),
            ("oci:/etc", "oci-layout"),
            ("oci-archive:/etc/passwd", "/etc/passwd"),
            ("docker-archive:/etc/passwd", "/etc/passwd"),
            ("docker://debian", "skopeo"),
            ("containers-storage:debian", "skopeo"),
        ] {
            ground.run([image, "true"]).finish().fails(125).mentions(word).helps();
        }
        // It could be meant for the name of an image.
        ground.run(["debian:bookworm"]).finish().fails(127).mentions("skopeo");
    });
}

#[test]
fn roots() {
    Ground::each(|ground| {
        let file = ground.new_file("file", "");
        let nothing = ground.path("nothing");
        for root in [file.as_path(), &nothing] {
            let root = root.to_str().unwrap();
            ground.run(["--rootfs", root, "--", "true"]).finish().fails(125).mentions(root);
        }
        // A root without anything has no command.
        let empty = ground.new_directory("empty");
        let root = empty.to_str().unwrap();
        ground.run(["--rootfs", root, "--", "/bin/true"]).finish().fails(127).mentions("/bin/true");
    });
}

#[test]
fn a_root_that_cannot_be_read() {
    let ground = Ground::ordinary();
    let closed = ground.new_directory("closed");
    let inside = ground.new_directory("closed/rootfs");
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let root = inside.to_str().unwrap();
    ground.run(["--rootfs", root, "--", "/bin/true"]).finish().fails(125).mentions(root);
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&inside, PermissionsExt::from_mode(0o000)).unwrap();
    ground.run(["--rootfs", root, "--", "/bin/true"]).finish().fails(125);
}

/// What cannot be run, the status, and what makes it so.
#[test]
fn commands() {
    Ground::each(|ground| {
        ground.rootfs();
        for (name, text, mode) in [
            ("plain", "#!/bin/sh\n", 0o644),
            ("garbage", "\x7fELF and no more", 0o755),
            ("no-interpreter", "#!/no/such/interpreter\n", 0o755),
        ] {
            let file = ground.new_file(&format!("rootfs/bin/{name}"), text);
            std::fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
        }
        for (command, status) in [
            ("no-such-command", 127),
            ("/bin/no-such-command", 127),
            ("/no/such/directory/command", 127),
            ("/bin/no-interpreter", 127),
            ("/bin/plain", 126),
            ("/bin/garbage", 126),
            ("/bin", 126),
            ("/etc/passwd/x", 127),
        ] {
            for options in [&[][..], &["--no-init"]] {
                let root = ground.rootfs().to_str().unwrap();
                let call = ground.run(["--rootfs", root].into_iter().chain(options.iter().copied()));
                let run = call.words(["--", command]).finish();
                assert_eq!(run.status, status, "{command} {options:?}: {}", run.err);
                run.fails(status).mentions(command);
            }
        }
    });
}

#[test]
fn commands_of_exec() {
    Ground::each(|ground| {
        let name = ground.name("there");
        let running = ground.sh(&["--name", &name], "echo ready; cat").start();
        assert_eq!(running.line(), "ready");
        ground.holm(["exec", &name, "no-such-command"]).finish().fails(127).mentions("no-such-command");
        ground.holm(["exec", &name, "/etc/passwd"]).finish().fails(126).mentions("/etc/passwd");
        ground
            .holm(["exec", "--user", "nobody-here", &name, "true"])
            .finish()
            .fails(125)
            .mentions("nobody-here");
        ground
            .holm(["exec", "--workdir", "relative", &name, "true"])
            .finish()
            .fails(125)
            .mentions("absolute");
        running.finish().ok();
    });
}

#[test]
fn users() {
    Ground::each(|ground| {
        for user in ["nobody-here", "root:no-group"] {
            let word = user.split(':').next_back().unwrap();
            ground.sh(&["--user", user], "true").finish().fails(125).mentions(word);
        }
    });
}

#[test]
fn containers() {
    Ground::each(|ground| {
        let name = ground.name("nobody");
        for words in [&["exec", &name, "true"][..], &["stop", &name]] {
            ground.holm(words.iter().copied()).finish().fails(125).mentions(&name);
        }
        let mode = format!("container:{name}");
        for option in ["--net", "--pid", "--ipc", "--uts", "--cgroupns", "--time", "--userns"] {
            ground.sh(&[option, &mode], "true").finish().fails(125).mentions(&name);
        }
        ground.holm(["stop", "../x"]).finish().fails(125).mentions("../x");
    });
}

#[test]
fn a_name_that_is_taken() {
    Ground::each(|ground| {
        let name = ground.name("taken");
        let running = ground.sh(&["--name", &name], "echo ready; cat").start();
        assert_eq!(running.line(), "ready");
        let told = ground.sh(&["--name", &name], "true").finish().fails(125);
        told.mentions(&name).mentions("already").mentions("holm stop");
        // Nothing happened to the first.
        assert_eq!(ground.ps().len(), 1);
        running.finish().ok();
        ground.sh(&["--name", &name], "true").finish().ok();
    });
}
