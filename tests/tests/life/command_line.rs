//! `holm-runtime`: the command line that engines call.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Ground, own_runtime};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Value, json};

const WAIT: &str = "echo ready; exec sleep 1000";

fn each(test: impl Fn(&Ground)) {
    if own_runtime("holm-runtime") {
        Ground::each(test);
    }
}

/// A container that runs until it is deleted.
fn running<'a>(ground: &'a Ground, word: &str) -> Bundle<'a> {
    let bundle = Bundle::new(ground, word, WAIT);
    bundle.create(&[]).ok();
    bundle.runtime(&["start", &bundle.id]).finish().ok();
    bundle
}

fn delete(bundle: &Bundle<'_>) {
    bundle.runtime(&["delete", "--force", &bundle.id]).finish().ok();
}

#[test]
fn options_stand_before_and_after_the_id() {
    each(|ground| {
        let bundle = Bundle::new(ground, "order", "exit 3");
        let path = bundle.path.to_str().unwrap();
        ground.holm_runtime(["run", "--bundle", path, &bundle.id]).finish().ends(3);
        ground.holm_runtime(["run", &bundle.id, "--bundle", path]).finish().ends(3);
        let told = ground.holm_runtime(["--debug", "run", "-b", path, &bundle.id]).finish();
        assert!(told.ends(3).err.contains("hostname"), "{}", told.err);
    });
}

#[test]
fn a_container_is_without_a_cgroup_where_that_is_said() {
    each(|ground| {
        let bundle = Bundle::new(ground, "rootless", "exit 3");
        for word in ["--rootless=true", "--rootless=auto"] {
            bundle.runtime(&[word, "run", &bundle.id]).finish().ends(3);
        }
        let demanded = bundle.runtime(&["--rootless=false", "run", &bundle.id]).finish();
        // The tests' user has none delegated.
        if ground.is_root() {
            demanded.ends(3)
        } else {
            demanded.ends(1)
        };
        let told = bundle.runtime(&["--criu", "/x", "run", &bundle.id]).finish();
        assert!(told.ends(3).err.contains("--criu does nothing"), "{told:?}");
    });
}

#[test]
fn what_failed_is_in_the_log_as_engines_read_it() {
    each(|ground| {
        let bundle = Bundle::new(ground, "log", "true");
        let mut config = config(ground, "true");
        config["process"]["args"] = json!(["no-such-program"]);
        bundle.write(&config);
        let log = bundle.path.join("log");
        let words = ["--log", log.to_str().unwrap(), "--log-format", "json", "run", &bundle.id];
        bundle.runtime(&words).finish().fails(1).mentions("no-such-program");
        let text = bundle.written("log");
        let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(line["level"], "error");
        let message = line["msg"].as_str().unwrap();
        assert!(
            message.contains("no-such-program") && message.contains("executable file not found in $PATH")
        );
        bundle.runtime(&["state", &bundle.id]).finish().fails(1);
    });
}

#[test]
fn exec_takes_the_process_of_the_container_but_for_what_is_said() {
    each(|ground| {
        let bundle = running(ground, "exec");
        let exec = |options: &[&str], script: &str| {
            let words = [&["exec"], options, &[&bundle.id, "/bin/sh", "-c", script]].concat();
            bundle.runtime(&words).finish().ok()
        };
        assert_eq!(exec(&[], "echo $COLOUR; pwd"), "green\n/");
        assert_eq!(exec(&["--env", "COLOUR=red", "--cwd", "/bin"], "echo $COLOUR; pwd"), "red\n/bin");
        let count = exec(&["-e", "COLOUR=red", "-e", "COLOUR=blue"], "env | grep COLOUR");
        assert_eq!(count, "COLOUR=blue");
        let sets = "grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status | tr -d '\\t\\n'";
        let none = "0".repeat(16);
        let killing = format!("{:016x}", 1 << 5);
        assert_eq!(exec(&[], sets), format!("CapEff:{none}CapBnd:{none}NoNewPrivs:0"));
        let with = exec(&["--cap", "CAP_KILL", "--no-new-privs"], sets);
        assert_eq!(with, format!("CapEff:{killing}CapBnd:{killing}NoNewPrivs:1"));
        if ground.is_root() {
            assert_eq!(exec(&["--user", "12:34", "-g", "56,78"], "id -u; id -g; id -G"), "12\n34\n34 56 78");
        }
        bundle.runtime(&["exec", &bundle.id, "/bin/sh", "-c", "exit 7"]).finish().ends(7);
        bundle.runtime(&["exec", &bundle.id, "no-such-program"]).finish().fails(255);
        bundle.runtime(&["exec", "--user=-1", &bundle.id, "id"]).finish().fails(1).mentions("not an id");
        delete(&bundle);
    });
}

