//! Bundles whose root was made to lead the runtime astray, and configurations that help it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use holm_tests::bundle::{Bundle, config, process};
use holm_tests::{Ground, Pty, Tree, own_runtime};
use serde_json::{Value, json};

fn each(test: impl Fn(&Ground)) {
    if own_runtime("what is in the way of an escape") {
        Ground::each(test);
    }
}

/// A file of the host that nobody in a container may change, and the directory that it is in.
fn outside(ground: &Ground) -> (PathBuf, PathBuf, Tree) {
    let outside = ground.new_directory("outside");
    let victim = ground.new_file("outside/victim", "kept");
    let tree = Tree::of(&outside);
    (outside, victim, tree)
}

/// What makes something at a path.
type Maker<'a> = &'a dyn Fn(&Path);

/// Puts `place` of the root aside, and back.
fn instead(ground: &Ground, place: &str, make: impl FnOnce(&Path), test: impl FnOnce()) {
    let (place, aside) = (ground.rootfs().join(place), ground.rootfs().join("aside"));
    let there = fs::symlink_metadata(&place).is_ok();
    if there {
        fs::rename(&place, &aside).unwrap();
    }
    make(&place);
    test();
    match fs::symlink_metadata(&place) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&place).unwrap(),
        Ok(_) => fs::remove_file(&place).unwrap(),
        Err(_) => {}
    }
    if there {
        fs::rename(&aside, &place).unwrap();
    }
}

