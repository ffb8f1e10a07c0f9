//! Every option of a mount of the configuration.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Finished, Ground, own_runtime};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use serde_json::{Value, json};

fn each(test: impl Fn(&Ground)) {
    if own_runtime("a bundle") {
        Ground::each(test);
    }
}

fn as_root() -> Option<Ground> {
    if own_runtime("a bundle") { Ground::root() } else { None }
}

fn entry(destination: &str, fstype: &str, source: impl AsRef<Path>, options: &[&str]) -> Value {
    json!({"destination": destination, "type": fstype, "source": source.as_ref(), "options": options})
}

/// Runs `script` with these mounts beyond /proc.
fn run(ground: &Ground, script: &str, mounts: &[Value]) -> Finished {
    let mut config = config(ground, script);
    config["mounts"].as_array_mut().unwrap().extend(mounts.iter().cloned());
    Bundle::of(ground, "options", &config).run()
}

/// The options of the mount at `place`, as /proc/mounts has them.
fn options_of(place: &str) -> String {
    format!("grep ' {place} ' /proc/mounts | cut -d' ' -f4")
}

fn has(options: &str, word: &str) -> bool {
    options.split(',').any(|option| option == word)
}

#[test]
fn a_tmpfs_takes_over_the_mode_and_with_tmpcopyup_the_content() {
    each(|ground| {
        let root = ground.rootfs();
        std::fs::create_dir_all(root.join("opt/deep")).unwrap();
        std::fs::write(root.join("opt/deep/file"), "inside").unwrap();
        std::fs::set_permissions(root.join("opt"), PermissionsExt::from_mode(0o751)).unwrap();
        ground.own(&root.join("opt"));
        symlink("deep/file", root.join("opt/link")).unwrap();
        let script = "stat -c %a /opt; ls /opt; cat /opt/link; echo changed > /opt/deep/file; cat /opt/link";
        let copied = run(ground, script, &[entry("/opt", "tmpfs", "tmpfs", &["tmpcopyup", "size=1m"])]);
        assert_eq!(copied.ok(), "751\ndeep\nlink\ninsidechanged");
        assert_eq!(std::fs::read_to_string(root.join("opt/deep/file")).unwrap(), "inside");
        let plain = run(
            ground,
            "stat -c %a /opt /new; ls /opt",
            &[entry("/opt", "tmpfs", "tmpfs", &[]), entry("/new", "tmpfs", "tmpfs", &[])],
        );
        assert_eq!(plain.ok(), "751\n1777");
        let said = run(ground, "stat -c %a /opt", &[entry("/opt", "tmpfs", "tmpfs", &["mode=700"])]);
        assert_eq!(said.ok(), "700");
        std::fs::remove_dir_all(root.join("opt")).unwrap();
    });
}

#[test]
fn a_read_only_tmpfs_still_has_what_is_mounted_in_it() {
    each(|ground| {
        let volume = ground.new_directory("volume");
        let mounts = [
            entry("/dev", "tmpfs", "tmpfs", &["ro", "mode=755"]),
            entry("/mnt/top", "tmpfs", "tmpfs", &["ro"]),
            entry("/mnt/top/volume", "bind", &volume, &["bind", "rw"]),
        ];
        let script = format!(
            "{}; {}; echo x > /mnt/top/volume/x; echo x > /mnt/top/x; echo x > /dev/x; echo x > /dev/null && ls /mnt/top",
            options_of("/dev"),
            options_of("/mnt/top")
        );
        let out = run(ground, &format!("({script}) 2>/dev/null"), &mounts).ok();
        let lines: Vec<&str> = out.lines().collect();
        assert!(has(lines[0], "ro") && has(lines[1], "ro") && lines[2] == "volume", "{out}");
        assert!(volume.join("x").exists());
    });
}

/// A tmpfs on the host with these flags.
fn flagged(ground: &mut Ground, flags: MountFlags) -> std::path::PathBuf {
    let place = ground.new_directory("flagged");
    mount("flagged", &place, "tmpfs", flags, None).unwrap();
    std::fs::set_permissions(&place, PermissionsExt::from_mode(0o777)).unwrap();
    ground.accept_mounts();
    place
}

