//! Limits: what is in the files of the cgroup, and what a container hears when it asks for more.

use std::path::PathBuf;

use holm_tests::bundle::config;
use holm_tests::{Bundle, Finished, Ground, busy_wait, needs, own_runtime};
use serde_json::{Value, json};

/// Root alone may make cgroups everywhere; the runtime is Holm's own.
fn as_root(test: impl Fn(&Ground)) {
    if own_runtime("holm oci")
        && let Some(ground) = Ground::root()
    {
        test(&ground);
        ground.assert_clean();
    }
}

/// A bundle with these resources, and a group of its own.
fn limited<'a>(ground: &'a Ground, word: &str, script: &str, resources: &Value) -> Bundle<'a> {
    let mut config = config(ground, script);
    config["linux"]["resources"] = resources.clone();
    config["linux"]["cgroupsPath"] = format!("/{}", ground.name(word)).into();
    Bundle::of(ground, word, &config)
}

/// Where a process is in the hierarchy with a controller, else in v2.
fn group(pid: i32, controller: &str) -> Option<PathBuf> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = |line: &str| line.splitn(3, ':').nth(2).unwrap().trim_start_matches('/').to_owned();
    let v1 =
        text.lines().find(|line| line.split(':').nth(1).unwrap().split(',').any(|name| name == controller));
    if let Some(line) = v1 {
        return Some(PathBuf::from("/sys/fs/cgroup").join(controller).join(path(line)));
    }
    let v2 = text.lines().find(|line| line.starts_with("0::"))?;
    let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    let root = roots.into_iter().find(|root| root.join("cgroup.controllers").exists())?;
    let group = root.join(path(v2));
    let has = std::fs::read_to_string(group.join("cgroup.controllers")).unwrap();
    has.split_whitespace().any(|name| name == controller).then_some(group)
}

/// Whether this machine has a controller, in either version.
fn has(controller: &str) -> bool {
    let v2 = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|root| format!("{root}/cgroup.controllers"));
    let listed = |file: &String| {
        std::fs::read_to_string(file).unwrap_or_default().split_whitespace().any(|name| name == controller)
    };
    let there = PathBuf::from("/sys/fs/cgroup").join(controller).is_dir() || v2.iter().any(listed);
    needs(there, &format!("this machine has no cgroup controller {controller}"))
}

/// The first of these files that the group of a process has.
fn value(pid: i32, controller: &str, files: &[&str]) -> String {
    let group = group(pid, controller).expect("a group with the controller");
    let text = files.iter().find_map(|file| std::fs::read_to_string(group.join(file)).ok());
    text.unwrap_or_else(|| panic!("{group:?} has none of {files:?}")).trim().to_owned()
}

/// `create`, and then a look, and the end.
fn created(bundle: &Bundle<'_>, look: impl Fn(i32)) {
    let finished = bundle.create(&[]);
    assert!(finished.status == 0, "{}", bundle.written("err"));
    look(bundle.pid());
    bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
}

fn run(ground: &Ground, word: &str, script: &str, resources: &Value) -> Finished {
    limited(ground, word, script, resources).run()
}

#[test]
fn limits_are_set_before_create_returns() {
    as_root(|ground| {
        if !has("memory") || !has("cpu") || !has("pids") || !has("cpuset") {
            return;
        }
        let resources = json!({
            "memory": { "limit": 16_777_216, "swap": 33_554_432 },
            "cpu": { "shares": 512, "quota": 20_000, "period": 50_000, "cpus": "0", "mems": "0" },
            "pids": { "limit": 42 },
        });
        let bundle = limited(ground, "files", "sleep 1000", &resources);
        created(&bundle, |pid| {
            assert_eq!(value(pid, "memory", &["memory.limit_in_bytes", "memory.max"]), "16777216");
            let swap = value(pid, "memory", &["memory.memsw.limit_in_bytes", "memory.swap.max"]);
            assert!(["33554432", "16777216"].contains(&swap.as_str()), "{swap}");
            assert_eq!(value(pid, "pids", &["pids.max"]), "42");
            assert_eq!(value(pid, "cpuset", &["cpuset.cpus"]), "0");
            let quota = value(pid, "cpu", &["cpu.cfs_quota_us", "cpu.max"]);
            assert!(["20000", "20000 50000"].contains(&quota.as_str()), "{quota}");
            let shares = value(pid, "cpu", &["cpu.shares", "cpu.weight"]);
            assert!(["512", "59"].contains(&shares.as_str()), "{shares}");
        });
    });
}

