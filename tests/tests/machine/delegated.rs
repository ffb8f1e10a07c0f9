//! An ordinary user limits containers where systemd has delegated a group, without asking it; and what root has on v2.

use holm_tests::bundle::config;
use holm_tests::{Bundle, Ground};
use serde_json::json;

use crate::{group, on_the_machine, value};

/// In a group below this process's own, which has to be without processes of its own: they move into one below.
fn limited<'a>(ground: &'a Ground, word: &str) -> Bundle<'a> {
    let own = group(rustix::process::getpid().as_raw_nonzero().get());
    let root = if own.ends_with("tests") { own.parent().unwrap().to_owned() } else { own };
    let tests = root.join("tests");
    if !tests.exists() {
        std::fs::create_dir(&tests).unwrap();
    }
    // Others start programs meanwhile, which are born where they are; and end.
    let left = || std::fs::read_to_string(root.join("cgroup.procs")).unwrap();
    while !left().is_empty() {
        for pid in left().lines() {
            let _ = std::fs::write(tests.join("cgroup.procs"), pid);
        }
    }
    let mut config = config(ground, "sleep 1000");
    let below = root.strip_prefix("/sys/fs/cgroup").unwrap().join(ground.name(word));
    config["linux"]["cgroupsPath"] = format!("/{}", below.display()).into();
    config["linux"]["resources"] = json!({ "memory": { "limit": 16_777_216 }, "pids": { "limit": 9 },
                                           "cpu": { "quota": 20_000, "period": 100_000, "cpus": "0" },
                                           "unified": { "memory.high": "8388608" } });
    Bundle::of(ground, word, &config)
}

#[test]
fn limits_hold_where_a_group_is_delegated() {
    on_the_machine(|ground| {
        let bundle = limited(ground, "delegated");
        let call = bundle.runtime(&["create", &bundle.id]);
        let created = call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish();
        assert!(created.status == 0, "{}", bundle.written("err"));
        let pid = bundle.pid();
        let files = ["memory.max", "pids.max", "cpu.max", "cpuset.cpus", "memory.high"];
        assert_eq!(files.map(|file| value(pid, file)), ["16777216", "9", "20000 100000", "0", "8388608"]);
        let group = group(pid);
        bundle.runtime(&["delete", "--force", &bundle.id]).finish().ok();
        assert!(!group.exists());
    });
}