#[test]
fn a_word_about_one_flag_of_a_bind_mount_is_one_about_all() {
    let Some(mut ground) = as_root() else { return };
    let place = flagged(&mut ground, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC);
    let words = |options: &[&str]| {
        let options = [&["rbind"], options].concat();
        let out = run(&ground, &options_of("/mnt"), &[entry("/mnt", "bind", &place, &options)]).ok();
        ["ro", "nosuid", "nodev", "noexec"].map(|word| has(&out, word))
    };
    assert_eq!(words(&[]), [false, true, true, true], "nothing was said");
    assert_eq!(words(&["ro", "dev"]), [true, false, false, false]);
    assert_eq!(words(&["rw", "dev"]), [false, false, false, false]);
    assert_eq!(words(&["nosuid", "nodev"]), [false, true, true, false]);
    unmount(&place, UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn locked_flags_stay_unless_they_are_to_be_cleared() {
    let Some(mut ground) = as_root() else { return };
    let place = flagged(&mut ground, MountFlags::NOSUID | MountFlags::NODEV);
    // A container in a user namespace whose runtime is in one too.
    let script = |options: &str| {
        let config = format!(
            r#"{{"ociVersion": "1.2.0", "process": {{"args": ["/bin/sh", "-c", "grep ' /mnt ' /proc/mounts"], "cwd": "/",
                 "user": {{"uid": 0, "gid": 0}}}}, "root": {{"path": "{}"}},
                 "mounts": [{{"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}},
                            {{"destination": "/mnt", "type": "bind", "source": "{}", "options": ["bind", {options}]}}],
                 "linux": {{"namespaces": [{{"type": "mount"}}, {{"type": "user"}}],
                            "uidMappings": [{{"containerID": 0, "hostID": 0, "size": 1}}],
                            "gidMappings": [{{"containerID": 0, "hostID": 0, "size": 1}}]}}}}"#,
            ground.rootfs().display(),
            place.display()
        );
        let bundle = Bundle::of(&ground, "locked", &serde_json::from_str(&config).unwrap());
        let call = bundle.oci(&["run", &bundle.id]);
        call.through(&["/usr/bin/unshare", "--user", "--mount", "--map-root-user"]).finish()
    };
    let kept = script("\"ro\"").ok();
    assert!(kept.contains("ro,nosuid,nodev"), "{kept}");
    script("\"ro\", \"suid\"").fails(125).mentions("locked");
    unmount(&place, UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn recursive_attributes_reach_what_is_mounted_below() {
    let Some(mut ground) = as_root() else { return };
    let place = ground.new_directory("tree");
    std::fs::create_dir(place.join("below")).unwrap();
    mount_bind(&place, &place).unwrap();
    mount("below", place.join("below"), "tmpfs", MountFlags::NOEXEC, None).unwrap();
    ground.accept_mounts();
    let words = |options: &[&str]| {
        let script = format!("{}; {}", options_of("/mnt"), options_of("/mnt/below"));
        let out =
            run(&ground, &script, &[entry("/mnt", "bind", &place, &[&["rbind"], options].concat())]).ok();
        let mut lines = out.lines().map(str::to_owned);
        (lines.next().unwrap(), lines.next().unwrap())
    };
    let (top, below) = words(&["rro", "rnosuid", "rnoatime", "rexec"]);
    for word in ["ro", "nosuid", "noatime"] {
        assert!(has(&top, word) && has(&below, word), "{word}: {top} {below}");
    }
    assert!(!has(&below, "noexec"), "{below}");
    let (top, below) = words(&["ro"]);
    assert!(has(&top, "ro") && has(&below, "rw") && has(&below, "noexec"), "{top} {below}");
    let (top, below) = words(&["ro", "rrw", "rnosymfollow", "rnodiratime"]);
    assert!(has(&top, "rw") && has(&below, "nosymfollow") && has(&below, "nodiratime"), "{top} {below}");
    unmount(&place, UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn what_is_there_is_remounted() {
    each(|ground| {
        let volume = ground.new_directory("volume");
        let mounts = [
            entry("/mnt", "bind", &volume, &["bind"]),
            entry("/mnt", "bind", "none", &["bind", "remount", "ro", "nosuid"]),
            entry("/srv", "tmpfs", "tmpfs", &["size=1m"]),
            entry("/srv", "tmpfs", "tmpfs", &["remount", "size=2m"]),
        ];
        let out = run(ground, &format!("{}; {}", options_of("/mnt"), options_of("/srv")), &mounts).ok();
        let lines: Vec<&str> = out.lines().collect();
        assert!(has(lines[0], "ro") && has(lines[0], "nosuid"), "{out}");
        assert!(has(lines[1], "size=2048k"), "{out}");
    });
}

#[test]
fn links_are_followed_mounted_copied_or_covered() {
    each(|ground| {
        let outside = ground.new_directory("outside");
        std::fs::write(outside.join("file"), "content").unwrap();
        symlink("file", outside.join("link")).unwrap();
        let root = ground.rootfs();
        symlink("led/here", root.join("way")).unwrap();
        std::fs::create_dir_all(root.join("led")).unwrap();
        ground.own(&root.join("led"));
        let link = outside.join("link");
        let mounts = [
            entry("/a", "bind", &link, &["bind"]),
            entry("/b", "bind", &link, &["bind", "src-nofollow"]),
            entry("/c", "bind", &link, &["bind", "copy-symlink"]),
            entry("/way", "bind", outside.join("file"), &["bind", "dest-nofollow"]),
        ];
        let out =
            run(ground, "cat /a; readlink /b; readlink /c; cat /way; test -e /led/here || echo no", &mounts)
                .ok();
        assert_eq!(out, "contentfile\nfile\ncontentno");
        assert_eq!(std::fs::read_link(root.join("way")).unwrap(), Path::new("led/here"));
        let through = run(ground, "cat /way /led/here", &[entry("/way", "bind", &link, &["bind"])]);
        assert_eq!(through.ok(), "contentcontent");
        std::fs::write(root.join("taken"), "").unwrap();
        run(ground, "true", &[entry("/taken", "bind", &link, &["bind", "copy-symlink"])])
            .fails(125)
            .mentions("something else is there");
        for file in ["a", "b", "c", "way", "taken", "led/here"] {
            std::fs::remove_file(root.join(file)).unwrap();
        }
    });
}

#[test]
fn a_mount_has_maps_of_its_own() {
    let Some(ground) = as_root() else { return };
    let volume = ground.new_directory("volume");
    std::fs::write(volume.join("file"), "").unwrap();
    let map = |host: u32| json!([{"containerID": 0, "hostID": host, "size": 10}]);
    let stat = |mount: Value| run(&ground, "stat -c %u:%g /mnt/file; touch /mnt/made 2>/dev/null", &[mount]);
    let mut mount = entry("/mnt", "bind", &volume, &["rbind", "ridmap"]);
    mount["uidMappings"] = map(1000);
    mount["gidMappings"] = map(2000);
    assert!(stat(mount.clone()).out.starts_with("1000:2000"));
    // Without the word, and in the words of crun.
    mount["options"] = json!(["bind"]);
    assert!(stat(mount).out.starts_with("1000:2000"));
    let words = "idmap=uids=0-7-1;gids=0-8-1";
    assert!(stat(entry("/mnt", "bind", &volume, &["bind", words])).out.starts_with("7:8"));
    stat(entry("/mnt", "bind", &volume, &["bind", "idmap"])).fails(125).mentions("no user namespace");
    // Through the map nobody is root, so nothing was made on the host.
    assert_eq!(std::fs::metadata(&volume).unwrap().uid(), 0);
}

#[test]
fn a_destination_is_made_below_the_root_whatever_it_says() {
    each(|ground| {
        let file = ground.new_file("file", "content");
        let root = ground.rootfs();
        for destination in ["made/deep/file", "/made/../made/./deep/file", "../../made/deep/file"] {
            let out =
                run(ground, "cat /made/deep/file", &[entry(destination, "bind", &file, &["bind"])]).ok();
            assert_eq!(out, "content", "{destination}");
            std::fs::remove_dir_all(root.join("made")).unwrap();
        }
        let socket = ground.path("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let out = run(
            ground,
            "test -S /run/socket && echo yes",
            &[entry("/run/socket", "bind", &socket, &["bind"])],
        );
        assert_eq!(out.ok(), "yes");
        std::fs::remove_file(root.join("run/socket")).unwrap();
    });
}

#[test]
fn flags_of_file_systems_are_taken_by_each() {
    each(|ground| {
        let options =
            ["sync", "dirsync", "lazytime", "acl", "iversion", "silent", "defaults", "mand", "size=1m"];
        let out = run(ground, &options_of("/mnt"), &[entry("/mnt", "tmpfs", "tmpfs", &options)]).ok();
        assert!(has(&out, "sync") && has(&out, "dirsync") && has(&out, "size=1024k"), "{out}");
        let late = ["sync", "async", "nomand", "nolazytime", "noacl", "noiversion", "loud", "norelatime"];
        let out = run(ground, &options_of("/mnt"), &[entry("/mnt", "tmpfs", "tmpfs", &late)]).ok();
        assert!(!has(&out, "sync"), "{out}");
        let unknown = run(ground, "true", &[entry("/mnt", "tmpfs", "tmpfs", &["nosuch"])]);
        unknown.fails(125).mentions("nosuch").mentions("/mnt");
    });
}

#[test]
fn nothing_but_a_procfs_takes_the_place_of_proc() {
    each(|ground| {
        let fake = ground.new_directory("fake");
        let mut config = config(ground, "true");
        config["mounts"] = json!([entry("/proc", "bind", &fake, &["rbind"])]);
        let bundle = Bundle::of(ground, "fake", &config);
        bundle.run().fails(125).mentions("not a procfs");
        config["mounts"] = json!([entry("/proc/self/attr", "tmpfs", "tmpfs", &[])]);
        bundle.write(&config);
        bundle.run().fails(125).mentions("mounts[0].destination");
    });
}

#[test]
fn a_bind_mount_without_a_word_follows_the_root_s_propagation() {
    let Some(mut ground) = as_root() else { return };
    let place = ground.new_directory("peers");
    mount_bind(&place, &place).unwrap();
    mount_change(&place, MountPropagationFlags::SHARED).unwrap();
    ground.accept_mounts();
    let fields = |propagation: Option<&str>, option: &[&str]| {
        let script = "grep ' /mnt ' /proc/self/mountinfo | grep -o 'shared\\|master' | tr '\\n' ' '";
        let mut config = config(&ground, script);
        let options = [&["rbind"], option].concat();
        config["mounts"].as_array_mut().unwrap().push(entry("/mnt", "bind", &place, &options));
        if let Some(word) = propagation {
            config["linux"]["rootfsPropagation"] = word.into();
        }
        Bundle::of(&ground, "propagation", &config).run().ok()
    };
    let cases: [(Option<&str>, &[&str], &str); 11] = [
        (None, &[], "master"),
        (None, &["rprivate"], ""),
        (None, &["private"], ""),
        (None, &["rshared"], "shared"),
        (None, &["slave", "shared"], "shared master"),
        (Some("rslave"), &[], "master"),
        (Some("rshared"), &[], "shared"),
        (Some("shared"), &["rslave"], "master"),
        (Some("private"), &[], ""),
        (Some("rprivate"), &["unbindable"], ""),
        (Some("unbindable"), &[], ""),
    ];
    for (propagation, options, expected) in cases {
        assert_eq!(fields(propagation, options).trim(), expected, "{propagation:?} {options:?}");
    }
    unmount(&place, UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}
