//! The limits of `holm run`.

use std::os::unix::fs::MetadataExt;

use holm_tests::{Ground, needs, own_runtime};

/// Root alone may make cgroups everywhere.
fn as_root(test: impl Fn(&Ground)) {
    if let Some(ground) = Ground::root() {
        test(&ground);
        ground.assert_clean();
    }
}

fn has(controller: &str) -> bool {
    let root = std::path::Path::new("/sys/fs/cgroup");
    let v2 = std::fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    let there = root.join(controller).is_dir() || v2.split_whitespace().any(|name| name == controller);
    needs(there, &format!("this machine has no cgroup controller {controller}"))
}

/// Prints the first of the files that the container sees of its cgroup.
fn show(files: &[&str]) -> String {
    let all: Vec<String> = files.iter().map(|file| format!("/sys/fs/cgroup/{file}")).collect();
    format!("for file in {}; do test -e $file && cat $file && break; done", all.join(" "))
}

#[test]
fn what_is_asked_for_is_in_the_files() {
    as_root(|ground| {
        if !has("memory") || !has("cpu") || !has("pids") || !has("cpuset") {
            return;
        }
        let shown = |options: &[&str], files: &[&str]| ground.sh(options, &show(files)).finish().ok();
        assert_eq!(
            shown(&["-m", "32m"], &["memory/memory.limit_in_bytes", "memory.max"]),
            (32 << 20).to_string()
        );
        let swap = shown(&["-m", "32m"], &["memory/memory.memsw.limit_in_bytes", "memory.swap.max"]);
        assert!([64 << 20, 32 << 20].map(|bytes| bytes.to_string()).contains(&swap), "{swap}");
        assert_eq!(shown(&["--pids-limit", "40"], &["pids/pids.max", "pids.max"]), "40");
        assert_eq!(shown(&["--cpuset-cpus", "0"], &["cpuset/cpuset.cpus", "cpuset.cpus"]), "0");
        let quota = shown(&["--cpus", "0.5"], &["cpu/cpu.cfs_quota_us", "cpu.max"]);
        assert!(["50000", "50000 100000"].contains(&quota.as_str()), "{quota}");
        let shares = shown(&["--cpu-shares", "512"], &["cpu/cpu.shares", "cpu.weight"]);
        assert!(["512", "59"].contains(&shares.as_str()), "{shares}");
    });
}

#[test]
fn who_takes_more_memory_than_it_may_ends_with_137() {
    as_root(|ground| {
        if has("memory") {
            let script = "a=x; while :; do a=$a$a; done";
            let finished = ground.sh(&["--memory", "16m", "--memory-swap", "16m"], script).finish();
            assert_eq!(finished.status, 137, "{}", finished.err);
        }
    });
}

#[test]
fn limits_that_contradict_each_other_are_refused() {
    if !own_runtime("the wording") {
        return;
    }
    let ground = Ground::ordinary();
    let refused = |options: &[&str], word: &str| {
        ground.sh(options, "echo ran").finish().fails(125).mentions(word);
    };
    refused(&["--memory-swap", "1g"], "--memory");
    refused(&["--memory", "64m", "--memory-swap", "32m"], "--memory-swap");
    refused(&["--memory", "64m", "--memory-reservation", "128m"], "--memory-reservation");
    refused(&["--cpuset-cpus", "x"], "linux.resources.cpu.cpus");
    refused(&["--blkio-weight", "5"], "linux.resources.blockIO.weight");
    refused(&["--device", "/etc/passwd"], "/etc/passwd");
    refused(&["--device", "/dev/no-such-device"], "/dev/no-such-device");
    ground.assert_clean();
}

/// A device that no container has by itself and that takes no capability to be opened, and its number.
fn spare_device() -> Option<(&'static str, String)> {
    let all = ["/dev/fuse", "/dev/loop-control", "/dev/net/tun"];
    let found = all.into_iter().find_map(|path| {
        let number = std::fs::metadata(path).ok()?.rdev();
        Some((path, format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number))))
    });
    needs(found.is_some(), "this needs a device such as /dev/fuse");
    found
}

#[test]
fn a_device_is_given_with_what_may_be_done_with_it() {
    as_root(|ground| {
        let Some((host, number)) = spare_device() else { return };
        let open = |place: &str| {
            format!("(exec 3>{place}) 2>&1 && echo written; (exec 3<{place}) 2>&1 && echo read")
        };
        let run = |options: &[&str], script: &str| ground.sh(options, script).finish().out;
        let device = |end: &str| format!("{host}{end}");
        assert_eq!(run(&["--device", &device(":/dev/given")], &open("/dev/given")), "written\nread\n");
        let only = run(&["--device", &device(":/dev/given:w")], &open("/dev/given"));
        assert!(only.starts_with("written\n") && only.contains("not permitted"), "{only}");
        let make = format!("mknod /dev/made c {}; ", number.replace(':', " "));
        let none = run(&[], &(make.clone() + &open("/dev/made")));
        assert_eq!(none.matches("not permitted").count(), 2, "{none}");
        let rule = format!("c {number} rw");
        let by_rule = run(&["--device-cgroup-rule", &rule], &(make + &open("/dev/made")));
        assert_eq!(by_rule, "written\nread\n");
        assert_eq!(run(&["--privileged"], &open(host)), "written\nread\n");
        let mapped = ["--userns", "auto", "--device", "/dev/zero:/dev/nothing"];
        assert_eq!(run(&mapped, "head -c 3 /dev/nothing | wc -c"), "3\n");
    });
}

#[test]
fn an_ordinary_user_may_have_a_device_that_is_the_user_s_own_and_no_limits() {
    if !own_runtime("the wording") {
        return;
    }
    let ground = Ground::ordinary();
    let device = ["--device", "/dev/zero:/dev/nothing"];
    assert_eq!(ground.sh(&device, "head -c 3 /dev/nothing | wc -c").finish().ok(), "3");
    ground.sh(&["--memory", "64m"], "echo ran").finish().fails(125).mentions("memory").mentions("cgroup");
    ground.assert_clean();
}
