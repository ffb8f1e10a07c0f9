//! `holm ps`.

use std::time::{SystemTime, UNIX_EPOCH};

use holm_tests::{Ground, Running, busy_wait};

use crate::sleeper;

/// A container whose runtime has also written down that it runs: its command may be quicker than that.
fn running(ground: &Ground, name: &str) -> Running {
    let running = sleeper(ground, name, &[]);
    let runs = || ground.ps().iter().any(|listed| listed["name"] == *name && listed["status"] == "running");
    busy_wait(|| runs().then_some(())).expect("it is written down");
    running
}

#[test]
fn when_nothing_runs_it_says_so() {
    Ground::each(|ground| {
        assert_eq!(ground.holm(["ps"]).finish().ok(), "NAME  STATUS  PID  AGE  ROOT  COMMAND");
        assert_eq!(ground.holm(["ps", "--quiet"]).finish().out, "");
        assert_eq!(ground.holm(["ps", "--format", "json"]).finish().ok(), "[]");
    });
}

#[test]
fn the_table_has_a_row_for_each_in_columns() {
    Ground::each(|ground| {
        let names = [ground.name("a"), ground.name("longer-b")];
        let running = names.each_ref().map(|name| running(ground, name));
        let table = ground.holm(["ps"]).finish().ok();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        let columns = ["NAME", "STATUS", "PID", "ROOT", "COMMAND"].map(|title| lines[0].find(title).unwrap());
        for (line, name) in lines[1..].iter().zip(&names) {
            let rootfs = ground.rootfs().to_str().unwrap();
            let expected = [name, "running", &ground.pid_of(name).to_string(), rootfs, "/bin/sh -c"];
            for (column, word) in columns.into_iter().zip(expected) {
                assert!(line[column..].starts_with(word), "{word} in {line}");
            }
        }
        for running in running {
            running.finish().ok();
        }
        assert_eq!(ground.holm(["ps"]).finish().ok().lines().count(), 1, "they are gone");
    });
}

#[test]
fn json_has_all_that_is_known() {
    Ground::each(|ground| {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (name, before) = (ground.name("known"), now());
        let running = running(ground, &name);
        let listed = ground.ps();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["name"], *name);
        assert_eq!(listed[0]["status"], "running");
        assert_eq!(listed[0]["image"], ground.rootfs().to_str().unwrap());
        assert_eq!(listed[0]["command"], serde_json::json!(["/bin/sh", "-c", "echo ready; cat"]));
        let created = listed[0]["created"].as_u64().unwrap();
        assert!((before..=now()).contains(&created), "{created}");
        let pid = ground.pid_of(&name);
        let parent = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        assert!(parent.contains(&format!(" {} ", running.pid())), "it is holm's child: {parent}");
        running.finish().ok();
    });
}

#[test]
fn what_a_command_is_called_does_not_speak_to_the_terminal() {
    let ground = Ground::ordinary();
    let name = ground.name("loud");
    let running = ground.sh(&["--name", &name], "echo ready; cat; : \x1b[2J").start();
    assert_eq!(running.line(), "ready");
    let table = ground.holm(["ps"]).finish().ok();
    assert!(!table.contains('\x1b') && table.contains(&name), "{table:?}");
    running.finish().ok();
}