#[test]
fn a_container_starts_in_half_a_mebibyte() {
    as_root(|ground| {
        if !has("memory") {
            return;
        }
        let bundle = limited(ground, "small", "exec sleep 1000", &json!({ "memory": { "limit": 524_288 } }));
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        assert_eq!(value(pid, "memory", &["memory.limit_in_bytes", "memory.max"]), "524288");
        assert_eq!(bundle.status(), "created");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        assert_eq!(
            run(ground, "small-run", "exit 3", &json!({ "memory": { "limit": 1_048_576 } })).status,
            3
        );
    });
}

#[test]
fn who_takes_more_memory_is_killed() {
    as_root(|ground| {
        if !has("memory") {
            return;
        }
        let script = "a=x; while :; do a=$a$a; done";
        let finished =
            run(ground, "memory", script, &json!({ "memory": { "limit": 8_388_608, "swap": 8_388_608 } }));
        assert_eq!(finished.status, 137, "killed by SIGKILL: {}", finished.err);
    });
}

#[test]
fn who_makes_more_processes_is_refused() {
    as_root(|ground| {
        if !has("pids") {
            return;
        }
        let script = "for i in 1 2 3 4 5 6; do sleep 5 & done; echo all of them";
        let finished = run(ground, "pids", script, &json!({ "pids": { "limit": 4 } }));
        assert!(!finished.out.contains("all of them"), "{}", finished.out);
    });
}

#[test]
fn devices_are_denied_unless_they_are_allowed() {
    as_root(|ground| {
        let v1 = PathBuf::from("/sys/fs/cgroup/devices").is_dir();
        if !needs(
            v1 || PathBuf::from("/sys/fs/cgroup/cgroup.controllers").exists(),
            "this needs rules for devices",
        ) {
            return;
        }
        let script = "mknod /tmp/kmsg c 1 11 && (exec 3>/tmp/kmsg) 2>/tmp/why; echo $?; cat /tmp/why; \
                      mknod /tmp/zero c 1 5; head -c 1 /tmp/zero | wc -c; (exec 3>/dev/null) && echo null; rm /tmp/kmsg /tmp/zero";
        let script = |word: &str| script.replace("/tmp/", &format!("/tmp/{word}-"));
        let run = |word: &str, resources: &Value| {
            let bundle = limited(ground, word, &script(word), resources);
            let mut config: Value = serde_json::from_str(&bundle.written("config.json")).unwrap();
            let sets =
                ["bounding", "effective", "permitted"].map(|set| (set.to_owned(), json!(["CAP_MKNOD"])));
            config["process"]["capabilities"] = sets.into_iter().collect();
            bundle.write(&config);
            bundle.run().ok()
        };
        let denied = run("denied", &json!({}));
        assert!(denied.contains("Operation not permitted") && denied.contains("1\nnull"), "{denied}");
        let docker = json!({ "devices": [
            { "allow": false, "access": "rwm" },
            { "allow": true, "type": "c", "major": 1, "minor": 11, "access": "w" },
        ] });
        assert_eq!(run("allowed", &docker), "0\n1\nnull");
        let all = json!({ "devices": [{ "allow": true, "access": "rwm" }] });
        assert_eq!(run("all", &all), "0\n1\nnull");
    });
}

#[test]
fn what_cannot_be_limited_here_is_an_error_and_leaves_nothing() {
    as_root(|ground| {
        let impossible = json!({ "rdma": { "none0": { "hcaHandles": 1 } } });
        run(ground, "rdma", "echo ran", &impossible).fails(125).mentions("rdma");
        let impossible = json!({ "memory": { "limit": 4096 } });
        if has("memory") {
            let finished = run(ground, "tiny", "echo ran", &impossible);
            assert_eq!((finished.status, finished.out.as_str()), (125, ""));
        }
        let bundle = limited(ground, "wrong", "true", &json!({ "cpu": { "period": 5 } }));
        bundle.run().fails(125).mentions("linux.resources.cpu.period").mentions("1000");
    });
}

/// The rules for devices that every engine writes are no reason to fail, as there is nobody who could break them.
#[test]
fn a_user_without_a_cgroup_gets_no_limits_but_may_have_rules_for_devices() {
    if !own_runtime("holm oci") {
        return;
    }
    let ground = Ground::ordinary();
    let rules = json!({ "devices": [{ "allow": false, "access": "rwm" }] });
    assert_eq!(run(&ground, "rules", "echo ran", &rules).ok(), "ran");
    run(&ground, "limits", "echo ran", &json!({ "pids": { "limit": 5 } })).fails(125).mentions("pids");
    ground.assert_clean();
}