/// CVE-2025-31133: what covers a masked path is the null device of the host, whatever the root calls one.
#[test]
fn a_null_device_of_the_root_s_own_masks_nothing() {
    each(|ground| {
        let (outside, victim, before) = outside(ground);
        let secret = ground.rootfs().join("etc/secret");
        fs::write(&secret, "secret-word").unwrap();
        let forms: [(&str, Maker<'_>); 4] = [
            ("a link outside", &|place| symlink(&victim, place).unwrap()),
            ("a link to the secret", &|place| symlink("/etc/secret", place).unwrap()),
            ("a file", &|place| fs::write(place, "secret-word").unwrap()),
            ("a directory", &|place| fs::create_dir(place).unwrap()),
        ];
        for (form, make) in forms {
            instead(ground, "dev/null", make, || {
                let script =
                    "cat /etc/secret; echo changed > /etc/secret; echo changed > /dev/null; echo tried";
                let mut config = config(ground, script);
                config["linux"]["maskedPaths"] = json!(["/etc/secret"]);
                let bundle = Bundle::of(ground, &form.replace(' ', "-"), &config);
                let ran = bundle.oci(&["run", &bundle.id]).finish();
                assert!(!ran.out.contains("secret-word"), "{form}: {ran:?}");
                assert_eq!(fs::read_to_string(&secret).unwrap(), "secret-word", "{form}");
                assert_eq!(Tree::of(&outside), before, "{form}");
            });
        }
        fs::remove_file(secret).unwrap();
    });
}

/// CVE-2025-52565, 2026-88264: the terminal is that of the container's devpts, whatever lies in its /dev.
#[test]
fn a_console_that_is_a_link_changes_nothing_outside() {
    each(|ground| {
        let (outside, victim, before) = outside(ground);
        for place in ["dev/console", "dev/pts", "dev/ptmx"] {
            let target = if place == "dev/console" { &victim } else { &outside };
            instead(
                ground,
                place,
                |place| symlink(target, place).unwrap(),
                || {
                    let mut config = config(
                        ground,
                        "echo on $(tty); chmod 777 /dev/console; echo changed > /dev/console; exit 5",
                    );
                    config["process"]["terminal"] = true.into();
                    let options = json!(["newinstance", "ptmxmode=0666", "mode=0620"]);
                    config["mounts"].as_array_mut().unwrap().push(
                    json!({ "destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": options }),
                );
                    let bundle = Bundle::of(ground, &place.replace('/', "-"), &config);
                    let pty = Pty::start(bundle.oci(&["run", &bundle.id]), 24, 80);
                    let (status, shown) = pty.finish();
                    assert_eq!(Tree::of(&outside), before, "{place}: {status} {shown}");
                },
            );
        }
    });
}

/// CVE-2025-52881: a parameter is written to the kernel, and never to what somebody has put in its place.
#[test]
fn a_false_proc_swallows_no_parameter() {
    each(|ground| {
        let (outside, _, _) = outside(ground);
        fs::create_dir_all(outside.join("kernel")).unwrap();
        fs::write(outside.join("kernel/shmmni"), "false").unwrap();
        let before = Tree::of(&outside);
        let sysctl = json!({ "kernel.shmmni": "1234" });
        // In the root, below the true one; and mounted over it.
        let fake = |place: &Path| {
            fs::create_dir_all(place.join("sys/kernel")).unwrap();
            fs::write(place.join("sys/kernel/shmmni"), "false").unwrap();
        };
        instead(ground, "proc", fake, || {
            let mut config = config(ground, "cat /proc/sys/kernel/shmmni");
            config["linux"]["sysctl"] = sysctl.clone();
            let bundle = Bundle::of(ground, "below", &config);
            assert_eq!(bundle.oci(&["run", &bundle.id]).finish().ok().trim(), "1234");
            assert_eq!(fs::read_to_string(ground.rootfs().join("proc/sys/kernel/shmmni")).unwrap(), "false");
        });
        for destination in ["/proc/sys", "/proc/sys/kernel"] {
            let mut config = config(ground, "cat /proc/sys/kernel/shmmni");
            config["linux"]["sysctl"] = sysctl.clone();
            let source = if destination == "/proc/sys" { outside.clone() } else { outside.join("kernel") };
            config["mounts"].as_array_mut().unwrap().push(
                json!({ "destination": destination, "type": "bind", "source": source, "options": ["bind"] }),
            );
            let bundle = Bundle::of(ground, "over", &config);
            let ran = bundle.oci(&["run", &bundle.id]).finish();
            assert_eq!(Tree::of(&outside), before, "{destination}: {ran:?}");
        }
    });
}

/// CVE-2024-21626: neither the directory nor the program of a process is found through a descriptor of the runtime's.
#[test]
fn no_descriptor_of_the_runtime_is_a_way_out() {
    each(|ground| {
        let (outside, victim, before) = outside(ground);
        let script = format!(
            "echo in; for up in . .. ../.. ../../.. ../../../..; do echo x > $up{}; done 2>/dev/null",
            victim.display()
        );
        let sleeping = Bundle::new(ground, "sleeping", "exec sleep 1000");
        sleeping.create(&[]).ok();
        sleeping.call("start").ok();
        for place in ["self", "1", "thread-self"] {
            for number in 3..24 {
                let path = format!("/proc/{place}/fd/{number}");
                let mut by_directory = config(ground, &script);
                by_directory["process"]["cwd"] = path.clone().into();
                let mut by_program = config(ground, "exit 0");
                by_program["process"]["args"] = json!([format!("{path}/bin/sh"), "-c", script]);
                if number < 12 || place == "self" {
                    for config in [&by_directory, &by_program] {
                        let bundle = Bundle::of(ground, "descriptor", config);
                        let ran = bundle.oci(&["run", &bundle.id]).finish();
                        assert!(ran.out.is_empty(), "{path}: {ran:?}");
                    }
                }
                let mut joining = process(&["/bin/sh", "-c", &script]);
                joining["cwd"] = path.clone().into();
                let file = ground.new_file("joining.json", joining.to_string());
                let words = ["exec", "--process", file.to_str().unwrap(), &sleeping.id];
                let ran = sleeping.oci(&words).finish();
                assert!(ran.out.is_empty(), "{path}: {ran:?}");
            }
        }
        sleeping.oci(&["delete", "-f", &sleeping.id]).finish().ok();
        assert_eq!(Tree::of(&outside), before);
    });
}

/// CVE-2023-25809: without a cgroup namespace of its own, a container sees its own group alone, which it may change, and
/// none of the host's: what it makes is there, nobody else's processes are, and no program of the host's can be named.
#[test]
fn the_host_s_cgroups_are_not_written_to() {
    each(|ground| {
        let mark = ground.name("escape");
        let script = format!(
            "for group in /sys/fs/cgroup/*; do test -d $group || continue; mkdir $group/{mark}; \
                 test -e $group/release_agent && echo an agent of $group; \
                 grep -qx 0 $group/cgroup.procs && echo others in $group; done 2>/dev/null; echo tried"
        );
        let mut config = config(ground, &script);
        config["mounts"].as_array_mut().unwrap().push(
            json!({ "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"] }),
        );
        let bundle = Bundle::of(ground, "cgroups", &config);
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let tried = || bundle.written("out").contains("tried").then_some(());
        holm_tests::busy_wait(tried).expect("it has tried");
        if ground.is_root() {
            // (0 is who cannot be seen from the PID namespace of the container.)
            assert_eq!(bundle.written("out").trim(), "tried");
        }
        let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
        for hierarchy in hierarchies.chain(["/sys/fs/cgroup".into()]) {
            assert!(!hierarchy.join(&mark).exists(), "{}", hierarchy.display());
        }
        bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    });
}

