//! The filter of system calls.

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Finished, Ground, busy_wait, own_runtime};
use serde_json::{Value, json};

use crate::wait_for_end;

pub(crate) fn each(test: impl Fn(&Ground)) {
    if own_runtime("holm oci") {
        Ground::each(test);
    }
}

pub(crate) fn filtered(ground: &Ground, script: &str, no_new_privileges: bool, seccomp: Value) -> Value {
    let mut config = config(ground, script);
    config["process"]["noNewPrivileges"] = no_new_privileges.into();
    config["linux"]["seccomp"] = seccomp;
    config
}

fn run(ground: &Ground, script: &str, no_new_privileges: bool, seccomp: Value) -> Finished {
    Bundle::of(ground, "filtered", &filtered(ground, script, no_new_privileges, seccomp)).run()
}

fn rule(name: &str, action: &str) -> Value {
    json!({ "names": [name], "action": action })
}

fn but(rules: &[Value]) -> Value {
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules })
}

const MKDIR: &str = "mkdir /made; echo $?";

#[test]
fn a_call_fails_with_the_number_that_is_said() {
    each(|ground| {
        for no_new in [false, true] {
            let mut refused = rule("mkdir", "SCMP_ACT_ERRNO");
            let finished = run(ground, MKDIR, no_new, but(&[refused.clone()]));
            assert!(finished.err.contains("Operation not permitted"), "{}", finished.err);
            refused["errnoRet"] = 28.into();
            let finished = run(ground, MKDIR, no_new, but(&[refused]));
            assert!(finished.err.contains("No space left on device"), "{}", finished.err);
            assert_eq!(finished.ok(), "1");
        }
    });
}

#[test]
fn who_calls_is_killed_or_trapped_or_logged() {
    each(|ground| {
        for (action, status) in [
            ("SCMP_ACT_KILL", 159),
            ("SCMP_ACT_KILL_THREAD", 159),
            ("SCMP_ACT_KILL_PROCESS", 159),
            ("SCMP_ACT_TRAP", 159),
            ("SCMP_ACT_LOG", 0),
            // Nobody traces it.
            ("SCMP_ACT_TRACE", 1),
        ] {
            for no_new in [false, true] {
                let script = "mkdir /tmp/made; echo $?; rm -r /tmp/made";
                let finished = run(ground, script, no_new, but(&[rule("mkdir", action)]));
                let out = finished.out.lines().next().unwrap_or_default();
                assert_eq!(out, status.to_string(), "{action}: {}", finished.err);
            }
        }
    });
}

#[test]
fn arguments_decide() {
    each(|ground| {
        let condition = |value: u64, op: &str| json!([{ "index": 1, "value": value, "op": op }]);
        let mut refused = rule("chmod", "SCMP_ACT_ERRNO");
        let script = "chmod 700 /tmp; echo $?; chmod 755 /tmp; echo $?";
        for (args, expected) in [
            (condition(0o700, "SCMP_CMP_EQ"), "1\n0\n"),
            (condition(0o700, "SCMP_CMP_NE"), "0\n1\n"),
            (condition(0o700, "SCMP_CMP_GT"), "0\n1\n"),
            (condition(0o755, "SCMP_CMP_LT"), "1\n0\n"),
            (condition(0o700, "SCMP_CMP_GE"), "1\n1\n"),
            (json!([{ "index": 1, "value": 0o55, "valueTwo": 0o55, "op": "SCMP_CMP_MASKED_EQ" }]), "0\n1\n"),
        ] {
            refused["args"] = args;
            let finished = run(ground, script, true, but(&[refused.clone()]));
            assert_eq!(finished.out, expected, "{refused} {}", finished.err);
        }
    });
}

#[test]
fn what_is_newer_than_the_profile_is_not_there() {
    each(|ground| {
        let ours = ["mkdir", "openat2", "clone3", "close_range", "faccessat2", "pidfd_getfd", "openat"];
        let old: Vec<&str> = LIST.split_whitespace().filter(|name| !ours[..6].contains(name)).collect();
        let seccomp = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"],
            "syscalls": [{ "names": old, "action": "SCMP_ACT_ALLOW" }],
        });
        let finished = run(ground, "exec /bin/witness calls", true, seccomp);
        assert_eq!(finished.ok(), "mkdir 1\nopenat2 38");
    });
}

/// Docker's profile answers so, as a filter cannot look into the arguments of clone3(2).
#[test]
fn hooks_in_the_container_are_made_without_clone3() {
    each(|ground| {
        for no_new in [false, true] {
            let mut refused = rule("clone3", "SCMP_ACT_ERRNO");
            refused["errnoRet"] = 38.into();
            let mut config = filtered(ground, "cat /tmp/hook", no_new, but(&[refused]));
            config["mounts"].as_array_mut().unwrap().push(json!({ "destination": "/tmp", "type": "tmpfs" }));
            let args = ["sh", "-c", "grep Seccomp: /proc/self/status > /tmp/hook"];
            config["hooks"] = json!({ "startContainer": [{ "path": "/bin/sh", "args": args }] });
            config["hooks"]["startContainer"][0]["env"] = json!(["PATH=/bin"]);
            assert_eq!(Bundle::of(ground, "hooked", &config).run().ok(), "Seccomp:\t2", "{no_new}");
        }
    });
}

