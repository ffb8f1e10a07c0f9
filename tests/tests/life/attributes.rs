//! How a process runs: every attribute that a configuration has for it, in the container and in an exec.

use std::path::Path;

use holm_tests::bundle::{Bundle, config, process};
use holm_tests::{Ground, own_runtime};
use serde_json::{Value, json};

fn each(test: impl Fn(&Ground)) {
    if own_runtime("what is asked of it") {
        Ground::each(test);
    }
}

/// What the command of this configuration prints.
fn run(ground: &Ground, word: &str, script: &str, change: impl FnOnce(&mut Value)) -> holm_tests::Finished {
    let mut config = config(ground, script);
    change(&mut config);
    let bundle = Bundle::of(ground, word, &config);
    bundle.oci(&["run", &bundle.id]).finish()
}

/// What `script` prints in an exec of a container that sleeps, with such a process and such a container.
fn exec(
    ground: &Ground,
    word: &str,
    script: &str,
    of_container: &Value,
    attribute: (&str, Value),
) -> holm_tests::Finished {
    let mut config = config(ground, "exec sleep 1000");
    for (name, value) in of_container.as_object().into_iter().flatten() {
        config["linux"][name] = value.clone();
    }
    let bundle = Bundle::of(ground, word, &config);
    bundle.create(&[]).ok();
    bundle.call("start").ok();
    let mut process = process(&["/bin/sh", "-c", script]);
    if !attribute.0.is_empty() {
        process[attribute.0] = attribute.1;
    }
    let file = ground.new_file(&format!("{word}.json"), process.to_string());
    let ran = bundle.oci(&["exec", "--process", file.to_str().unwrap(), &bundle.id]).finish();
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    ran
}

const SCORE: &str = "cat /proc/self/oom_score_adj";

fn own_score() -> String {
    std::fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().to_owned()
}

#[test]
fn the_oom_score_is_the_process_s_and_not_the_runtime_s() {
    each(|ground| {
        let before = own_score();
        let out = run(ground, "score", SCORE, |config| config["process"]["oomScoreAdj"] = 321.into()).ok();
        assert_eq!(out.trim(), "321");
        let out = run(ground, "init", SCORE, |config| {
            config["process"]["oomScoreAdj"] = 322.into();
            config["annotations"]["holm.init"] = "true".into();
        });
        assert_eq!(out.ok().trim(), "322");
        let out = exec(ground, "exec", SCORE, &json!({}), ("oomScoreAdj", 323.into()));
        assert_eq!(out.ok().trim(), "323");
        let out = exec(ground, "none", SCORE, &json!({}), ("", Value::Null));
        assert_eq!(out.ok().trim(), before, "that of the caller");
        assert_eq!(own_score(), before);
        // Its hooks are the runtime's, whose score is its own again.
        let mut scored = config(ground, "exit 0");
        scored["process"]["oomScoreAdj"] = 324.into();
        let args = ["sh", "-c", "cat /proc/self/oom_score_adj > score"];
        scored["hooks"] =
            json!({ "createRuntime": [{ "path": "/bin/sh", "args": args, "env": ["PATH=/usr/bin:/bin"] }] });
        let bundle = Bundle::of(ground, "hook", &scored);
        bundle.oci(&["run", &bundle.id]).finish().ok();
        assert_eq!(bundle.written("score").trim(), before);
    });
}

#[test]
fn a_lower_score_is_refused_to_root_and_a_wish_of_others() {
    each(|ground| {
        let ran = run(ground, "lower", SCORE, |config| config["process"]["oomScoreAdj"] = (-999).into());
        let may = std::fs::read_to_string("/proc/self/status").unwrap();
        let bits = may.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
        let may = u64::from_str_radix(bits, 16).unwrap() >> 24 & 1 == 1;
        match (ground.is_root(), may) {
            (true, true) => assert_eq!(ran.ok().trim(), "-999"),
            (true, false) => {
                let told = ran.fails(125);
                told.mentions("oom_score_adj -999").mentions("CAP_SYS_RESOURCE");
            }
            (false, _) => assert_eq!(ran.ok().trim(), own_score()),
        }
    });
}