#[test]
fn a_process_of_a_created_container_can_be_executed() {
    each(|ground| {
        let bundle = Bundle::new(ground, "early", "exit 0");
        bundle.create(&[]).ok();
        let out = bundle.runtime(&["exec", &bundle.id, "/bin/sh", "-c", "hostname"]).finish().ok();
        assert_eq!(out, "islet");
        delete(&bundle);
    });
}

#[test]
fn descriptors_are_handed_on_by_number_and_no_others() {
    each(|ground| {
        let bundle = Bundle::new(ground, "fds", "cat <&3; ls /proc/self/fd | tr '\\n' ' '");
        let through = ["/bin/sh", "-c", "echo given >f; exec 3<f 4<f 5<f; exec \"$0\" \"$@\" </dev/null"];
        let run =
            |number: &str| bundle.runtime(&["run", "--preserve-fds", number, &bundle.id]).through(&through);
        let out = run("2").finish().ok();
        assert!(out.starts_with("given\n0 1 2 3 4 "), "{out}");
        assert!(!out.contains(" 5 6"), "{out}");
        let out = run("99").finish().ok();
        assert!(out.contains(" 3 4 5 "), "those that are open: {out}");
    });
}

#[test]
fn sockets_that_were_opened_for_the_runtime_are_the_container_s() {
    each(|ground| {
        let bundle = Bundle::new(ground, "listen", "");
        let script = "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES $(env | grep -c LISTEN_FDS); cat <&3";
        let mut listens = config(ground, script);
        listens["process"]["env"].as_array_mut().unwrap().push("LISTEN_FDS=7".into());
        bundle.write(&listens);
        let run = |variables: &str| {
            let opened = format!("echo given >f; exec 3<f; {variables} exec \"$0\" \"$@\" </dev/null");
            bundle.runtime(&["run", &bundle.id]).through(&["/bin/sh", "-c", &opened]).finish()
        };
        assert_eq!(run("LISTEN_FDS=1").ok(), "1 1 1\ngiven");
        assert_eq!(run("LISTEN_FDNAMES=web LISTEN_PID=$$ LISTEN_FDS=1").ok(), "1 1 web 1\ngiven");
        // More than there are, and those of another process.
        assert_eq!(run("LISTEN_FDS=3").ok(), "1 1 1\ngiven");
        let others = run("LISTEN_PID=1 LISTEN_FDS=1");
        assert!(others.out.starts_with("7 1\n") && !others.out.contains("given"), "{others:?}");
    });
}

fn descriptor(connection: &UnixStream) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 64];
    recvmsg(connection, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let Some(RecvAncillaryMessage::ScmRights(mut rights)) = control.drain().next() else {
        panic!("no descriptor")
    };
    rights.next().unwrap()
}

#[test]
fn who_asks_for_it_gets_a_pidfd() {
    each(|ground| {
        let bundle = Bundle::new(ground, "pidfd", "exit 0");
        let path = bundle.path.join("pidfd.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(ground.uid()), None).unwrap();
        bundle.create(&["--pidfd-socket", path.to_str().unwrap()]).ok();
        let (connection, _) = listener.accept().unwrap();
        let fd = descriptor(&connection);
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()));
        let line = format!("Pid:\t{}\n", bundle.pid());
        assert!(info.unwrap().contains(&line), "{line}");
        delete(&bundle);
    });
}

#[test]
fn a_regular_expression_stands_for_several() {
    each(|ground| {
        let bundles = ["rx1", "rx2"].map(|word| running(ground, word));
        let mark = bundles[0].id.strip_suffix("rx1").unwrap().to_owned();
        let pattern = format!("^{mark}rx[12]$");
        let pids = bundles.each_ref().map(Bundle::pid);
        ground.holm_runtime(["kill", "--regex", &pattern, "KILL"]).finish().ok();
        pids.into_iter().for_each(super::wait_for_end);
        ground.holm_runtime(["delete", "--force", "--regex", &pattern]).finish().ok();
        bundles.iter().for_each(|bundle| _ = bundle.call("state").fails(125));
        ground.holm_runtime(["delete", "--regex", "("]).finish().fails(1).mentions("regular expression");
    });
}