/// A group that others made is used when nobody is in it, and what is above it stays.
#[test]
fn the_path_is_taken_by_the_letter() {
    as_root(|ground| {
        let mut config = config(ground, "exec sleep 1000");
        let name = ground.name("parent");
        config["linux"]["cgroupsPath"] = format!("//{name}/x/../below/.").into();
        let bundle = Bundle::of(ground, "path", &config);
        created(&bundle, |pid| {
            let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
            assert!(groups.lines().all(|line| line.ends_with(&format!(":/{name}/below"))), "{groups}");
        });
        config["linux"]["cgroupsPath"] = "/".into();
        bundle.write(&config);
        bundle.run().fails(125).mentions("linux.cgroupsPath");
        busy_wait(|| (!PathBuf::from(format!("/sys/fs/cgroup/pids/{name}")).exists()).then_some(()))
            .expect("it goes");
    });
}

#[test]
fn a_paused_container_stands_still_and_goes_on() {
    as_root(|ground| {
        let script = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; done";
        let bundle = limited(ground, "paused", script, &json!({}));
        bundle.create(&[]).ok();
        bundle.call("resume").fails(125).mentions("created");
        bundle.call("start").ok();
        let pid = bundle.pid();
        bundle.call("pause").ok();
        assert_eq!(bundle.status(), "paused");
        let time = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .unwrap()
                .rsplit_once(')')
                .unwrap()
                .1
                .to_owned()
        };
        let before = time().split_whitespace().nth(11).unwrap().to_owned();
        bundle.call("pause").fails(125).mentions("paused");
        bundle.oci(&["exec", &bundle.id, "true"]).finish().fails(125).mentions("paused");
        bundle.call("delete").fails(125).mentions("paused");
        assert_eq!(time().split_whitespace().nth(11).unwrap(), before, "it runs on");
        let late = bundle.oci(&["exec", "--ignore-paused", &bundle.id, "expr", "1", "+", "2"]).start();
        bundle.call("resume").ok();
        assert_eq!(late.finish().ok(), "3");
        assert_eq!(bundle.status(), "running");
        busy_wait(|| (time().split_whitespace().nth(11).unwrap() != before).then_some(()))
            .expect("it goes on");
        bundle.call("resume").fails(125).mentions("running");
        bundle.call("pause").ok();
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        crate::wait_for_end(pid);
        assert_eq!(bundle.status(), "stopped");
        bundle.call("delete").ok();
    });
}

