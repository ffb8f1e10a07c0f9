//! Roots that were made to lead outside: nothing of the host is touched.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use holm_tests::{Ground, Tree};

/// A directory outside of the root, with something in it.
fn outside(ground: &Ground) -> (PathBuf, Tree) {
    let outside = ground.new_directory("outside");
    ground.new_file("outside/victim", "kept");
    let tree = Tree::of(&outside);
    (outside, tree)
}

#[test]
fn proc_dev_and_sys_are_links() {
    Ground::each(|ground| {
        let (outside, before) = outside(ground);
        let rootfs = ground.rootfs();
        for (name, target) in [
            ("proc", outside.to_str().unwrap()),
            ("proc", "etc"),
            ("dev", outside.to_str().unwrap()),
            ("dev", "/etc"),
            ("sys", "../../outside"),
            ("sys", "/"),
        ] {
            let place = rootfs.join(name);
            fs::rename(&place, rootfs.join("aside")).unwrap();
            symlink(target, &place).unwrap();
            let told = ground.sh(&[], "echo ran").finish().fails(125);
            told.mentions(&format!("/{name}"));
            assert_eq!(Tree::of(&outside), before, "{name} -> {target}");
            fs::remove_file(&place).unwrap();
            fs::rename(rootfs.join("aside"), &place).unwrap();
        }
        assert_eq!(ground.sh(&[], "echo ran").finish().ok(), "ran");
    });
}

#[test]
fn what_was_meant_for_another_place_is_not_mounted_on_proc() {
    Ground::each(|ground| {
        let (outside, before) = outside(ground);
        let link = ground.rootfs().join("data");
        let volume = format!("{}:/data", outside.display());
        for target in ["/proc", "proc", "/proc/sys", "/proc/self/attr", "/proc/acpi"] {
            symlink(target, &link).unwrap();
            for options in [["-v", volume.as_str()], ["--tmpfs", "/data"]] {
                ground.sh(&options, "echo ran").finish().fails(125).mentions("/data");
            }
            assert_eq!(Tree::of(&outside), before, "{target}");
            fs::remove_file(&link).unwrap();
        }
        symlink("/tmp", &link).unwrap();
        assert_eq!(ground.sh(&["-v", &volume], "cat /tmp/victim").finish().ok(), "kept");
    });
}

#[test]
fn what_is_below_dev_and_proc_is_of_the_root_until_it_is_covered() {
    Ground::each(|ground| {
        let (outside, before) = outside(ground);
        let rootfs = ground.rootfs();
        for name in ["pts", "shm", "mqueue", "console", "null", "fd", "ptmx"] {
            symlink(outside.join("victim"), rootfs.join("dev").join(name)).unwrap();
        }
        symlink(&outside, rootfs.join("sys/fs")).unwrap();
        let script = "echo x > /dev/null; ls /dev/pts > /dev/null && test -c /dev/null && echo ran";
        assert_eq!(ground.sh(&[], script).finish().ok(), "ran");
        assert_eq!(Tree::of(&outside), before);
    });
}

#[test]
fn the_list_of_users_is_a_fifo_a_directory_or_a_link_outside() {
    Ground::each(|ground| {
        let passwd = ground.rootfs().join("etc/passwd");
        fs::remove_file(&passwd).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &passwd, rustix::fs::FileType::Fifo, 0o644.into(), 0).unwrap();
        // Opening it would wait for a writer for ever.
        ground.sh(&["--user", "alice"], "echo ran").finish().fails(125).mentions("etc/passwd");
        fs::remove_file(&passwd).unwrap();
        fs::create_dir(&passwd).unwrap();
        ground.sh(&["--user", "alice"], "echo ran").finish().fails(125).mentions("etc/passwd");
        fs::remove_dir(&passwd).unwrap();
        // A link means a file of the root, where there is none of that name.
        let host = ground.new_file("of-the-host", "eve:x:0:0::/:/bin/sh\n");
        symlink(&host, &passwd).unwrap();
        ground.sh(&["--user", "eve"], "echo ran").finish().fails(125).mentions("eve");
        symlink("/etc/passwd", ground.rootfs().join("etc/loop")).unwrap();
        fs::remove_file(&passwd).unwrap();
        symlink("/etc/loop", &passwd).unwrap();
        ground.sh(&["--user", "alice"], "echo ran").finish().fails(125);
    });
}

#[test]
fn the_working_directory_leads_through_links() {
    Ground::each(|ground| {
        let (outside, before) = outside(ground);
        let rootfs = ground.rootfs();
        symlink(&outside, rootfs.join("out")).unwrap();
        symlink("../../..", rootfs.join("mnt/up")).unwrap();
        symlink("/tmp", rootfs.join("in")).unwrap();
        let pwd = |workdir: &str| ground.sh(&["--workdir", workdir], "pwd; ls victim 2>&1").finish();
        assert!(pwd("/in").out.starts_with("/tmp\n"));
        for workdir in ["/out", "/out/new", "/mnt/up", "/mnt/up/made", "/proc/self/root", "/proc/1/cwd"] {
            let run = pwd(workdir);
            assert!(run.status == 125 || run.out.contains("No such file"), "{workdir}: {run:?}");
            assert_eq!(Tree::of(&outside), before, "{workdir}");
        }
        assert!(!ground.path("made").exists());
    });
}

#[test]
fn the_destination_of_a_volume_leads_through_links() {
    Ground::each(|ground| {
        let (outside, before) = outside(ground);
        let rootfs = ground.rootfs();
        let shared = ground.new_directory("shared");
        ground.new_file("shared/file", "of the volume");
        symlink(&outside, rootfs.join("out")).unwrap();
        symlink("../../../../../..", rootfs.join("mnt/up")).unwrap();
        symlink(outside.join("victim"), rootfs.join("link")).unwrap();
        for destination in ["/out", "/out/new", "/mnt/up/tmp", "/link", "/mnt/../../../tmp"] {
            for options in [vec!["-v", "@"], vec!["--tmpfs", destination], vec!["-v", "@file"]] {
                let volume = format!("{}:{destination}", shared.display());
                let file = format!("{}/file:{destination}", shared.display());
                let words: Vec<&str> = options
                    .into_iter()
                    .map(|word| match word {
                        "@" => volume.as_str(),
                        "@file" => file.as_str(),
                        word => word,
                    })
                    .collect();
                let script = format!("echo x > {destination}/new; echo ran");
                let run = ground.sh(&words, &script).finish();
                assert!(run.status == 125 || run.out == "ran\n", "{words:?}: {run:?}");
                if run.status == 125 {
                    run.fails(125);
                }
                assert_eq!(Tree::of(&outside), before, "{words:?}");
            }
        }
        assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "kept");
        let volume = format!("{}:/proc/self/fd", shared.display());
        ground.sh(&["-v", &volume], "echo ran").finish().fails(125).mentions("/proc");
    });
}
