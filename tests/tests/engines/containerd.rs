//! containerd, by its own client `ctr`.

use std::path::{Path, PathBuf};

use holm_tests::{Finished, Running};

use crate::world::{IMAGE, World, runtime_inside};
use crate::{asked_for, docker_tree, eventually, short};

/// What is not about containers may need what the machine has not.
const CONFIGURATION: &str = r#"version = 2
root = "/mnt/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "/run/containerd/containerd.sock"
"#;

struct Containerd {
    _daemon: Running,
    world: World,
    runtime: String,
}

impl Containerd {
    /// This machine's own, and the newer one of the tree in which dockerd is, where they are asked for.
    fn each(test: impl Fn(&Self)) {
        if asked_for("containerd", &["containerd", "ctr"]) {
            test(&Self::on(Path::new("/")));
        }
        if let Some(tree) = docker_tree() {
            test(&Self::on(&tree));
        }
    }

    fn on(tree: &Path) -> Self {
        let world = World::on(tree, &|directory: &Path| {
            std::fs::write(directory.join("containerd.toml"), CONFIGURATION).expect("a file");
        });
        let daemon = world.call(&["containerd", "--config=/mnt/containerd.toml"]).start();
        daemon.complains("containerd successfully booted");
        let containerd = Self { _daemon: daemon, world, runtime: runtime_inside() };
        containerd.ctr(&["image", "import", "/mnt/image.tar"]).ok();
        containerd
    }

    /// `ctr` with these words, to its end.
    fn ctr(&self, words: &[&str]) -> Finished {
        self.world.call(&[&["ctr", "--namespace=holm"], words].concat()).finish()
    }

    /// A container from its image on, with the options of `ctr run`.
    fn run(&self, options: &[&str], id: &str, command: &[&str]) -> Finished {
        let first = ["run", "--runc-binary", &self.runtime];
        self.ctr(&[&first, options, &[IMAGE, id], command].concat())
    }

    fn status(&self, id: &str) -> String {
        let all = short(&self.ctr(&["task", "list"]).ok());
        let line = all.lines().find(|line| line.starts_with(&format!("{id} ")));
        line.and_then(|line| line.split(' ').nth(2)).unwrap_or("none").to_owned()
    }

    /// Ends a task and removes it with its container, of which then nothing is left.
    fn remove(&self, id: &str) {
        self.ctr(&["task", "kill", "--signal=KILL", id]).ok();
        eventually("it has stopped", || self.status(id) == "STOPPED");
        self.delete(id, 137);
    }

    /// Removes what has ended with that status.
    fn delete(&self, id: &str, status: i32) {
        let deleted = self.ctr(&["task", "delete", id]);
        deleted.ok();
        assert!(deleted.err.contains(&format!("exit code {status}")), "{}", deleted.err);
        self.ctr(&["container", "delete", id]).ok();
        assert_eq!(self.world.cgroups(id), Vec::<PathBuf>::new(), "cgroups of {id} are left");
        assert_eq!(self.world.mounts(&format!("/{id}/")), Vec::<String>::new(), "mounts of {id} are left");
    }
}

const SLEEP: &str = "trap 'exit 7' TERM; while :; do sleep 0.1; done";

#[test]
fn runs_and_tells_the_status() {
    Containerd::each(|containerd| {
        assert_eq!(containerd.run(&["--rm"], "one", &["sh", "-c", "echo out"]).ok(), "out");
        containerd.run(&["--rm"], "two", &["sh", "-c", "exit 42"]).ends(42);
        let lost = containerd.run(&["--rm"], "three", &["no-such-command"]);
        assert_ne!(lost.status, 0);
        assert!(lost.err.contains("no-such-command") && lost.err.contains("not found"), "{}", lost.err);
        let options = ["--rm", "--env=COLOUR=green", "--cwd=/tmp", "--read-only"];
        let script = "echo $COLOUR $PWD; touch /x 2>/dev/null || echo no";
        assert_eq!(containerd.run(&options, "four", &["sh", "-c", script]).ok(), "green /tmp\nno");
        let privileged =
            containerd.run(&["--rm", "--privileged"], "five", &["grep", "Seccomp:", "/proc/self/status"]);
        assert_eq!(short(&privileged.ok()), "Seccomp: 0");
        let confined =
            containerd.run(&["--rm", "--seccomp"], "six", &["grep", "Seccomp:", "/proc/self/status"]);
        assert_eq!(short(&confined.ok()), "Seccomp: 2");
        assert_eq!(containerd.ctr(&["container", "list", "--quiet"]).ok(), "");
    });
}

#[test]
fn follows_a_task_through_its_life() {
    Containerd::each(|containerd| {
        containerd.run(&["--detach"], "life", &["sh", "-c", SLEEP]).ok();
        assert_eq!(containerd.status("life"), "RUNNING");
        let exec = |name: &str, command: &[&str]| {
            containerd.ctr(&[&["task", "exec", "--exec-id", name, "life"], command].concat())
        };
        assert_eq!(exec("first", &["sh", "-c", "echo within"]).ok(), "within");
        exec("second", &["sh", "-c", "exit 9"]).ends(9);
        assert!(containerd.ctr(&["task", "ps", "life"]).ok().lines().count() >= 2);
        containerd.ctr(&["task", "pause", "life"]).ok();
        assert_eq!(containerd.status("life"), "PAUSED");
        containerd.ctr(&["task", "resume", "life"]).ok();
        assert_eq!(containerd.status("life"), "RUNNING");
        containerd.ctr(&["task", "kill", "life"]).ok();
        eventually("it has stopped", || containerd.status("life") == "STOPPED");
        containerd.delete("life", 7);
    });
}

#[test]
fn limits_and_counts() {
    Containerd::each(|containerd| {
        containerd
            .run(&["--detach", "--memory-limit=67108864", "--cpus=0.5"], "limited", &["sh", "-c", SLEEP])
            .ok();
        let read = |file: &str| {
            let found = containerd.world.call(&["sh", "-c", &format!("cat /sys/fs/cgroup/{file}")]).finish();
            found.ok()
        };
        assert_eq!(read("memory/holm/limited/memory.limit_in_bytes"), (64 << 20).to_string());
        assert_eq!(read("cpu/holm/limited/cpu.cfs_quota_us"), "50000");
        let metrics = short(&containerd.ctr(&["task", "metrics", "limited"]).ok());
        let of = |name: &str| {
            let line = metrics
                .lines()
                .find(|line| line.starts_with(name))
                .unwrap_or_else(|| panic!("{name}: {metrics}"));
            line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
        };
        assert!(of("memory.usage_in_bytes ") > 0 && of("pids.current ") >= 1, "{metrics}");
        containerd.remove("limited");
    });
}

#[test]
fn removes_what_runs() {
    Containerd::each(|containerd| {
        containerd.run(&["--detach"], "sleeper", &["sh", "-c", "sleep 1000 & sleep 1001"]).ok();
        containerd.ctr(&["task", "exec", "--detach", "--exec-id=other", "sleeper", "sleep", "1002"]).ok();
        containerd.remove("sleeper");
        let processes = containerd.world.call(&["ps", "-eo", "args"]).finish().ok();
        assert!(!processes.contains("sleep 100"), "{processes}");
    });
}