#[test]
fn a_created_container_is_paused_and_not_started() {
    as_root(|ground| {
        let bundle = limited(ground, "early", "echo ran", &json!({}));
        bundle.create(&[]).ok();
        bundle.call("pause").ok();
        bundle.call("start").fails(125).mentions("paused");
        bundle.call("resume").ok();
        assert_eq!(bundle.status(), "created");
        bundle.call("start").ok();
        busy_wait(|| (bundle.written("out") == "ran\n").then_some(())).expect("it runs");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn a_paused_container_can_be_deleted_by_force() {
    as_root(|ground| {
        let bundle = limited(ground, "frozen", "sleep 1000", &json!({}));
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        bundle.call("pause").ok();
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        bundle.call("state").fails(125);
    });
}

#[test]
fn limits_are_changed_by_options_and_by_a_file() {
    as_root(|ground| {
        if !has("memory") || !has("cpu") || !has("pids") {
            return;
        }
        let bundle = limited(
            ground,
            "update",
            "sleep 1000",
            &json!({ "memory": { "limit": 33_554_432 }, "pids": { "limit": 20 } }),
        );
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        let update = |words: &[&str]| bundle.oci(&["update"]).words(words).word(&bundle.id).finish();
        update(&["--memory", "64m", "--memory-swap", "-1", "--cpu-quota", "30000", "--cpu-period", "60000"])
            .ok();
        assert_eq!(value(pid, "memory", &["memory.limit_in_bytes", "memory.max"]), (64 << 20).to_string());
        let quota = value(pid, "cpu", &["cpu.cfs_quota_us", "cpu.max"]);
        assert!(["30000", "30000 60000"].contains(&quota.as_str()), "{quota}");
        assert_eq!(value(pid, "pids", &["pids.max"]), "20", "what is not said stays");
        ground.new_file(bundle.path.join("limits.json").to_str().unwrap(), r#"{"pids": {"limit": 33}}"#);
        update(&["--resources", "limits.json"]).ok();
        assert_eq!(value(pid, "pids", &["pids.max"]), "33");
        let from_input = bundle.oci(&["update", "-r", "-", &bundle.id]).input(r#"{"pids": {"limit": -1}}"#);
        from_input.finish().ok();
        assert_eq!(value(pid, "pids", &["pids.max"]), "max");
        update(&["--cpu-period", "5"]).fails(125).mentions("cpu.period");
        update(&["--l3-cache-schema", "L3:0=f"]).fails(125).mentions("no group of resctrl");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        update(&["--memory", "64m"]).fails(125).mentions(&bundle.id);
    });
}

#[test]
fn processes_are_listed() {
    as_root(|ground| {
        let bundle = limited(ground, "ps", "sleep 1000 & echo ready; wait", &json!({}));
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        busy_wait(|| bundle.written("out").contains("ready").then_some(())).expect("it runs");
        let pids = || -> Vec<i32> {
            serde_json::from_str(&bundle.oci(&["ps", "--format", "json", &bundle.id]).finish().ok()).unwrap()
        };
        busy_wait(|| (pids().len() == 2).then_some(())).expect("two processes");
        assert!(pids().contains(&bundle.pid()));
        let late: Vec<i32> =
            serde_json::from_str(&bundle.oci(&["ps", &bundle.id, "--format", "json"]).finish().ok()).unwrap();
        assert_eq!(late, pids());
        let table = bundle.oci(&["ps", &bundle.id]).finish().ok();
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.lines().next().unwrap().contains("PID"));
        let table = bundle.oci(&["ps", &bundle.id, "--", "-e", "-o", "pid,args"]).finish().ok();
        assert!(table.contains("sleep 1000") && table.lines().count() == 3, "{table}");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn what_is_used_is_told_in_the_words_of_runc() {
    as_root(|ground| {
        let bundle = limited(ground, "stats", "sleep 1000", &json!({ "pids": { "limit": 20 } }));
        bundle.create(&[]).ok();
        let text = bundle.oci(&["events", "--stats", &bundle.id]).finish().ok();
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&event["type"], &event["id"]), (&json!("stats"), &json!(bundle.id)));
        let data = &event["data"];
        if has("pids") {
            assert_eq!(data["pids"], json!({ "current": 1, "limit": 20 }));
        }
        if has("memory") {
            assert!(data["memory"]["usage"]["usage"].as_u64().unwrap() > 0, "{data}");
            assert!(data["memory"]["usage"]["limit"].as_u64().unwrap() > 1 << 40);
            assert!(data["memory"]["raw"].as_object().unwrap().len() > 10);
        }
        if has("cpu") {
            assert!(data["cpu"]["usage"]["total"].as_u64().unwrap() > 0, "{data}");
        }
        for name in ["cpuset", "blkio", "hugetlb", "intel_rdt", "network_interfaces"] {
            assert!(data.as_object().unwrap().contains_key(name), "{name} in {data}");
        }
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        bundle.oci(&["events", "--stats", &bundle.id]).finish().fails(125);
    });
}

#[test]
fn events_tell_of_memory_that_was_short_and_end_with_the_container() {
    as_root(|ground| {
        if !has("memory") {
            return;
        }
        let script = "read nothing < /tmp/fifo; a=x; while :; do a=$a$a; done";
        let bundle = limited(
            ground,
            "oom",
            &script.replace("/tmp/fifo", "/tmp/oom-fifo"),
            &json!({ "memory": { "limit": 8_388_608, "swap": 8_388_608 } }),
        );
        let fifo = ground.rootfs().join("tmp/oom-fifo");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &fifo,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o666),
            0,
        )
        .unwrap();
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let events = bundle.oci(&["events", "--interval", "50ms", &bundle.id]).start();
        let first: Value = serde_json::from_str(&events.line()).unwrap();
        assert_eq!(first["type"], "stats");
        std::fs::write(&fifo, "\n").unwrap();
        let told = events.finish().ok();
        assert!(
            told.lines().any(|line| line == format!("{{\"type\":\"oom\",\"id\":\"{}\"}}", bundle.id)),
            "{told}"
        );
        std::fs::remove_file(fifo).unwrap();
        assert_eq!(bundle.status(), "stopped");
        bundle.call("delete").ok();
    });
}

/// As a systemd or an engine in a container does: nobody may be in its own group any more.
#[test]
fn a_process_finds_its_place_where_the_container_divides_its_group() {
    as_root(|ground| {
        let bundle = limited(ground, "divided", "exec sleep 1000", &json!({}));
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let pid = bundle.pid();
        // A group of v2 that can give something to those below it.
        let divided = ["hugetlb", "pids"].into_iter().find_map(|controller| {
            let group = group(pid, controller)?;
            group.join("cgroup.subtree_control").exists().then_some((group, controller))
        });
        if let Some((group, controller)) = divided {
            let inner = group.join("inner");
            std::fs::create_dir(&inner).unwrap();
            std::fs::write(inner.join("cgroup.procs"), pid.to_string()).unwrap();
            std::fs::write(group.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
            let words = ["exec", &bundle.id, "/bin/sh", "-c", "grep ^0:: /proc/self/cgroup"];
            let there = bundle.runtime(&words).finish().ok();
            assert!(there.ends_with("/inner"), "{there}");
        } else {
            holm_testing::announce_omission("no controller of this machine is in v2");
        }
        bundle.runtime(&["delete", "--force", &bundle.id]).finish().ok();
    });
}
