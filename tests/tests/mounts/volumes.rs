//! `--volume` and `--mount type=bind`, with each of their options.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use holm_tests::{Ground, Tree};

/// A directory with a file, and how it is named on a command line.
fn shared(ground: &Ground) -> PathBuf {
    let directory = ground.new_directory("shared");
    ground.new_file("shared/file", "text\n");
    directory
}

fn volume(source: &Path, rest: &str) -> String {
    format!("{}:/mnt{rest}", source.display())
}

/// The line of /proc/self/mountinfo for /mnt.
fn mountinfo(ground: &Ground, volume: &str) -> String {
    let out = ground.sh(&["-v", volume], "cat /proc/self/mountinfo").finish().ok();
    out.lines().find(|line| line.split(' ').nth(4) == Some("/mnt")).expect("a mount on /mnt").to_owned()
}

#[test]
fn what_is_written_on_one_side_is_read_on_the_other() {
    Ground::each(|ground| {
        let source = shared(ground);
        let out =
            ground.sh(&["-v", &volume(&source, "")], "cat /mnt/file; echo inside > /mnt/new").finish().ok();
        assert_eq!(out, "text");
        assert_eq!(std::fs::read_to_string(source.join("new")).unwrap(), "inside\n");
    });
}

#[test]
fn a_read_only_one_is_not_written_to() {
    Ground::each(|ground| {
        let source = shared(ground);
        let before = Tree::of(&source);
        let run = ground
            .sh(&["-v", &volume(&source, ":ro")], "cat /mnt/file; touch /mnt/new; rm /mnt/file")
            .finish();
        assert_eq!(run.out, "text\n");
        assert_eq!(run.err.matches("Read-only").count(), 2, "{}", run.err);
        assert_eq!(Tree::of(&source), before);
        ground.sh(&["-v", &volume(&source, ":rw")], "touch /mnt/new").finish().ok();
        assert!(source.join("new").exists());
    });
}