/// What a shell and a static program need, up to rseq(2).
const LIST: &str = "read write open close stat fstat lstat poll lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask \
    rt_sigreturn ioctl pread64 access pipe sched_yield dup dup2 getpid clone fork vfork execve exit wait4 kill uname fcntl \
    getcwd chdir readlink umask getuid getgid geteuid getegid getppid getpgrp setsid sigaltstack prctl arch_prctl gettid \
    futex set_tid_address exit_group openat newfstatat set_robust_list prlimit64 getrandom statx rseq ppoll \
    sched_getaffinity setpgid tgkill dup3 pipe2 readlinkat faccessat getdents64 writev";

#[test]
fn the_init_works_though_its_command_may_do_little() {
    each(|ground| {
        for no_new in [false, true] {
            let seccomp = but(&[rule("mkdir", "SCMP_ACT_ERRNO")]);
            let mut config = filtered(ground, "mkdir /made; echo $? $$; kill -9 $$", no_new, seccomp);
            config["annotations"]["holm.init"] = "true".into();
            let finished = Bundle::of(ground, "init", &config).run();
            assert_eq!(finished.out, "1 2\n", "{}", finished.err);
            finished.ends(137);
        }
        // Neither needs what the command may not do.
        let seccomp = but(&[rule("rt_sigtimedwait", "SCMP_ACT_KILL"), rule("accept4", "SCMP_ACT_KILL")]);
        let mut config = filtered(ground, "echo runs", true, seccomp);
        config["annotations"]["holm.init"] = "true".into();
        assert_eq!(Bundle::of(ground, "init", &config).run().ok(), "runs");
    });
}

#[test]
fn with_no_new_privileges_it_is_loaded_at_the_start() {
    each(|ground| {
        let seccomp = but(&[rule("mkdir", "SCMP_ACT_ERRNO")]);
        let script = "grep Seccomp: /proc/self/status; mkdir /made; echo $?";
        let bundle = Bundle::of(ground, "late", &filtered(ground, script, true, seccomp));
        bundle.create(&[]).ok();
        let pid = bundle.pid();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        assert!(status.contains("Seccomp:\t0\n"), "{status}");
        bundle.call("start").ok();
        busy_wait(|| bundle.written("out").ends_with("1\n").then_some(())).expect("the command runs");
        assert_eq!(bundle.written("out"), "Seccomp:\t2\n1\n");
        wait_for_end(pid);
        bundle.call("delete").ok();
    });
}

#[test]
fn a_further_process_is_under_it_too() {
    each(|ground| {
        for no_new in [false, true] {
            let seccomp = but(&[rule("mkdir", "SCMP_ACT_ERRNO")]);
            let bundle = Bundle::of(ground, "further", &filtered(ground, "sleep 1000", no_new, seccomp));
            bundle.create(&[]).ok();
            bundle.call("start").ok();
            let exec = bundle.oci(&["exec", &bundle.id, "/bin/sh", "-c", MKDIR]).finish();
            assert!(exec.err.contains("Operation not permitted"), "{}", exec.err);
            assert_eq!(exec.ok(), "1");
            bundle.oci(&["delete", "--force", &bundle.id]).finish().ok();
        }
    });
}

#[test]
fn what_the_specification_does_not_allow_is_refused() {
    each(|ground| {
        let mut with_number = rule("mkdir", "SCMP_ACT_ALLOW");
        with_number["errnoRet"] = 1.into();
        let mut index = rule("mkdir", "SCMP_ACT_ERRNO");
        index["args"] = json!([{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }]);
        for (rule, field) in [
            (with_number, "linux.seccomp.syscalls[0].errnoRet"),
            (index, "linux.seccomp.syscalls[0].args[0].index"),
            (rule("mkdir", "SCMP_ACT_NOTIFY"), "linux.seccomp.listenerPath"),
            (rule("", "SCMP_ACT_ERRNO"), "linux.seccomp.syscalls[0].names[0]"),
        ] {
            run(ground, "true", true, but(&[rule])).fails(125).mentions(field);
        }
    });
}

#[test]
fn a_filter_that_is_too_long_is_refused() {
    each(|ground| {
        let mut long = rule("mkdir", "SCMP_ACT_ERRNO");
        let arg = |value: usize| json!({ "index": 0, "value": value, "op": "SCMP_CMP_EQ" });
        long["args"] = (0..3000).map(arg).collect();
        run(ground, "true", true, but(&[long])).fails(125).mentions("4096 instructions");
    });
}