/// The nice value, real-time priority and policy in proc_pid_stat(5), of PID 1.
const STAT: &str = "cut -d' ' -f19,40,41 /proc/1/stat";

#[test]
fn the_scheduling_is_that_of_the_configuration() {
    each(|ground| {
        for (scheduler, stat) in [
            (json!({ "policy": "SCHED_OTHER", "nice": 5 }), "5 0 0"),
            (json!({ "policy": "SCHED_BATCH", "nice": 7 }), "7 0 3"),
            (json!({ "policy": "SCHED_IDLE" }), "0 0 5"),
        ] {
            let word = scheduler["policy"].as_str().unwrap().to_owned();
            let out = run(ground, &word, STAT, |config| config["process"]["scheduler"] = scheduler.clone());
            assert_eq!(out.ok().trim(), stat, "{scheduler}");
            let stat_of_self = "cut -d' ' -f19,40,41 /proc/self/stat";
            let out = exec(
                ground,
                &format!("{word}-exec"),
                stat_of_self,
                &json!({}),
                ("scheduler", scheduler.clone()),
            );
            assert_eq!(out.ok().trim(), stat, "{scheduler}");
        }
    });
}

#[test]
fn real_time_and_deadlines_are_root_s() {
    each(|ground| {
        for (scheduler, stat) in [
            (json!({ "policy": "SCHED_FIFO", "priority": 7 }), "0 7 1"),
            (json!({ "policy": "SCHED_RR", "priority": 9, "flags": ["SCHED_FLAG_RESET_ON_FORK"] }), "0 9 2"),
            (
                json!({ "policy": "SCHED_DEADLINE", "runtime": 1_000_000, "deadline": 50_000_000, "period": 50_000_000 }),
                "0 0 6",
            ),
        ] {
            let word = scheduler["policy"].as_str().unwrap().to_owned();
            // Who has a deadline makes no other processes: it prints by itself.
            let script = "read -r line < /proc/1/stat; set -- ${line##*) }; echo ${17} ${38} ${39}";
            let ran = run(ground, &word, script, |config| config["process"]["scheduler"] = scheduler.clone());
            if !ground.is_root() {
                ran.fails(125).mentions("CAP_SYS_NICE");
            } else if ran.err.contains("EPERM") || ran.err.contains("EBUSY") || ran.err.contains("EINVAL") {
                // A cgroup without real-time bandwidth of its own has none to give.
                ran.fails(125).mentions(&format!("schedule by {word}"));
            } else {
                assert_eq!(ran.ok().trim(), stat, "{scheduler}");
            }
        }
    });
}