#[test]
fn read_only_goes_for_all_that_is_mounted_below() {
    let Some(ground) = Ground::root() else { return };
    let source = shared(&ground);
    std::fs::create_dir(source.join("below")).unwrap();
    let none = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", source.join("below"), "tmpfs", none, None).unwrap();
    std::fs::write(source.join("below/deep"), "deep\n").unwrap();
    let script = "cat /mnt/below/deep; touch /mnt/below/new";
    let run = ground.sh(&["-v", &volume(&source, ":ro")], script).finish();
    assert_eq!(run.out, "deep\n");
    assert!(run.err.contains("Read-only"), "{}", run.err);
    // bind, not rbind: what is mounted below stays away.
    let run = ground.sh(&["-v", &volume(&source, ":bind")], script).finish();
    assert_eq!(run.out, "");
    assert!(!source.join("below/new").exists());
    std::fs::remove_file(source.join("below/new")).unwrap_err();
    rustix::mount::unmount(source.join("below"), rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(source.join("below/new").exists(), "it was written under the mount");
}

#[test]
fn a_file_is_a_volume_too() {
    Ground::each(|ground| {
        let source = shared(ground).join("file");
        let volume = format!("{}:/etc/extra:ro", source.display());
        assert_eq!(ground.on_host(&["-v", &volume], "cat /etc/extra").finish().ok(), "text");
        assert!(!Path::new("/etc/extra").exists());
    });
}

#[test]
fn nosuid_nodev_and_noexec_are_set() {
    Ground::each(|ground| {
        let source = shared(ground);
        let line = mountinfo(ground, &volume(&source, ":nosuid,nodev,noexec"));
        let options = line.split(' ').nth(5).unwrap();
        for word in ["nosuid", "nodev", "noexec", "rw"] {
            assert!(options.split(',').any(|option| option == word), "{word} in {options}");
        }
        std::fs::write(source.join("run"), "#!/bin/sh\necho ran\n").unwrap();
        std::fs::set_permissions(source.join("run"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        assert_eq!(ground.sh(&["-v", &volume(&source, "")], "/mnt/run").finish().ok(), "ran");
        assert!(ground.sh(&["-v", &volume(&source, ":noexec")], "/mnt/run").finish().err.contains("denied"));
    });
}

#[test]
fn propagation_is_what_is_said() {
    let Some(ground) = Ground::root() else { return };
    let source = shared(&ground);
    rustix::mount::mount_bind(&source, &source).unwrap();
    rustix::mount::mount_change(&source, rustix::mount::MountPropagationFlags::SHARED).unwrap();
    for (word, expected) in [
        ("", ""),
        ("private", ""),
        ("rprivate", ""),
        ("slave", "master"),
        ("rslave", "master"),
        ("shared", "shared"),
        ("rshared", "shared"),
    ] {
        let option = if word.is_empty() { String::new() } else { format!(":{word}") };
        let line = mountinfo(&ground, &volume(&source, &option));
        let fields: Vec<&str> = line.split(' ').skip(6).take_while(|field| *field != "-").collect();
        let kinds: Vec<&str> = fields.iter().map(|field| field.split(':').next().unwrap()).collect();
        assert_eq!(kinds.join(","), expected, "{word}: {line}");
    }
    rustix::mount::unmount(&source, rustix::mount::UnmountFlags::DETACH).unwrap();
}

#[test]
fn an_idmapped_one_has_the_container_s_ids() {
    let Some(ground) = Ground::root() else { return };
    let source = shared(&ground);
    std::os::unix::fs::chown(source.join("file"), Some(5), Some(6)).unwrap();
    let options = ["--uidmap", "0:400000:65536", "--gidmap", "0:500000:65536"];
    let script = "stat -c '%u %g' /mnt/file; touch /mnt/new";
    let plain = ground.sh(&[&options[..], &["-v", &volume(&source, "")]].concat(), script).finish();
    assert_eq!(plain.out.trim(), "65534 65534", "ids that are not mapped are nobody's");
    let idmap =
        ground.sh(&[&options[..], &["-v", &volume(&source, ":idmap")]].concat(), script).finish().ok();
    assert_eq!(idmap, "5 6");
    let made = std::fs::metadata(source.join("new")).unwrap();
    assert_eq!((made.uid(), made.gid()), (0, 0));
}

#[test]
fn mount_says_the_same_in_other_words() {
    Ground::each(|ground| {
        let source = shared(ground);
        let mount = format!("type=bind,src={},dst=/mnt,ro", source.display());
        let run = ground.sh(&["--mount", &mount], "cat /mnt/file; touch /mnt/new").finish();
        assert_eq!(run.out, "text\n");
        assert!(run.err.contains("Read-only"), "{}", run.err);
    });
}

#[test]
fn a_relative_source_is_below_the_working_directory() {
    Ground::each(|ground| {
        shared(ground);
        assert_eq!(ground.sh(&["-v", "./shared:/mnt"], "cat /mnt/file").finish().ok(), "text");
    });
}

#[test]
fn a_place_that_is_not_there_is_made() {
    Ground::each(|ground| {
        let source = shared(ground);
        let volume = format!("{}:/a/new/place", source.display());
        assert_eq!(ground.on_host(&["-v", &volume], "cat /a/new/place/file").finish().ok(), "text");
        assert!(!Path::new("/a/new").exists());
        assert_eq!(ground.sh(&["-v", &volume], "cat /a/new/place/file").finish().ok(), "text");
    });
}

#[test]
fn a_link_in_the_root_does_not_lead_out_of_it() {
    Ground::each(|ground| {
        let (source, outside) = (shared(ground), ground.new_directory("outside"));
        std::os::unix::fs::symlink(&outside, ground.rootfs().join("mnt/out")).unwrap();
        std::os::unix::fs::symlink("../../../../../..", ground.rootfs().join("mnt/up")).unwrap();
        let at = |place: &str| {
            let volume = format!("{}:{place}", source.display());
            ground.sh(&["-v", &volume], &format!("cat {place}/file")).finish()
        };
        // Up from the root is the root itself.
        assert_eq!(at("/mnt/up/place").ok(), "text");
        // What it names is not there inside: a runtime may make it there, or refuse.
        let absolute = at("/mnt/out/place");
        assert!(
            absolute.out == "text\n" || absolute.fails(125).what.contains("/mnt/out/place"),
            "{absolute:?}"
        );
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0, "nothing was made outside");
        assert!(!Path::new("/place").exists());
    });
}

#[test]
fn bad_ones_are_told() {
    let ground = Ground::ordinary();
    shared(&ground);
    for bad in
        ["/only-one", "/a:relative", "/a:/b:nosuch", "/a:/b:ro,rw", ":/b", "/a:", "/a:/b:private,slave"]
    {
        ground.sh(&["-v", bad], "true").finish().fails(125).mentions("--volume");
    }
    ground.sh(&["-v", "/no/such/source:/mnt"], "true").finish().fails(125).mentions("/no/such/source");
    for bad in ["type=volume,src=a,dst=/b", "type=bind,src=/a", "type=nosuch,dst=/a", "dst=/a"] {
        ground.sh(&["--mount", bad], "true").finish().fails(125).mentions("--mount");
    }
}
