//! The filter of `holm run`: the built-in profile, one from a file, and none.

use holm_tests::{Ground, own_runtime};
use serde_json::json;

const MODE: &str = "grep Seccomp: /proc/self/status";
/// A new user namespace is what the built-in profile keeps from whoever has no CAP_SYS_ADMIN.
const UNSHARE: &str = "unshare -U true; echo $?";

fn run(ground: &Ground, options: &[&str], script: &str) -> String {
    ground.sh(options, script).finish().ok()
}

#[test]
fn it_is_the_built_in_one_unless_another_one_is_said() {
    Ground::each(|ground| {
        assert_eq!(run(ground, &[], MODE), "Seccomp:\t2");
        assert_eq!(run(ground, &["--security-opt", "seccomp=builtin"], MODE), "Seccomp:\t2");
        for options in [&["--security-opt", "seccomp=unconfined"][..], &["--privileged"]] {
            assert_eq!(run(ground, options, MODE), "Seccomp:\t0", "{options:?}");
        }
    });
}

#[test]
fn it_depends_on_the_capabilities() {
    Ground::each(|ground| {
        assert_eq!(run(ground, &[], UNSHARE), "1");
        assert_eq!(run(ground, &["--cap-add", "SYS_ADMIN"], UNSHARE), "0");
        assert_eq!(run(ground, &["--security-opt", "seccomp=unconfined"], UNSHARE), "0");
    });
}

#[test]
fn a_profile_comes_from_a_file() {
    Ground::each(|ground| {
        let docker = json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"] }],
            "syscalls": [
                { "names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28, "excludes": { "caps": ["CAP_SYS_ADMIN"] } },
                { "name": "rmdir", "action": "SCMP_ACT_ERRNO", "includes": { "minKernel": "99.1" } },
            ],
        });
        let path = ground.new_directory("profile").join("docker.json");
        ground.new_file(path.to_str().unwrap(), docker.to_string());
        let option = format!("seccomp={}", path.display());
        let script = "mkdir /tmp/made; echo $?; rm -rf /tmp/made";
        let finished = ground.sh(&["--security-opt", &option], script).finish();
        assert!(finished.err.contains("No space left"), "{}", finished.err);
        assert_eq!(finished.ok(), "1");
        assert_eq!(run(ground, &["--security-opt", &option, "--cap-add", "SYS_ADMIN"], script), "0");
        ground
            .sh(&["--security-opt", "seccomp=/nowhere/p.json"], "true")
            .finish()
            .fails(125)
            .mentions("/nowhere/p.json");
    });
}

#[test]
fn a_further_command_is_under_it_unless_it_is_privileged() {
    if !own_runtime("the filter of a further command") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("outer");
        let running = crate::sleeper(ground, &name, &[]);
        let exec = |words: &[&str]| ground.holm(["exec"]).words(words).words([&name, "/bin/sh", "-c", MODE]);
        assert_eq!(exec(&[]).finish().ok(), "Seccomp:\t2");
        assert_eq!(exec(&["--privileged"]).finish().ok(), "Seccomp:\t0");
        running.finish().ok();
    });
}
