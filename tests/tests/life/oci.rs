//! `holm oci`: the operations of the runtime specification, one by one.

use std::os::unix::fs::PermissionsExt;

use holm_tests::bundle::{Bundle, config, process, read_pid};
use holm_tests::{Ground, busy_wait, host_links, is_root, links_of, own_runtime};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::wait_for_end;

fn each(test: impl Fn(&Ground)) {
    if own_runtime("holm oci") {
        Ground::each(test);
    }
}

#[test]
fn a_life_from_created_to_running_to_stopped() {
    each(|ground| {
        // As PID 1 it is sent only signals that it handles.
        let script = "trap exit TERM; echo ran in $(hostname); sleep 1000 & wait";
        let bundle = Bundle::new(ground, "life", script);
        bundle.create(&["--pid-file", "pid"]).ok();
        assert_eq!(bundle.status(), "created");
        let pid = bundle.pid();
        assert_eq!(read_pid(&bundle.path.join("pid")), pid);
        if is_root() {
            assert_ne!(links_of(pid)["pid"], host_links()["pid"], "its namespaces are there");
        }
        assert_eq!(bundle.written("out"), "", "its command waits for start");
        bundle.call("start").ok();
        assert_eq!((bundle.status().as_str(), bundle.pid()), ("running", pid));
        let ran = || (bundle.written("out") == "ran in islet\n").then_some(());
        busy_wait(ran).expect("the command runs");
        bundle.call("kill").ok();
        wait_for_end(pid);
        assert_eq!(bundle.status(), "stopped");
        bundle.call("delete").ok();
        bundle.call("state").fails(125).mentions(&bundle.id);
    });
}