#[test]
fn a_run_that_is_detached_or_kept_is_there_afterwards() {
    each(|ground| {
        let bundle = Bundle::new(ground, "detached", WAIT);
        let through = ["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"];
        bundle.runtime(&["run", "--detach", &bundle.id]).through(&through).finish().ok();
        assert_eq!(bundle.status(), "running");
        delete(&bundle);
        bundle.write(&config(ground, "exit 4"));
        bundle.runtime(&["run", "--keep", &bundle.id]).finish().ends(4);
        assert_eq!(bundle.status(), "stopped");
        delete(&bundle);
    });
}

#[test]
fn groups_are_kept_where_an_annotation_says_so() {
    each(|ground| {
        if !ground.is_root() {
            return;
        }
        let bundle = Bundle::new(ground, "groups", "true");
        let mut config = config(ground, "grep Groups: /proc/self/status");
        let through = ["/usr/bin/setpriv", "--groups", "7,8,9"];
        let run = || bundle.runtime(&["run", &bundle.id]).through(&through).finish().ok();
        bundle.write(&config);
        assert_eq!(run(), "Groups:");
        config["annotations"]["run.oci.keep_original_groups"] = json!("1");
        bundle.write(&config);
        assert_eq!(run(), "Groups:\t7 8 9");
    });
}

#[test]
fn the_root_is_moved_where_it_cannot_be_pivoted() {
    each(|ground| {
        let bundle = Bundle::new(
            ground,
            "moved",
            "ls -d /bin; cd /..; pwd; cut -d ' ' -f 5 /proc/self/mountinfo | head -n 1",
        );
        let out = bundle.runtime(&["run", "--no-pivot", &bundle.id]).finish().ok();
        assert_eq!(out, "/bin\n/\n/");
    });
}

#[test]
fn the_plan_is_printed_and_nothing_made() {
    each(|ground| {
        let bundle = Bundle::new(ground, "plan", "true");
        let text = bundle.runtime(&["create", "--dry-run", &bundle.id]).finish().ok();
        assert!(text.contains("islet"), "{text}");
        let plan = bundle.runtime(&["run", "--dry-run=json", &bundle.id]).finish().ok();
        let plan: Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(plan["id"], bundle.id);
        bundle.runtime(&["state", &bundle.id]).finish().fails(1);
    });
}

#[test]
fn the_template_makes_a_container() {
    each(|ground| {
        let bundle = Bundle::new(ground, "template", "true");
        let mine = bundle.path.join("mine");
        let ordinary = if ground.is_root() { &[][..] } else { &["--rootless"] };
        bundle.runtime(&[&["spec"], ordinary].concat()).finish().fails(1).mentions("config.json");
        ground.holm_runtime(["spec", "--bundle", mine.to_str().unwrap()]).finish().fails(1);
        std::fs::remove_file(bundle.path.join("config.json")).unwrap();
        bundle.runtime(&[&["spec"], ordinary].concat()).finish().ok();
        let mut config: Value = serde_json::from_str(&bundle.written("config.json")).unwrap();
        config["root"]["path"] = json!(ground.rootfs());
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["/bin/sh", "-c", "id -u; hostname"]);
        config["process"]["rlimits"] = json!([]);
        bundle.write(&config);
        assert_eq!(bundle.runtime(&["run", &bundle.id]).finish().ok(), "0\nholm");
    });
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    each(|ground| {
        let bundle = Bundle::new(ground, "verify", "true");
        assert_eq!(bundle.runtime(&["verify"]).finish().ok(), "");
        let mut config = config(ground, "true");
        config["process"]["cwd"] = json!("here");
        config["process"]["user"]["uid"] = json!("root");
        config["mounts"].as_array_mut().unwrap().push(json!({ "destination": "/x", "type": 7 }));
        bundle.write(&config);
        let told = bundle.runtime(&["verify", "--format", "json"]).finish();
        let problems: Value = serde_json::from_str(&told.ends(1).out).unwrap();
        let paths: Vec<&str> =
            problems.as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
        for path in ["process.cwd", "process.user.uid", "mounts[1].type"] {
            assert!(paths.contains(&path), "{path} is not in {paths:?}");
        }
        assert_eq!(paths.len(), 3, "{problems}");
        bundle.runtime(&["create", &bundle.id]).finish().fails(1).mentions("config.json: ");
        bundle.runtime(&["state", &bundle.id]).finish().fails(1);
    });
}

#[test]
fn what_is_not_there_yet_says_so() {
    each(|ground| {
        ground.holm_runtime(["checkpoint", "--image-path", "x", "id"]).finish().fails(1).mentions("yet");
        ground.holm_runtime(["restore", "id"]).finish().fails(1).mentions("yet");
    });
}