#[test]
fn what_is_no_scheduling_is_refused() {
    each(|ground| {
        for (scheduler, field) in [
            (json!({ "policy": "SCHED_ISO" }), "process.scheduler.policy"),
            (json!({ "policy": "SCHED_FIFO" }), "process.scheduler.priority"),
            (json!({ "policy": "SCHED_OTHER", "nice": -21 }), "process.scheduler.nice"),
            (json!({ "policy": "SCHED_OTHER", "runtime": 5 }), "process.scheduler.runtime"),
        ] {
            let ran =
                run(ground, "refused", "exit 0", |config| config["process"]["scheduler"] = scheduler.clone());
            ran.fails(125).mentions(field);
        }
        let deadline = json!({ "policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3 });
        let ran = run(ground, "refused", "exit 0", |config| {
            config["process"]["scheduler"] = deadline;
            config["annotations"]["holm.init"] = "true".into();
        });
        ran.fails(125).mentions("SCHED_DEADLINE").mentions("holm.init");
    });
}

#[test]
fn the_io_priority_is_that_of_the_configuration() {
    each(|ground| {
        let Some(ionice) = holm_tests::program("ionice") else { return };
        for (class, level, told) in [
            ("IOPRIO_CLASS_BE", 6, "best-effort: prio 6"),
            ("IOPRIO_CLASS_IDLE", 0, "idle"),
            ("IOPRIO_CLASS_RT", 3, "realtime: prio 3"),
        ] {
            let mut config = config(ground, "exec sleep 1000");
            config["process"]["ioPriority"] = json!({ "class": class, "priority": level });
            let bundle = Bundle::of(ground, class, &config);
            let created = bundle.create(&[]);
            if class == "IOPRIO_CLASS_RT" && !ground.is_root() {
                created.ends(125);
                assert!(bundle.written("err").contains("real-time 3"), "{}", bundle.written("err"));
                continue;
            }
            created.ok();
            let pid = bundle.pid().to_string();
            let answer = ground.other(&ionice).words(["-p", &pid]).finish().ok();
            assert_eq!(answer.trim(), told);
            bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
        }
        let ran = run(ground, "level", "exit 0", |config| {
            config["process"]["ioPriority"] = json!({ "class": "IOPRIO_CLASS_BE", "priority": 8 });
        });
        ran.fails(125).mentions("process.ioPriority.priority");
    });
}

const CPUS: &str = "grep Cpus_allowed_list /proc/self/status | tr -d '\\t'";

#[test]
fn the_cpus_of_an_exec_are_those_that_it_asks_for() {
    each(|ground| {
        let all = exec(ground, "all", CPUS, &json!({}), ("", Value::Null)).ok();
        let own = std::fs::read_to_string("/proc/self/status").unwrap();
        let own = own.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:\t")).unwrap();
        let first = own.split([',', '-']).next().unwrap();
        for asked in [
            json!({ "final": first }),
            json!({ "initial": first }),
            json!({ "initial": own, "final": first }),
        ] {
            let out = exec(ground, "cpus", CPUS, &json!({}), ("execCPUAffinity", asked.clone())).ok();
            assert_eq!(out.trim(), format!("Cpus_allowed_list:{first}"), "{asked}");
        }
        let ran = exec(ground, "none", CPUS, &json!({}), ("execCPUAffinity", json!({ "final": "1000" })));
        ran.fails(125).mentions("CPUs 1000").helps();
        // The container's own process has nothing to do with it.
        let out = run(ground, "own", CPUS, |config| {
            config["process"]["execCPUAffinity"] = json!({ "initial": first, "final": first });
        });
        assert_eq!(out.ok(), all);
    });
}

#[test]
fn the_personality_is_that_of_the_configuration() {
    each(|ground| {
        let script = "cat /proc/self/personality; uname -m";
        let personality = json!({ "domain": "LINUX32" });
        let ran =
            run(ground, "linux32", script, |config| config["linux"]["personality"] = personality.clone());
        let out = ran.ok();
        assert!(out.starts_with("00000008\n") && !out.contains("x86_64"), "{out}");
        let ran = exec(ground, "exec", script, &json!({ "personality": personality }), ("", Value::Null));
        assert_eq!(ran.ok(), out, "an exec has that of the container");
        let ran = run(ground, "linux", script, |config| {
            config["linux"]["personality"] = json!({ "domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"] });
        });
        assert!(ran.ok().starts_with("00000000\n"));
        assert!(ran.err.contains("linux.personality.flags"), "{}", ran.err);
    });
}

#[test]
fn the_memory_policy_is_that_of_the_configuration() {
    each(|ground| {
        if !holm_tests::needs(
            Path::new("/proc/self/numa_maps").exists(),
            "this kernel knows no nodes of memory",
        ) {
            return;
        }
        let script = "head -1 /proc/self/numa_maps | cut -d' ' -f2";
        let policy = json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] });
        let ran = run(ground, "bind", script, |config| config["linux"]["memoryPolicy"] = policy.clone());
        assert_eq!(ran.ok().trim(), "bind=static:0");
        let ran = exec(ground, "exec", script, &json!({ "memoryPolicy": policy }), ("", Value::Null));
        assert_eq!(ran.ok().trim(), "bind=static:0");
        let ran = run(ground, "none", script, |config| {
            config["linux"]["memoryPolicy"] = json!({ "mode": "MPOL_BIND", "nodes": "900" });
        });
        ran.fails(125).mentions("memory policy MPOL_BIND").helps();
        let ran = run(ground, "refused", script, |config| {
            config["linux"]["memoryPolicy"] = json!({ "mode": "MPOL_DEFAULT", "nodes": "0" });
        });
        ran.fails(125).mentions("linux.memoryPolicy.nodes");
    });
}