#[test]
fn the_state_has_what_the_specification_wants() {
    each(|ground| {
        let bundle = Bundle::new(ground, "state", "sleep 1000");
        bundle.create(&[]).ok();
        let state = bundle.state();
        assert_eq!(state["ociVersion"], "1.2.0");
        assert_eq!(state["id"], *bundle.id);
        assert_eq!(state["status"], "created");
        assert!(state["pid"].as_i64().unwrap() > 0);
        assert_eq!(state["bundle"], bundle.path.to_str().unwrap());
        assert_eq!(state["annotations"]["org.example.colour"], "green");
        assert_eq!(state["rootfs"], ground.rootfs().to_str().unwrap());
        let owner = state["owner"].as_str().unwrap();
        assert!(!owner.is_empty() && (owner == "root") == (ground.uid() == 0), "{owner}");
        let created = state["created"].as_str().unwrap();
        assert!(created.starts_with("20") && created.contains('T') && created.ends_with('Z'), "{created}");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn what_is_not_legal_in_a_state_is_refused_and_changes_nothing() {
    each(|ground| {
        let bundle = Bundle::new(ground, "illegal", "exec sleep 1000");
        for operation in ["start", "state", "kill", "delete"] {
            bundle.call(operation).fails(125).mentions(&bundle.id);
        }
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        bundle.create(&[]).ends(125);
        assert!(bundle.written("err").contains(&bundle.id), "the id is taken");
        bundle.call("start").ok();
        bundle.call("start").fails(125).mentions("running");
        bundle.call("delete").fails(125).mentions("running");
        assert_eq!((bundle.status().as_str(), bundle.pid()), ("running", pid));
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        wait_for_end(pid);
        bundle.call("start").fails(125).mentions("stopped");
        bundle.call("kill").fails(125).mentions("stopped").mentions("container not running");
        bundle.call("delete").ok();
        bundle.call("delete").fails(125).mentions(&bundle.id).mentions("does not exist");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn delete_with_force_ends_what_runs() {
    each(|ground| {
        for started in [false, true] {
            let bundle = Bundle::new(ground, "force", "exec sleep 1000");
            bundle.create(&[]).ok();
            let pid = bundle.pid();
            if started {
                bundle.call("start").ok();
            }
            bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
            bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
            wait_for_end(pid);
            ground.assert_clean();
        }
    });
}

#[test]
fn signals_by_name_and_number_reach_the_command() {
    each(|ground| {
        let script = "for s in HUP INT USR1; do trap \"echo $s\" $s; done; trap 'echo end; exit' TERM; \
                      echo ready >&2; while :; do sleep 1000 & wait $!; done";
        let bundle = Bundle::new(ground, "signals", script);
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        bundle.call("start").ok();
        busy_wait(|| bundle.written("err").contains("ready").then_some(())).expect("it is ready");
        for (at, (signal, word)) in
            [("HUP", "HUP"), ("SIGINT", "INT"), ("10", "USR1")].into_iter().enumerate()
        {
            bundle.oci(&["kill", &bundle.id, signal]).finish().ok();
            let came = || (bundle.written("out").lines().nth(at) == Some(word)).then_some(());
            busy_wait(came).unwrap_or_else(|| panic!("{word} comes: {}", bundle.written("out")));
        }
        bundle.call("kill").ok();
        wait_for_end(pid);
        assert_eq!(bundle.written("out"), "HUP\nINT\nUSR1\nend\n");
        bundle.call("delete").ok();
    });
}

#[test]
fn run_does_it_all_and_hands_on_the_status() {
    each(|ground| {
        let bundle = Bundle::new(ground, "run", "echo $COLOUR; cat; exit 9");
        let call = bundle.oci(&["run", "--bundle", bundle.path.to_str().unwrap(), &bundle.id]);
        let finished = call.in_directory("/".as_ref()).input("passed on\n").finish();
        assert_eq!(finished.ends(9).out, "green\npassed on\n");
        bundle.call("state").fails(125);
        ground.assert_clean();
        bundle.write(&config(ground, "echo ready; exec sleep 1000"));
        let mut running = bundle.oci(&["run", &bundle.id]).start();
        assert_eq!(running.line(), "ready");
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        running.wait().ends(137);
    });
}

#[test]
fn a_second_run_of_a_taken_id_leaves_the_first_alone() {
    each(|ground| {
        let bundle = Bundle::new(ground, "twice", "echo ready; exec sleep 1000");
        let mut first = bundle.oci(&["run", &bundle.id]).start();
        assert_eq!(first.line(), "ready");
        let pid = bundle.pid();
        bundle.call("run").fails(125).mentions(&bundle.id);
        assert_eq!((bundle.status().as_str(), bundle.pid()), ("running", pid));
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        first.wait().ends(137);
        ground.assert_clean();
    });
}

#[test]
fn a_run_deletes_what_it_made_and_not_what_came_after_it() {
    each(|ground| {
        let bundle = Bundle::new(ground, "after", "echo ready; exec sleep 1000");
        let mut first = bundle.oci(&["run", &bundle.id]).start();
        assert_eq!(first.line(), "ready");
        // Refused when `first` has let go of the container.
        bundle.call("start").fails(125).mentions("running");
        // It is stopped, so that it sees the end of its container when there is another one.
        first.signal(Signal::STOP.as_raw());
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        first.signal(Signal::CONT.as_raw());
        first.wait().ends(137);
        assert_eq!((bundle.status().as_str(), bundle.pid()), ("created", pid));
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        ground.assert_clean();
    });
}

#[test]
fn a_command_that_cannot_be_executed_is_said_at_the_start() {
    each(|ground| {
        for (command, status) in [("/no/such/command", 127), ("/etc/passwd", 126)] {
            let bundle = Bundle::new(ground, "missing", "");
            let mut config = config(ground, "");
            config["process"] = process(&[command]);
            bundle.write(&config);
            bundle.call("run").fails(status).mentions(command);
            ground.assert_clean();
        }
    });
}

#[test]
fn a_start_whose_command_never_ran_is_an_error() {
    each(|ground| {
        let bundle = Bundle::new(ground, "killed", "echo ran");
        bundle.create(&[]).ok();
        // Stopped, it neither takes the start nor ends by itself.
        let pid = bundle.pid();
        bundle.oci(&["kill", &bundle.id, "STOP"]).finish().ok();
        let starting = bundle.oci(&["start", &bundle.id]).start();
        let written = || (bundle.status() == "running").then_some(());
        busy_wait(written).expect("the start is under way");
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        starting.finish().fails(125).mentions("ended before it was executed");
        wait_for_end(pid);
        assert_eq!((bundle.status().as_str(), bundle.written("out").as_str()), ("stopped", ""));
        bundle.call("delete").ok();
    });
}

#[test]
fn a_signal_that_comes_before_the_start_is_the_command_s() {
    each(|ground| {
        let bundle = Bundle::new(ground, "early", "exec sleep 1000");
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        bundle.oci(&["kill", &bundle.id, "TERM"]).finish().ok();
        bundle.call("start").ok();
        wait_for_end(pid);
        bundle.call("delete").ok();
    });
}

#[test]
fn a_limit_that_leaves_no_room_for_the_start_is_refused() {
    each(|ground| {
        let bundle = Bundle::new(ground, "narrow", "true");
        let mut narrow = config(ground, "true");
        narrow["process"]["rlimits"] = json!([{ "type": "RLIMIT_NOFILE", "soft": 3, "hard": 3 }]);
        bundle.write(&narrow);
        bundle.create(&[]).ends(125);
        assert!(bundle.written("err").contains("RLIMIT_NOFILE"), "{}", bundle.written("err"));
        bundle.call("state").fails(125);
        ground.assert_clean();
    });
}

/// Those of the start are counted, so that it is not the start that fails.
#[test]
fn a_limit_that_is_taken_leaves_room_for_a_hook() {
    each(|ground| {
        for (filtered, least) in [(false, 15), (true, 18)] {
            let bundle = Bundle::new(ground, "hooked", "true");
            let create = |limit: u32| {
                let mut narrow = config(ground, "exec sleep 1000");
                narrow["process"]["rlimits"] =
                    json!([{ "type": "RLIMIT_NOFILE", "soft": limit, "hard": limit }]);
                narrow["hooks"] = json!({ "startContainer": [{ "path": "/bin/true" }] });
                if filtered {
                    narrow["process"]["noNewPrivileges"] = true.into();
                    narrow["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW" });
                }
                bundle.write(&narrow);
                bundle.create(&[])
            };
            create(least - 1).ends(125);
            assert!(bundle.written("err").contains(&format!("{least} or more")), "{}", bundle.written("err"));
            create(least).ok();
            bundle.call("start").ok();
            bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        }
    });
}

#[test]
fn a_run_that_fails_leaves_a_container_of_its_name_alone() {
    each(|ground| {
        let bundle = Bundle::new(ground, "namesake", "exec sleep 1000");
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let pid = bundle.pid();
        ground.sh(&["--name", &bundle.id], "true").finish().fails(125).mentions(&bundle.id);
        ground.sh(&["--name", &bundle.id, "--workdir", "relative"], "true").finish().fails(125);
        assert_eq!((bundle.status().as_str(), bundle.pid()), ("running", pid));
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
    });
}

#[test]
fn exec_runs_a_process_that_is_written_as_json() {
    each(|ground| {
        let bundle = Bundle::new(ground, "outer", "exec sleep 1000");
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let script = "echo $COLOUR; readlink /proc/self/ns/pid; exit 6";
        ground.new_file("outer/process.json", process(&["/bin/sh", "-c", script]).to_string());
        let call = bundle.oci(&["exec", "--process", "process.json", "--pid-file", "further", &bundle.id]);
        let finished = call.finish();
        let links = links_of(bundle.pid());
        assert_eq!(finished.ends(6).out, format!("green\n{}\n", links["pid"]));
        assert!(read_pid(&bundle.path.join("further")) > 0);
        ground.new_file("outer/process.json", "{");
        bundle.oci(&["exec", "--process", "process.json", &bundle.id]).finish().fails(125);
        // It has no end.
        bundle.oci(&["exec", "--process", "/dev/zero", &bundle.id]).finish().fails(125).mentions("/dev/zero");
        bundle
            .oci(&["exec", "--process", "nowhere.json", &bundle.id])
            .finish()
            .fails(125)
            .mentions("nowhere");
        bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        ground.new_file("outer/process.json", process(&["/bin/true"]).to_string());
        bundle.oci(&["exec", "--process", "process.json", &bundle.id]).finish().fails(125);
    });
}

#[test]
fn list_has_each_with_its_status() {
    each(|ground| {
        let first = Bundle::new(ground, "first", "exec sleep 1000");
        let second = Bundle::new(ground, "second", "exec sleep 1000");
        assert_eq!(first.oci(&["list", "-q"]).finish().ok(), "");
        first.create(&[]).ok();
        second.create(&[]).ok();
        second.call("start").ok();
        let ids = first.oci(&["list", "--quiet"]).finish().ok();
        assert_eq!(ids, format!("{}\n{}", first.id, second.id));
        let text = first.oci(&["list", "--format", "json"]).finish().ok();
        let listed: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(listed, [first.state(), second.state()]);
        let table = first.oci(&["list"]).finish().ok();
        let row = table.lines().find(|line| line.starts_with(&second.id)).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words[1..4], [&second.pid().to_string(), "running", second.path.to_str().unwrap()]);
        for bundle in [first, second] {
            bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        }
    });
}

#[test]
fn states_are_kept_where_root_says() {
    each(|ground| {
        let bundle = Bundle::new(ground, "elsewhere", "exec sleep 1000");
        let root = ground.new_directory("states");
        std::fs::set_permissions(&root, PermissionsExt::from_mode(0o700)).unwrap();
        let root = root.to_str().unwrap();
        let call = bundle.oci(&["--root", root, "create", &bundle.id]);
        call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish().ok();
        bundle.call("state").fails(125);
        let state = bundle.oci(&["--root", root, "state", &bundle.id]).finish().ok();
        assert!(state.contains("created"), "{state}");
        bundle.oci(&["--root", root, "delete", "--force", &bundle.id]).finish().ok();
        bundle.oci(&["--root", root, "state", &bundle.id]).finish().fails(125);
    });
}

#[test]
fn a_bundle_that_is_none_is_refused() {
    each(|ground| {
        let bundle = Bundle::new(ground, "broken", "");
        bundle
            .oci(&["run", "--bundle", "/no/such/bundle", &bundle.id])
            .finish()
            .fails(125)
            .mentions("/no/such/bundle");
        ground.new_file("broken/config.json", "{ not json");
        bundle.call("run").fails(125).mentions("config.json");
        let mut without = config(ground, "true");
        without["root"]["path"] = "nowhere".into();
        bundle.write(&without);
        bundle.call("run").fails(125).mentions("nowhere");
        ground.assert_clean();
    });
}
