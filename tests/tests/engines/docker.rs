//! dockerd, of a newer Debian than this machine may be: its root is in `HOLM_TEST_DOCKER_TREE`.

use std::path::Path;

use holm_tests::{Finished, Running};

use crate::client::Client;
use crate::world::{IMAGE, World, runtime_inside};
use crate::{docker_tree, eventually};

/// Everything of its own.
const OPTIONS: [&str; 8] = [
    "--host=unix:///run/docker.sock",
    "--data-root=/mnt/docker",
    "--exec-root=/run/docker",
    "--pidfile=/run/docker.pid",
    "--default-runtime=under-test",
    "--exec-opt=native.cgroupdriver=cgroupfs",
    "--storage-driver=overlay2",
    "--add-runtime",
];

/// For a dockerd whose network the tests are not about.
const NO_NETWORK: [&str; 4] =
    ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"];

pub(crate) struct Docker {
    _daemon: Running,
    pub(crate) world: World,
}

impl Docker {
    /// `None` when docker is not asked for.
    fn new() -> Option<Self> {
        docker_tree().map(|tree| Self::begin(World::on(&tree, &|_: &Path| {}), &NO_NETWORK))
    }

    /// In a world that has been made for it.
    pub(crate) fn begin(world: World, options: &[&str]) -> Self {
        let runtime = format!("under-test={}", runtime_inside());
        let daemon = world.call(&[&["dockerd"], &OPTIONS[..], &[&*runtime], options].concat()).start();
        daemon.complains("API listen on");
        let docker = Self { _daemon: daemon, world };
        docker.run(&["load", "--quiet", "--input", "/mnt/image.tar"]).ok();
        docker
    }
}

impl Client for Docker {
    const REMOVE: &[&str] = &["rm", "--force"];

    fn world(&self) -> &World {
        &self.world
    }

    fn run(&self, words: &[&str]) -> Finished {
        self.world.call(&[&["docker", "--host=unix:///run/docker.sock"], words].concat()).finish()
    }
}

const SLEEP: &str = "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done";

#[test]
fn runs_and_tells_the_status() {
    let Some(docker) = Docker::new() else { return };
    assert_eq!(docker.says(&[], "echo out; echo err >&2"), "out");
    docker.run(&["run", "--rm", "--network=none", IMAGE, "sh", "-c", "exit 42"]).ends(42);
    docker.run(&["run", "--rm", "--network=none", IMAGE, "no-such-command"]).ends(127);
    docker.run(&["run", "--rm", "--network=none", IMAGE, "/etc/passwd"]).ends(126);
    let options = ["--env=COLOUR=green", "--workdir=/tmp", "--hostname=isle", "--user=1000:1000"];
    assert_eq!(docker.says(&options, "echo $COLOUR $PWD; hostname; id -u"), "green /tmp\nisle\n1000");
    assert_eq!(docker.says(&["--tty"], "tty"), "/dev/pts/0");
    let status = |options: &[&str], field: &str| {
        docker.says(options, &format!("grep {field}: /proc/self/status | cut -f2"))
    };
    assert_eq!(status(&[], "Seccomp"), "2");
    assert_eq!(status(&["--privileged"], "Seccomp"), "0");
    assert_eq!(status(&["--cap-drop=all", "--cap-add=chown"], "CapEff"), "0000000000000001");
    assert_eq!(docker.says(&["--privileged"], "mount -t tmpfs tmpfs /mnt && echo mounted"), "mounted");
    let other = ["--device=/dev/loop-control:/dev/other"];
    assert_eq!(docker.says(&other, "stat -c %t:%T /dev/other"), "a:ed");
    assert_eq!(docker.says(&["--read-only"], "touch /x 2>/dev/null || echo no"), "no");
}

#[test]
fn follows_a_container_through_its_life() {
    let Some(docker) = Docker::new() else { return };
    docker.start("life", &[], SLEEP);
    assert_eq!(docker.run(&["exec", "life", "sh", "-c", "echo within"]).ok(), "within");
    docker.run(&["exec", "life", "sh", "-c", "exit 9"]).ends(9);
    // 126 or 127, as the version of dockerd has it.
    let lost = docker.run(&["exec", "life", "no-such-command"]);
    assert!([126, 127].contains(&lost.status) && lost.out.contains("no-such-command"), "{lost:?}");
    assert!(docker.run(&["top", "life"]).ok().contains("while"));
    docker.run(&["pause", "life"]).ok();
    assert_eq!(docker.knows("life", "State.Status"), "paused");
    docker.run(&["unpause", "life"]).ok();
    let before = docker.knows("life", "State.Pid");
    docker.run(&["restart", "life"]).ok();
    assert_ne!(docker.knows("life", "State.Pid"), before, "it is another process");
    eventually("it is up again", || docker.run(&["logs", "life"]).ok().matches("up").count() == 2);
    docker.run(&["stop", "life"]).ok();
    assert_eq!(docker.knows("life", "State.ExitCode"), "7");
    docker.run(&["start", "life"]).ok();
    docker.run(&["kill", "life"]).ok();
    assert_eq!(docker.run(&["wait", "life"]).ok(), "137");
    docker.run(&["start", "life"]).ok();
    docker.remove("life");
}

#[test]
fn limits_and_counts() {
    let Some(docker) = Docker::new() else { return };
    docker.start("limited", &["--memory=64m", "--pids-limit=50", "--cpus=0.5"], SLEEP);
    let at = |controller: &str, file: &str| {
        docker.run(&["exec", "limited", "cat", &format!("/sys/fs/cgroup/{controller}/{file}")]).ok()
    };
    assert_eq!(at("memory", "memory.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(at("pids", "pids.max"), "50");
    docker.run(&["update", "--memory=96m", "--memory-swap=-1", "--cpus=1", "limited"]).ok();
    assert_eq!(at("memory", "memory.limit_in_bytes"), (96 << 20).to_string());
    let stats = docker.run(&["stats", "--no-stream", "--format={{.MemUsage}} {{.PIDs}}", "limited"]).ok();
    assert!(stats.contains(" / 96MiB ") && !stats.starts_with("0B"), "{stats}");
    docker.remove("limited");
}

#[test]
fn tells_of_a_lack_of_memory() {
    let Some(docker) = Docker::new() else { return };
    // The event comes on another way than the end: the container outlives what was killed.
    let script = "dd if=/dev/zero of=/dev/null bs=100M count=1; status=$?; sleep 2; exit $status";
    docker.start("hungry", &["--memory=32m", "--memory-swap=32m"], script);
    assert_eq!(docker.run(&["wait", "hungry"]).ok(), "137");
    assert_eq!(docker.knows("hungry", "State.OOMKilled"), "true");
    docker.remove("hungry");
}