/// CVE-2026-84042: what the runtime needs of other programs is looked for on the host, and not by the caller's PATH.
#[test]
fn a_program_by_that_name_elsewhere_is_not_run() {
    if !own_runtime("who maps the ids") {
        return;
    }
    let Some(ground) = Ground::with_ranges() else { return };
    let places =
        [ground.new_directory("programs"), ground.rootfs().join("usr/bin"), ground.rootfs().join("bin")];
    for place in &places {
        for name in ["newuidmap", "newgidmap", "sh"] {
            let false_program = place.join(name);
            if name != "sh" || *place == places[0] {
                fs::write(&false_program, "#!/bin/busybox sh\n: > /tmp/fooled\nexit 1\n").unwrap();
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs::set_permissions(&false_program, mode).unwrap();
            }
        }
    }
    let path = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(":");
    let root = ground.rootfs().to_str().unwrap();
    let call = ground
        .run(["--rootfs", root, "--", "/bin/sh", "-c", "ls /tmp"])
        .env("PATH", &format!("{path}:/usr/bin:/bin"));
    assert_eq!(call.finish().ok(), "");
    assert!(!Path::new("/tmp/fooled").exists());
}

/// A hook of the runtime's is a program of the host, also where the container has one by that name.
#[test]
fn a_hook_is_not_looked_up_in_the_container() {
    each(|ground| {
        let name = "/usr/bin/hook-of-the-container";
        let script = format!("#!/bin/sh\n: > {}/fooled\n", ground.rootfs().join("tmp").display());
        let place = ground.rootfs().join(&name[1..]);
        fs::write(&place, script).unwrap();
        fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
            let mut config = config(ground, "exit 0");
            config["hooks"] = json!({ kind: [{ "path": name }] });
            let bundle = Bundle::of(ground, kind, &config);
            let ran = bundle.oci(&["run", &bundle.id]).finish();
            assert!(ran.err.contains("ENOENT") && ran.err.contains(name), "{kind}: {ran:?}");
            assert!(!ground.rootfs().join("tmp/fooled").exists(), "{kind}");
        }
        fs::remove_file(place).unwrap();
    });
}

/// CVE-2026-30892: what is not a number all through is none.
#[test]
fn half_a_number_is_no_user() {
    each(|ground| {
        let bundle = Bundle::new(ground, "user", "exec sleep 1000");
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        for user in
            ["1x", "0x0", "-1", "+0", " 0", "0 ", "4294967295", "4294967296", "1:", ":1", "1:x", "0o1", ""]
        {
            let ran = bundle.oci(&["exec", "--user", user, &bundle.id, "/bin/id", "-u"]).finish();
            assert!(ran.out.is_empty() && !ran.err.is_empty(), "{user:?}: {ran:?}");
            let ran = ground.sh(&[&format!("--user={user}")], "id -u").finish();
            assert!(ran.out.is_empty() || user.is_empty(), "{user:?}: {ran:?}");
        }
        let uid = bundle.oci(&["exec", "--user", "0", &bundle.id, "/bin/id", "-u"]).finish();
        assert_eq!(uid.ok().trim(), "0");
        bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    });
}

/// CVE-2023-27561 and its like: the links that a bundle's root may have in the places of file systems.
#[test]
fn links_in_the_places_of_file_systems_are_refused() {
    each(|ground| {
        let (outside, _, before) = outside(ground);
        let mounts: [(&str, Value); 3] = [
            ("proc", json!({ "destination": "/proc", "type": "proc", "source": "proc" })),
            ("dev", json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs" })),
            ("dev/shm", json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "tmpfs" })),
        ];
        for (place, mount) in mounts {
            for target in [outside.to_str().unwrap(), "/etc", "../../../../../../etc"] {
                instead(
                    ground,
                    place,
                    |place| symlink(target, place).unwrap(),
                    || {
                        let mut config = config(ground, "echo ran");
                        config["mounts"] = json!([mount.clone()]);
                        let bundle = Bundle::of(ground, &place.replace('/', "-"), &config);
                        let ran = bundle.oci(&["run", &bundle.id]).finish();
                        ran.fails(125).mentions(&format!("/{place}"));
                        assert_eq!(Tree::of(&outside), before, "{place} -> {target}");
                    },
                );
            }
        }
    });
}
