//! `holm exec`: a further command is where the first one is.

use holm_tests::{Ground, LINKS, is_root, links_of};

use crate::{sleeper, wait_for_end};

#[test]
fn it_has_all_eight_namespaces_of_the_container() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let options = ["--userns", "auto", "--name", &name];
        let running = ground.sh(&options, "/bin/witness namespaces; echo ready; cat").start();
        let first = running.until("ready\n");
        let out = ground.holm(["exec", &name, "/bin/witness", "namespaces"]).finish().ok();
        assert_eq!(format!("{out}\nready\n"), first);
        assert_eq!(out.lines().count(), LINKS.len());
        // An ordinary user may not look at the links of an init.
        if is_root() {
            let outside = links_of(ground.pid_of(&name));
            let outside: Vec<String> = outside.iter().map(|(kind, id)| format!("{kind} {id}")).collect();
            assert_eq!(out.lines().collect::<Vec<_>>(), outside);
        }
        running.finish().ok();
    });
}

#[test]
fn it_is_in_the_cgroup_of_the_container() {
    let Some(ground) = Ground::root() else { return };
    let name = ground.name("outer");
    let running = sleeper(&ground, &name, &[]);
    let script = "cat /proc/self/cgroup; echo ready; cat";
    let further = ground.holm(["exec", &name, "/bin/sh", "-c", script]).start();
    let inside = further.until("ready\n");
    let lines: Vec<&str> = inside.lines().filter(|line| line.contains(':')).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.ends_with(":/")), "{inside}");
    let cgroup = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = cgroup(ground.pid_of(&name));
    assert!(own.contains(&name), "{own}");
    further.finish().ok();
    running.finish().ok();
}

#[test]
fn its_processes_are_seen_in_the_container() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &[]);
        let out = ground.holm(["exec", &name, "/bin/ps", "-o", "args"]).finish().ok();
        assert!(out.lines().any(|line| line == "cat"), "the container's own command: {out}");
        running.finish().ok();
    });
}

#[test]
fn it_ends_with_the_container() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &[]);
        let mut further =
            ground.holm(["exec", &name, "/bin/sh", "-c", "echo ready; exec sleep 1000"]).start();
        assert_eq!(further.line(), "ready");
        running.finish().ok();
        further.wait().ends(137);
    });
}

#[test]
fn standard_streams_pass_through() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &[]);
        let call = ground.holm(["exec", &name, "/bin/sh", "-c", "cat; echo to the other >&2"]);
        let finished = call.input("through").finish();
        assert_eq!((finished.ok().as_str(), finished.err.as_str()), ("through", "to the other\n"));
        running.finish().ok();
    });
}

#[test]
fn signals_reach_its_command_and_not_the_container_s() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let mut running = sleeper(ground, &name, &[]);
        let further = ground.holm(["exec", &name, "/bin/witness", "signals"]).start();
        assert_eq!(further.line(), "ready");
        for number in [1, 2, 10, 15] {
            further.signal(number);
            assert_eq!(further.line(), number.to_string());
        }
        further.finish().ok();
        running.say("still here\n");
        assert_eq!(running.line(), "still here");
        running.finish().ok();
    });
}

#[test]
fn the_exit_status_is_the_command_s_or_says_why_there_was_none() {
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = sleeper(ground, &name, &[]);
        let exec = |words: &[&str]| ground.holm(["exec", &name]).words(words).finish();
        exec(&["/bin/sh", "-c", "exit 7"]).ends(7);
        exec(&["/bin/sh", "-c", "kill -9 $$"]).ends(137);
        exec(&["/bin/sh", "-c", "kill -15 $$"]).ends(143);
        exec(&["/no/such/command"]).fails(127).mentions("/no/such/command");
        exec(&["no-such-command"]).fails(127).mentions("no-such-command");
        exec(&["/etc/passwd"]).fails(126).mentions("/etc/passwd");
        exec(&["/etc"]).fails(126).mentions("/etc");
        running.finish().ok();
    });
}

#[test]
fn there_is_none_in_a_container_that_is_not_there() {
    Ground::each(|ground| {
        let (name, other) = (ground.name("ended"), ground.name("other"));
        let running = sleeper(ground, &name, &[]);
        let pid = ground.pid_of(&name);
        running.finish().ok();
        wait_for_end(pid);
        ground.holm(["exec", &name, "/bin/true"]).finish().fails(125).mentions(&name);
        let running = sleeper(ground, &other, &[]);
        ground.holm(["exec", &name, "/bin/true"]).finish().fails(125).mentions(&name).mentions(&other);
        running.finish().ok();
    });
}
