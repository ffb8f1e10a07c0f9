//! How the root becomes the container's, and what it is then.

use std::path::Path;

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Ground, own_runtime};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};
use serde_json::{Value, json};

fn each(test: impl Fn(&Ground)) {
    if own_runtime("a bundle") {
        Ground::each(test);
    }
}

fn as_root() -> Option<Ground> {
    if own_runtime("a bundle") { Ground::root() } else { None }
}

/// [`config`] with the namespaces of these kinds alone, of those that it has.
fn without(mut config: Value, kind: &str) -> Value {
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != kind);
    config
}

#[test]
fn without_a_mount_namespace_the_root_is_the_process_s_alone() {
    let Some(ground) = as_root() else { return };
    let script = "readlink /proc/self/ns/mnt; ls -d /bin /etc; echo x > /mnt/x; ls /mnt; head -c 1 /dev/zero | wc -c; \
                  ls /proc/acpi 2>/dev/null | wc -l; (echo x > /proc/sys/kernel/hostname) 2>&1 | grep -o 'ead-only'; \
                  cd ../../..; pwd; test -e /home/alice && echo inside";
    let mut config = without(config(&ground, script), "mount");
    let mounts = json!([{"destination": "/proc", "type": "proc", "source": "proc"},
                        {"destination": "/mnt", "type": "tmpfs", "source": "tmpfs"},
                        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]}]);
    config["mounts"] = mounts;
    config["linux"]["maskedPaths"] = json!(["/proc/acpi"]);
    config["linux"]["readonlyPaths"] = json!(["/proc/sys"]);
    let bundle = Bundle::of(&ground, "chroot", &config);
    let before = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let out = bundle.run().ok();
    let own = std::fs::read_link("/proc/thread-self/ns/mnt").unwrap();
    assert_eq!(out, format!("{}\n/bin\n/etc\nx\n1\n0\nead-only\n/\ninside", own.display()));
    assert_eq!(std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap(), before);
    // Who enters its namespaces would have the host's root.
    config["process"]["args"] = json!(["/bin/sleep", "1000"]);
    bundle.write(&config);
    bundle.create(&[]).ok();
    bundle.call("start").ok();
    bundle.oci(&["exec", &bundle.id, "/bin/true"]).finish().fails(125).mentions("mount namespace");
    bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
}

#[test]
fn a_mount_namespace_is_joined() {
    let Some(ground) = as_root() else { return };
    // One with this machine's files: the root of the container is found in it.
    let mut holder = std::process::Command::new("/usr/bin/unshare")
        .args(["--mount", "/bin/sh", "-c", "echo ready; read end"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.take().unwrap()), &mut line)
        .unwrap();
    let path = format!("/proc/{}/ns/mnt", holder.id());
    let expected = std::fs::read_link(&path).unwrap();
    let mut config =
        without(config(&ground, "readlink /proc/self/ns/mnt; test -e /home/alice && echo inside"), "mount");
    config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "mount", "path": path}));
    let out = Bundle::of(&ground, "joined", &config).run().ok();
    assert_eq!(out, format!("{}\ninside", expected.display()));
    drop(holder.stdin.take());
    holder.wait().unwrap();
}

/// Mounts inside the root, as an administrator of it, and what becomes of them at another place.
#[test]
fn the_root_has_the_propagation_that_was_asked_for() {
    let Some(ground) = as_root() else { return };
    let cases = [
        (None, "no"),
        (Some("private"), "no"),
        (Some("rslave"), "no"),
        (Some("shared"), "yes"),
        (Some("rshared"), "yes"),
        (Some("unbindable"), "refused"),
    ];
    for (word, expected) in cases {
        let script = "mkdir -p /mnt/copy /mnt/place /mnt/tree; echo x > /mnt/tree/file; \
                      mount --bind / /mnt/copy 2>/dev/null || { echo refused; exit; }; \
                      mount --bind /mnt/tree /mnt/place; \
                      test -e /mnt/copy/mnt/place/file && echo yes || echo no";
        let mut config = config(&ground, script);
        let all = json!(["CAP_SYS_ADMIN"]);
        config["process"]["capabilities"] = json!({"bounding": all, "effective": all, "permitted": all});
        if let Some(word) = word {
            config["linux"]["rootfsPropagation"] = word.into();
        }
        assert_eq!(Bundle::of(&ground, "propagation", &config).run().ok(), expected, "{word:?}");
    }
}

#[test]
fn a_root_on_a_shared_mount_shows_nothing_of_its_mounts_outside() {
    let Some(mut ground) = as_root() else { return };
    let root = ground.rootfs().to_owned();
    mount_bind(&root, &root).unwrap();
    mount_change(&root, MountPropagationFlags::SHARED).unwrap();
    ground.accept_mounts();
    for word in ["rprivate", "rslave", "rshared", ""] {
        let mut config = config(&ground, "echo ready; cat > /dev/null");
        config["mounts"]
            .as_array_mut()
            .unwrap()
            .push(json!({"destination": "/mnt", "type": "tmpfs", "source": "within", "options": ["rw"]}));
        config["linux"]["rootfsPropagation"] = word.into();
        let bundle = Bundle::of(&ground, "outside", &config);
        let running = bundle.oci(&["run", &bundle.id]).start();
        assert_eq!(running.line(), "ready");
        let host = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        assert!(!host.contains(" - tmpfs within"), "{word}: {host}");
        running.finish().ok();
    }
    unmount(&root, UnmountFlags::DETACH).unwrap();
    ground.accept_mounts();
}

