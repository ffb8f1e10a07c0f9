//! Hooks: which programs run when, where, with what, and what becomes of a container whose hook fails.

use std::path::PathBuf;

use holm_tests::bundle::{Bundle, config, read_pid};
use holm_tests::{Ground, host_links, is_root, links_of, own_runtime};
use serde_json::{Value, json};

use crate::wait_for_end;

const KINDS: [&str; 6] =
    ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];

fn each(test: impl Fn(&Ground)) {
    if own_runtime("how hooks run") {
        Ground::each(test);
    }
}

/// A shell that runs `script` with these words.
fn shell(script: &str, words: &[&str]) -> Value {
    let args: Vec<&str> = ["sh", "-c", script, "hook"].iter().chain(words).copied().collect();
    json!({ "path": "/bin/sh", "args": args, "env": ["PATH=/usr/bin:/bin"] })
}

/// A bundle that its container sees at /notes, for what the hooks inside write.
fn noted<'a>(ground: &'a Ground, word: &str, script: &str) -> (Bundle<'a>, Value) {
    let bundle = Bundle::new(ground, word, script);
    let mut config = config(ground, script);
    let notes =
        json!({ "destination": "/notes", "type": "bind", "source": bundle.path, "options": ["bind"] });
    config["mounts"].as_array_mut().unwrap().push(notes);
    (bundle, config)
}

/// Hooks of each kind, each of which writes its kind, and what `what` prints, into the file `notes`.
fn noting(bundle: &Bundle<'_>, what: &str) -> Value {
    let script = format!("echo \"$2 $({what})\" >> $1/notes");
    let place = |kind: &str| if kind == "startContainer" { "/notes" } else { bundle.path.to_str().unwrap() };
    let hook = |kind: &str| (kind.to_owned(), json!([shell(&script, &[place(kind), kind])]));
    KINDS.into_iter().map(hook).collect::<serde_json::Map<_, _>>().into()
}

