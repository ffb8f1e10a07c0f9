//! Holm's init: PID 1 of a container, and the life without it.

use holm_tests::{Ground, busy_wait, own_runtime};

#[test]
fn the_init_is_pid_1_and_the_command_its_child() {
    Ground::each(|ground| {
        let out = ground.sh(&[], "echo $$ $PPID; exit 0").finish().ok();
        let pids: Vec<&str> = out.split(' ').collect();
        assert_ne!(pids[0], "1");
        assert_eq!(pids[1], "1");
    });
}

#[test]
fn without_it_the_command_is_pid_1() {
    Ground::each(|ground| {
        assert_eq!(ground.sh(&["--no-init"], "echo $$").finish().ok(), "1");
    });
}

#[test]
fn orphans_are_reaped() {
    Ground::each(|ground| {
        // Fifty processes lose their parent and then end; what is left of one would be a zombie below the init. They
        // end at once when the write side of the pipe is closed.
        let script = "mkfifo /tmp/gate; exec 3<>/tmp/gate; \
            for n in $(seq 50); do sh -c 'read x < /tmp/gate & exit' 3>&-; done; \
            echo $(ps -o comm,ppid | grep -c 'sh *1$'); for n in $(seq 50); do echo go >&3; done; \
            until [ $(ps -o comm,ppid | grep -c 'sh *1$') -le 1 ]; do sleep 0.05; done; \
            ps -o stat | grep -c Z; rm /tmp/gate";
        let out = ground.sh(&[], script).finish();
        let lines: Vec<i32> = out.out.lines().map(|line| line.trim().parse().unwrap()).collect();
        assert!(lines[0] >= 50, "the orphans were there: {out:?}");
        assert_eq!(lines[1], 0, "zombies: {out:?}");
    });
}

#[test]
fn what_the_command_leaves_running_ends_with_it() {
    Ground::each(|ground| {
        let name = ground.name("leaving");
        let out = ground.sh(&["--name", &name], "setsid sleep 1000 > /dev/null 2>&1 & echo left").finish();
        assert_eq!(out.ok(), "left");
        ground.assert_clean();
    });
}

#[test]
fn what_it_leaves_running_in_the_host_s_pid_namespace_ends_too() {
    if !own_runtime("what becomes of processes outside of a PID namespace") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let script = "setsid sleep 54321 > /dev/null 2>&1 & echo $!";
    let pid = ground.sh(&["--pid", "host"], script).finish().ok();
    let gone = busy_wait(|| (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    assert!(gone.is_some(), "{pid} is still there");
}

#[test]
fn the_memory_of_the_init_is_closed_to_the_container() {
    if !own_runtime("the init of the container") {
        return;
    }
    Ground::each(|ground| {
        let script = "id -u; cat /proc/1/environ; dd if=/proc/1/mem bs=1 count=1; readlink /proc/1/exe";
        let run = ground.sh(&[], script).finish();
        assert_eq!(run.out.trim(), "0", "nothing of the init was read: {run:?}");
        assert!(run.err.matches("denied").count() >= 2, "{run:?}");
    });
}