#[test]
fn a_label_of_a_module_that_is_not_there_is_refused() {
    each(|ground| {
        let there = |file: &str| Path::new(file).exists();
        if there("/sys/module/apparmor") || there("/sys/fs/selinux/enforce") {
            return holm_testing::announce_omission("this machine has such a module");
        }
        for (section, field, value, module) in [
            ("process", "apparmorProfile", "docker-default", "AppArmor"),
            ("process", "selinuxLabel", "system_u:system_r:container_t:s0", "SELinux"),
            ("linux", "mountLabel", "system_u:object_r:container_file_t:s0", "SELinux"),
        ] {
            let ran = run(ground, "label", "exit 0", |config| config[section][field] = value.into());
            ran.fails(125).mentions(module).mentions("not enabled").mentions(&format!("{section}.{field}"));
            if section == "process" {
                let ran = exec(ground, "label-exec", "exit 0", &json!({}), (field, value.into()));
                ran.fails(125).mentions(module);
            }
        }
        // An empty one is none.
        run(ground, "empty", "exit 0", |config| config["process"]["apparmorProfile"] = "".into()).ok();
    });
}

#[test]
fn a_capability_that_nobody_knows_is_noted_and_left_out() {
    each(|ground| {
        let sets = json!({ "bounding": ["CAP_KILL", "CAP_OF_TOMORROW"], "permitted": ["CAP_OF_TOMORROW"] });
        let script = "grep CapBnd /proc/self/status";
        let ran = run(ground, "tomorrow", script, |config| config["process"]["capabilities"] = sets.clone());
        assert_eq!(ran.ok().split_whitespace().last(), Some("0000000000000020"));
        assert!(ran.err.contains("CAP_OF_TOMORROW"), "{}", ran.err);
        let ran = exec(ground, "exec", script, &json!({}), ("capabilities", sets));
        assert_eq!(ran.ok().split_whitespace().last(), Some("0000000000000020"));
        assert!(ran.err.contains("CAP_OF_TOMORROW"), "{}", ran.err);
    });
}

#[test]
fn who_has_no_home_gets_that_of_the_account_in_the_container() {
    each(|ground| {
        for (uid, home) in [(0, "/root"), (1000, "/home/alice"), (77, "/")] {
            if uid != 0 && !ground.is_root() {
                continue;
            }
            let word = format!("home-{uid}");
            let out =
                run(ground, &word, "echo $HOME", |config| config["process"]["user"]["uid"] = uid.into());
            assert_eq!(out.ok().trim(), home);
        }
        let given = |value: &str| {
            let variable = format!("HOME={value}");
            run(ground, "given", "echo $HOME", |config| {
                config["process"]["env"].as_array_mut().unwrap().push(variable.into());
            })
            .ok()
        };
        assert_eq!((given("/given").trim(), given("").trim()), ("/given", "/root"));
    });
}

#[test]
fn a_list_of_accounts_that_never_ends_stops_nobody() {
    each(|ground| {
        for prepare in ["mkfifo", "ln -s /dev/zero"] {
            let name = prepare.replace(['/', ' '], "-");
            let root = ground.new_directory(&format!("root-{name}"));
            let script = format!(
                "cp -a {}/. {root}; rm {root}/etc/passwd; {prepare} {root}/etc/passwd",
                ground.rootfs().display(),
                root = root.display()
            );
            ground.other("sh".as_ref()).words(["-c", &script]).finish().ok();
            let out =
                run(ground, &name, "echo $HOME", |config| config["root"]["path"] = root.to_str().into());
            assert_eq!(out.ok().trim(), "/");
        }
    });
}
