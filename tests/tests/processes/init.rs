//! Holm's init: PID 1 of a container, and the life without it.

use holm_tests::{Ground, busy_wait, own_runtime};

/// Waits for the end of a process in the host's PID namespace.
fn assert_ends(pid: &str) {
    let gone = busy_wait(|| (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
    assert!(gone.is_some(), "{pid} is still there");
}

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
    assert_ends(&pid);
}

#[test]
fn whom_it_may_not_kill_it_does_not_wait_for() {
    if !own_runtime("what becomes of processes outside of a PID namespace") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    // An orphan of another user, which is not the init's to end without CAP_KILL.
    let script = "start-stop-daemon -S -c alice -x /bin/sleep -- 54322 > /dev/null 2>&1 & echo $!; \
        until [ $(stat -c %u /proc/$!) = 1000 ]; do :; done";
    let options = ["--pid", "host", "--cap-drop", "KILL"];
    let pid = ground.sh(&options, script).finish().ok();
    // The cgroup ends it.
    assert_ends(&pid);
}

#[test]
fn without_proc_it_finds_what_the_command_has_left() {
    if !own_runtime("what becomes of processes outside of a PID namespace") {
        return;
    }
    let ground = Ground::ordinary();
    let script = "setsid sleep 54323 > /dev/null 2>&1 & echo $!; umount -l /proc";
    let pid = ground.sh(&["--pid", "host", "--cap-add", "SYS_ADMIN"], script).finish().ok();
    assert_ends(&pid);
}

#[test]
fn as_a_command_it_says_what_it_is() {
    if !own_runtime("the init of the container") {
        return;
    }
    Ground::each(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        let run = ground.run(["--rootfs", rootfs, "--", "/proc/self/exe"]).finish();
        assert!(run.ends(125).err.contains("init of a container"), "{run:?}");
    });
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