fn kinds(notes: &str) -> Vec<String> {
    notes.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn all_six_run_in_their_order_and_around_the_command() {
    each(|ground| {
        for init in ["false", "true"] {
            let (bundle, mut config) =
                noted(ground, &format!("order-{init}"), "echo command >> /notes/notes; exec sleep 1000");
            config["annotations"]["holm.init"] = init.into();
            config["hooks"] = noting(&bundle, "true");
            // Two of a kind run in the order of their list.
            let second = shell("echo second >> $1/notes", &[bundle.path.to_str().unwrap()]);
            config["hooks"]["createRuntime"].as_array_mut().unwrap().push(second);
            bundle.write(&config);
            bundle.create(&[]).ok();
            let made = ["prestart", "createRuntime", "second", "createContainer"];
            assert_eq!(kinds(&bundle.written("notes")), made, "init {init}");
            assert_eq!(bundle.status(), "created");
            let pid = bundle.pid();
            bundle.call("start").ok();
            let mut notes = kinds(&bundle.written("notes"));
            // The command and the hook behind it run side by side.
            holm_tests::busy_wait(|| {
                notes = kinds(&bundle.written("notes"));
                notes.contains(&"command".to_owned()).then_some(())
            })
            .expect("the command runs");
            assert_eq!(notes[4], "startContainer", "init {init}: {notes:?}");
            notes[5..].sort();
            assert_eq!(notes[5..], ["command", "poststart"], "init {init}");
            bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
            wait_for_end(pid);
            assert_eq!(kinds(&bundle.written("notes")).len(), 7);
            bundle.call("delete").ok();
            assert_eq!(kinds(&bundle.written("notes")).last().unwrap(), "poststop");
        }
    });
}

#[test]
fn run_runs_them_all_too() {
    each(|ground| {
        let (bundle, mut config) = noted(ground, "run", "cat; exit 7");
        config["hooks"] = noting(&bundle, "true");
        bundle.write(&config);
        // The command ends when its input does: not before the hooks have run.
        bundle.oci(&["run", &bundle.id]).input("passed on\n").finish().ends(7);
        assert_eq!(kinds(&bundle.written("notes")), KINDS);
    });
}

#[test]
fn the_state_is_on_standard_input_as_it_is_at_that_point() {
    each(|ground| {
        let (bundle, mut config) = noted(ground, "state", "exec sleep 1000");
        config["hooks"] = noting(&bundle, "cat");
        bundle.write(&config);
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        bundle.call("start").ok();
        bundle.oci(&["kill", &bundle.id, "KILL"]).finish().ok();
        wait_for_end(pid);
        bundle.call("delete").ok();
        let statuses = ["creating", "creating", "creating", "created", "running", "stopped"];
        // Who runs in the container knows its process by the number that it has there.
        let pids = [Some(pid), Some(pid), Some(1), Some(1), Some(pid), None];
        let notes = bundle.written("notes");
        for ((line, status), pid) in notes.lines().zip(statuses).zip(pids) {
            let (kind, state) = line.split_once(' ').unwrap();
            let state: Value = serde_json::from_str(state).unwrap();
            let mut expected = json!({
                "ociVersion": "1.2.0", "id": bundle.id, "status": status, "bundle": bundle.path,
                "annotations": config["annotations"],
            });
            if let Some(pid) = pid {
                expected["pid"] = pid.into();
            }
            assert_eq!(state, expected, "{kind}");
        }
        assert_eq!(notes.lines().count(), 6);
    });
}

/// Root of the container whose namespace it is could do to them what it wants.
#[test]
fn those_of_the_runtime_are_not_in_a_pid_namespace_that_was_joined() {
    let Some(ground) = Ground::root().filter(|_| own_runtime("where hooks run")) else { return };
    let other = Bundle::new(&ground, "other", "exec sleep 1000");
    other.create(&[]).ok();
    let (bundle, mut config) = noted(&ground, "joining", "exit 0");
    config["hooks"] = noting(&bundle, "readlink /proc/self/ns/pid");
    let joined = format!("/proc/{}/ns/pid", other.pid());
    let kinds = config["linux"]["namespaces"].as_array_mut().unwrap();
    kinds.retain(|namespace| namespace["type"] != "pid");
    kinds.push(json!({ "type": "pid", "path": joined }));
    bundle.write(&config);
    bundle.run().ok();
    let link = |path: &str| std::fs::read_link(path).unwrap().to_str().unwrap().to_owned();
    let (own, joined) = (link("/proc/self/ns/pid"), link(&joined));
    for line in bundle.written("notes").lines() {
        let (kind, namespace) = line.split_once(' ').unwrap();
        let inside = ["createContainer", "startContainer"].contains(&kind);
        assert_eq!(namespace, if inside { &joined } else { &own }, "{kind}");
    }
    assert_eq!(bundle.written("notes").lines().count(), 6);
    other.oci(&["delete", "-f", &other.id]).finish().ok();
}

#[test]
fn each_is_in_the_namespaces_that_the_specification_says() {
    each(|ground| {
        let (bundle, mut config) = noted(ground, "spaces", "exec sleep 1000");
        let links = "for kind in mnt pid uts; do readlink /proc/self/ns/$kind; done; pwd; test -e /notes && echo inside";
        config["hooks"] = noting(&bundle, &format!("echo $({links})"));
        bundle.write(&config);
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        let of_container = if is_root() { Some(links_of(pid)) } else { None };
        bundle.call("start").ok();
        bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
        let notes = bundle.written("notes");
        let host = host_links();
        let words = |kind: &str| -> Vec<String> {
            let line = notes.lines().find(|line| line.starts_with(kind)).unwrap();
            line.split(' ').skip(1).map(str::to_owned).collect()
        };
        let three =
            |links: &holm_tests::Links| ["mnt", "pid", "uts"].map(|kind| links[kind].clone()).to_vec();
        for kind in ["prestart", "createRuntime", "poststart", "poststop"] {
            let words = words(kind);
            assert_eq!(
                (&words[..3], words[3].as_str()),
                (&three(&host)[..], bundle.path.to_str().unwrap()),
                "{kind}"
            );
        }
        for kind in ["createContainer", "startContainer"] {
            let words = words(kind);
            assert_ne!(words[..3], three(&host), "{kind}");
            of_container.iter().for_each(|links| assert_eq!(words[..3], three(links), "{kind}"));
        }
        // The root is whole, but it is not entered yet: the program and its paths are the host's.
        assert_eq!(words("createContainer")[3..], [ground.rootfs().to_str().unwrap()]);
        assert_eq!(words("startContainer")[3..], ["/", "inside"]);
    });
}

#[test]
fn a_hook_may_still_mount_into_a_root_that_will_be_read_only() {
    each(|ground| {
        let (bundle, mut config) = noted(ground, "mount", "cat /made /etc/hidden 2>&1; mkdir /no 2>&1");
        config["root"]["readonly"] = true.into();
        config["linux"]["maskedPaths"] = json!(["/etc/hidden"]);
        let script = "echo shown > made; echo secret > etc/hidden; mount -t tmpfs none tmp";
        config["hooks"] =
            json!({ "createContainer": [shell(script, &[])], "createRuntime": [shell("exit 0", &[])] });
        bundle.write(&config);
        let out = bundle.oci(&["run", &bundle.id]).finish().out;
        assert!(out.starts_with("shown\n") && out.contains("Read-only") && !out.contains("secret"), "{out}");
    });
}

#[test]
fn arguments_and_environment_are_given_exactly() {
    each(|ground| {
        let bundle = Bundle::new(ground, "words", "exit 0");
        let mut config = config(ground, "exit 0");
        let script = "printf '%s|' \"$0\" \"$@\" > words; tr '\\0' '|' < /proc/$$/environ > env; \
                      ls /proc/$$/fd | tr '\\n' ' ' > fds; umask > umask";
        config["hooks"] = json!({ "createRuntime": [
            { "path": "/bin/sh", "args": ["own name", "-c", script, "a b", "", "c"] },
            { "path": "/bin/sh", "args": ["sh", "-c", "tr '\\0' '|' < /proc/$$/environ > env2"], "env": ["A=b", "C=d e"] },
            { "path": "/bin/true" },
        ] });
        bundle.write(&config);
        bundle.oci(&["run", &bundle.id]).env("OF_THE_CALLER", "1").finish().ok();
        assert_eq!(bundle.written("words"), "a b||c|");
        assert_eq!(bundle.written("env"), "", "nothing of the caller's");
        assert_eq!(bundle.written("env2"), "A=b|C=d e|");
        let fds = bundle.written("fds");
        assert!(fds.starts_with("0 1 2 ") && fds.split_whitespace().count() <= 4, "{fds}");
        assert_eq!(bundle.written("umask").trim(), "0022");
    });
}

/// A container of which nothing may be left when its hook `kind` fails.
fn failing(ground: &Ground, kind: &str, hook: &Value) -> (String, PathBuf) {
    let (bundle, mut config) =
        noted(ground, &format!("failing-{kind}"), "echo command >> /notes/notes; exec sleep 1000");
    config["hooks"] = noting(&bundle, "true");
    let list = config["hooks"][kind].as_array_mut().unwrap();
    list.push(hook.clone());
    list.push(shell("echo after >> $1/notes", &[bundle.path.to_str().unwrap()]));
    bundle.write(&config);
    let created = bundle.create(&[]);
    let told = if kind.starts_with("create") || kind == "prestart" {
        created.ends(125);
        bundle.written("err")
    } else {
        created.ok();
        bundle.call("start").ends(125).err.clone()
    };
    bundle.call("state").fails(125).mentions(&bundle.id);
    ground.assert_clean();
    (told, bundle.path)
}

#[test]
fn a_hook_that_fails_takes_the_container_along() {
    each(|ground| {
        for (place, kind) in KINDS.into_iter().enumerate().take(5) {
            let (told, bundle) = failing(ground, kind, &shell("echo why not >&2; exit 3", &[]));
            for word in [
                format!("hooks.{kind}[1]"),
                format!("error running {kind} hook #1: exit status 3"),
                "why not".into(),
            ] {
                assert!(told.contains(&word), "{word} in {told}");
            }
            let mut ran: Vec<&str> = KINDS.into_iter().take(place + 1).collect();
            ran.push("poststop");
            let notes = std::fs::read_to_string(bundle.join("notes")).unwrap();
            let notes: Vec<String> = kinds(&notes).into_iter().filter(|word| word != "command").collect();
            assert_eq!(notes, ran, "those before, none after, and the last for what is gone");
        }
    });
}

#[test]
fn run_fails_as_create_and_start_do() {
    each(|ground| {
        for kind in KINDS.into_iter().take(5) {
            let bundle = Bundle::new(ground, "run", "exec sleep 1000");
            let mut config = config(ground, "exec sleep 1000");
            config["hooks"] = json!({
                kind: [{ "path": "/bin/false" }],
                "poststop": [shell("echo gone > gone", &[])],
            });
            bundle.write(&config);
            bundle.oci(&["run", &bundle.id]).finish().fails(125).mentions(&format!("hooks.{kind}[0]"));
            assert_eq!(bundle.written("gone"), "gone\n", "{kind}");
            bundle.call("state").fails(125);
            ground.assert_clean();
        }
    });
}

#[test]
fn what_takes_too_long_is_killed_with_its_children() {
    each(|ground| {
        for kind in ["createRuntime", "createContainer", "startContainer", "poststart"] {
            let place = if kind == "startContainer" { "/notes" } else { "." };
            let mut hook = shell("exec > /dev/null 2>&1; sleep 1000 & echo $! > $1/child; wait", &[place]);
            if kind == "createContainer" {
                hook = shell("exec sleep 1000", &[]);
            }
            hook["timeout"] = 1.into();
            let (told, bundle) = failing(ground, kind, &hook);
            assert!(told.contains("timeout of 1 s") && told.contains(&format!("hooks.{kind}[1]")), "{told}");
            if matches!(kind, "createRuntime" | "poststart") {
                let child = read_pid(&bundle.join("child"));
                let gone = || {
                    let line = std::fs::read_to_string(format!("/proc/{child}/cmdline"));
                    line.map_or(true, |line| !line.contains("1000")).then_some(())
                };
                holm_tests::busy_wait(gone).expect("its child is killed too");
            }
        }
    });
}

#[test]
fn what_cannot_be_executed_says_so() {
    each(|ground| {
        for kind in ["prestart", "createContainer", "startContainer", "poststart"] {
            let (told, _) = failing(ground, kind, &json!({ "path": "/no/such/hook" }));
            assert!(
                told.contains("execve(\"/no/such/hook\"): ENOENT")
                    && told.contains(&format!("hooks.{kind}[1]")),
                "{told}"
            );
            let (told, _) = failing(ground, kind, &shell("kill -9 $$", &[]));
            assert!(told.contains("killed by signal 9"), "{told}");
        }
    });
}

#[test]
fn what_fails_after_the_end_is_told_and_the_others_run() {
    each(|ground| {
        let bundle = Bundle::new(ground, "poststop", "exit 0");
        let mut config = config(ground, "exit 0");
        config["hooks"] = json!({ "poststop": [
            shell("echo sorry >&2; exit 1", &[]), { "path": "/no/such/hook" }, shell("echo ran > third", &[]),
        ] });
        bundle.write(&config);
        bundle.create(&[]).ok();
        let deleted = bundle.oci(&["delete", "-f", &bundle.id]).finish();
        deleted.ok();
        for word in ["hooks.poststop[0]", "sorry", "hooks.poststop[1]", "ENOENT"] {
            assert!(deleted.err.contains(word), "{word} in {}", deleted.err);
        }
        assert_eq!(bundle.written("third"), "ran\n");
        bundle.call("state").fails(125);
    });
}

#[test]
fn who_keeps_the_outputs_open_is_not_waited_for() {
    each(|ground| {
        let bundle = Bundle::new(ground, "daemon", "exit 4");
        let mut config = config(ground, "exit 4");
        let mut hook = shell("setsid sleep 1000 & echo $! > daemon", &[]);
        hook["timeout"] = 30.into();
        config["hooks"] = json!({ "createRuntime": [hook] });
        bundle.write(&config);
        bundle.oci(&["run", &bundle.id]).finish().ends(4);
        let pid = bundle.written("daemon").trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it outlives its hook");
    });
}

#[test]
fn a_hook_may_use_the_container_that_it_belongs_to() {
    each(|ground| {
        let bundle = Bundle::new(ground, "itself", "exec sleep 1000");
        let mut config = config(ground, "exec sleep 1000");
        let holm = ground.path("holm");
        let holm = holm.to_str().unwrap();
        let process =
            ground.new_file("process.json", holm_tests::bundle::process(&["/bin/true"]).to_string());
        let state = format!("{holm} oci state {} > state-$1", bundle.id);
        let exec = format!("{state}; {holm} oci exec -d --process {} {}", process.display(), bundle.id);
        let mut poststart = shell(&exec, &["poststart"]);
        let mut runtime = shell(&state, &["createRuntime"]);
        for hook in [&mut poststart, &mut runtime] {
            let states = format!("XDG_RUNTIME_DIR={}", std::env::var("XDG_RUNTIME_DIR").unwrap_or_default());
            hook["env"].as_array_mut().unwrap().push(states.into());
            hook["timeout"] = 30.into();
        }
        config["hooks"] = json!({ "createRuntime": [runtime], "poststart": [poststart] });
        bundle.write(&config);
        if !ground.is_root() {
            return;
        }
        bundle.create(&[]).ok();
        bundle.call("start").ok();
        let status = |kind: &str| -> Value {
            serde_json::from_str(&bundle.written(&format!("state-{kind}"))).unwrap()
        };
        assert_eq!(status("createRuntime")["status"], "creating");
        assert_eq!(status("poststart")["status"], "running");
        bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    });
}

#[test]
fn what_is_wrong_with_a_hook_is_said_before_anything_is_made() {
    each(|ground| {
        let bundle = Bundle::new(ground, "wrong", "exit 0");
        for (hook, word) in [
            (json!({ "path": "bin/true" }), "hooks.poststart[0].path"),
            (json!({ "path": "/bin/true", "timeout": 0 }), "hooks.poststart[0].timeout"),
        ] {
            let mut config = config(ground, "exit 0");
            config["hooks"] = json!({ "poststart": [hook], "createRuntime": [shell("echo ran > ran", &[])] });
            bundle.write(&config);
            bundle.oci(&["run", &bundle.id]).finish().fails(125).mentions(word);
            assert!(!bundle.path.join("ran").exists());
        }
    });
}