#[test]
fn the_path_of_the_root_may_be_relative_and_lead_through_links() {
    each(|ground| {
        let mut config = config(ground, "pwd; test -e /home/alice && echo inside");
        config["root"] = json!({"path": "rootfs", "readonly": true});
        config["process"]["cwd"] = "/new/place".into();
        let bundle = Bundle::of(ground, "relative", &config);
        std::os::unix::fs::symlink(ground.rootfs(), bundle.path.join("rootfs")).unwrap();
        assert_eq!(bundle.run().ok(), "/new/place\ninside");
        assert!(ground.rootfs().join("new/place").is_dir());
        std::fs::remove_dir_all(ground.rootfs().join("new")).unwrap();
        config["root"]["path"] = "gone".into();
        bundle.write(&config);
        bundle.run().fails(125).mentions("gone does not exist");
    });
}

#[test]
fn every_kind_of_path_is_masked_or_made_read_only() {
    each(|ground| {
        let root = ground.rootfs();
        std::fs::create_dir_all(root.join("hidden/below")).unwrap();
        std::fs::write(root.join("hidden/below/file"), "seen").unwrap();
        std::fs::write(root.join("file"), "seen").unwrap();
        std::os::unix::fs::symlink("hidden/below", root.join("link")).unwrap();
        ground.own(&root.join("file"));
        let script = "ls /hidden; cat /file; ls /link; (echo x > /etc/passwd) 2>&1 | grep -o 'ead-only'; \
                      (echo x > /home/alice/x) 2>&1 | grep -o 'ead-only'; echo x > /tmp/x && echo written";
        let mut config = config(ground, script);
        config["linux"]["maskedPaths"] = json!(["/file", "/link", "/gone", "/file/below", "/hidden"]);
        config["linux"]["readonlyPaths"] = json!(["/etc/passwd", "/home", "/gone"]);
        let bundle = Bundle::of(ground, "masks", &config);
        assert_eq!(bundle.run().ok(), "ead-only\nead-only\nwritten");
        assert_eq!(std::fs::read_to_string(root.join("file")).unwrap(), "seen");
        for file in ["file", "link", "tmp/x", "hidden/below/file"] {
            std::fs::remove_file(root.join(file)).unwrap();
        }
        std::fs::remove_dir_all(root.join("hidden")).unwrap();
        assert!(Path::new("/dev/null").exists());
    });
}

#[test]
fn without_a_cgroup_namespace_the_own_group_is_seen() {
    each(|ground| {
        // v2 alone shows the whole hierarchy, as everywhere; this is about v1.
        let name = "/sys/fs/cgroup/pids";
        if !holm_tests::needs(Path::new(name).join("cgroup.procs").exists(), "there is no cgroup v1 here") {
            return;
        }
        let script = format!(
            "cat {name}/cgroup.procs | head -1; (mkdir {name}/below) 2>/dev/null && echo made; rmdir {name}/below 2>/dev/null; \
             grep ' {name} ' /proc/mounts | cut -d' ' -f4 | cut -d, -f1; (mkdir /sys/fs/cgroup/x) 2>&1 | grep -o 'ead-only'; true"
        );
        for (word, expected) in [("ro", "1\nro\nead-only"), ("rw", "1\nmade\nrw")] {
            let mut config = config(ground, &script);
            let cgroup = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                "options": ["nosuid", "noexec", "nodev", "relatime", word]});
            config["mounts"].as_array_mut().unwrap().push(cgroup);
            let out = Bundle::of(ground, "groups", &config).run();
            match ground.is_root() {
                true => assert_eq!(out.ok(), expected, "{word}"),
                // No group of its own: the host's are shown, and cannot be written to.
                false => assert!(!out.out.contains("made") && out.out.contains("ro"), "{out:?}"),
            }
        }
    });
}

#[test]
fn sections_for_other_platforms_and_unknown_fields_are_passed_over() {
    each(|ground| {
        let mut config = config(ground, "echo ran");
        config["solaris"] = json!({"milestone": "svc:/milestone/container:default"});
        config["windows"] = json!({"layerFolders": ["C:\\layers"]});
        config["vm"] = json!({"kernel": {"path": "/boot/vmlinuz"}});
        config["freebsd"] = json!({"jail": {}});
        config["linux"]["unheardOf"] = json!([1]);
        config["process"]["unheardOf"] = json!({});
        for version in ["1.0.0", "1.0.2-dev", "1.3.0", "1.99.0+x"] {
            config["ociVersion"] = version.into();
            assert_eq!(Bundle::of(ground, "version", &config).run().ok(), "ran", "{version}");
        }
        for version in ["2.0.0", "0.9.0", "1", ""] {
            config["ociVersion"] = version.into();
            Bundle::of(ground, "version", &config).run().fails(125).mentions("ociVersion");
        }
        config["ociVersion"] = "1.3.0".into();
        config["linux"]["sysctl"] = json!({"kernel.hostname": "x"});
        Bundle::of(ground, "version", &config).run().fails(125).mentions("hostname");
    });
}
