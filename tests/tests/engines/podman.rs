//! podman, as root.

use std::path::Path;

use holm_tests::Finished;

use crate::client::Client;
use crate::world::{IMAGE, World, runtime_inside};
use crate::{asked_for, eventually, short};

/// Without systemd, and without limits that take `CAP_SYS_RESOURCE`.
const CONFIGURATION: &str = r#"[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

/// A podman with an image in its store.
struct Podman {
    world: World,
    runtime: String,
}

impl Podman {
    /// `None` when podman is not asked for.
    fn new() -> Option<Self> {
        if !asked_for("podman", &["podman", "conmon"]) {
            return None;
        }
        let world = World::new(&|directory: &Path| {
            std::fs::write(directory.join("containers.conf"), CONFIGURATION).expect("a file");
        });
        let podman = Self { world, runtime: runtime_inside() };
        podman.run(&["load", "--quiet", "--input", "/mnt/image.tar"]).ok();
        Some(podman)
    }
}

impl Client for Podman {
    const REMOVE: &[&str] = &["rm", "--force", "--time=0"];

    fn world(&self) -> &World {
        &self.world
    }

    fn run(&self, words: &[&str]) -> Finished {
        let own = ["podman", "--root=/mnt/storage", "--runroot=/run/podman", "--tmpdir=/run/podman-tmp"];
        let network = ["--network-config-dir=/mnt/networks", "--storage-driver=overlay", "--runtime"];
        let words = [&own[..], &network, &[&self.runtime], words].concat();
        self.world.call(&words).env("CONTAINERS_CONF", "/mnt/containers.conf").finish()
    }
}

/// Until its standard input or a signal ends it; PID 1 ignores what it has no handler for.
const SLEEP: &str = "trap 'exit 7' TERM; trap 'echo woken' USR1; echo up; while :; do sleep 0.1; done";

#[test]
fn runs_and_tells_the_status() {
    let Some(podman) = Podman::new() else { return };
    assert_eq!(podman.says(&[], "echo out; echo err >&2"), "out");
    podman.run(&["run", "--rm", "--network=none", IMAGE, "sh", "-c", "exit 42"]).ends(42);
    podman.run(&["run", "--rm", "--network=none", IMAGE, "no-such-command"]).ends(127);
    podman.run(&["run", "--rm", "--network=none", IMAGE, "/etc/passwd"]).ends(126);
    let piped = ["run", "--rm", "--interactive", "--network=none", IMAGE, "cat"];
    let own = podman.run(&piped);
    assert_eq!(own.ok(), "");
    assert_eq!(podman.says(&["--tty"], "tty"), "/dev/pts/0");
    assert_eq!(
        podman.says(
            &["--env=COLOUR=green", "--workdir=/tmp", "--hostname=isle"],
            "echo $COLOUR $PWD; hostname"
        ),
        "green /tmp\nisle"
    );
    assert_eq!(podman.says(&["--user=1000:1000"], "id -u; id -g"), "1000\n1000");
}

#[test]
fn follows_a_container_through_its_life() {
    let Some(podman) = Podman::new() else { return };
    podman.start("life", &[], SLEEP);
    assert_eq!(podman.run(&["exec", "life", "sh", "-c", "echo $$ >/tmp/pid; echo within"]).ok(), "within");
    podman.run(&["exec", "life", "sh", "-c", "exit 9"]).ends(9);
    assert_eq!(
        podman
            .run(&[
                "exec",
                "--user=1000",
                "--env=A=b",
                "--workdir=/etc",
                "life",
                "sh",
                "-c",
                "id -u; echo $A $PWD"
            ])
            .ok(),
        "1000\nb /etc"
    );
    let top = podman.run(&["top", "life", "pid", "args"]).ok();
    assert!(top.contains("while"), "{top}");
    podman.run(&["pause", "life"]).ok();
    assert_eq!(podman.knows("life", "State.Status"), "paused");
    assert_ne!(podman.run(&["exec", "life", "true"]).status, 0, "nothing starts in a paused container");
    podman.run(&["unpause", "life"]).ok();
    assert_eq!(podman.knows("life", "State.Status"), "running");
    podman.run(&["kill", "--signal=USR1", "life"]).ok();
    eventually("the log tells of the signal", || podman.run(&["logs", "life"]).ok().contains("woken"));
    let before = podman.knows("life", "State.Pid");
    podman.run(&["restart", "life"]).ok();
    assert_ne!(podman.knows("life", "State.Pid"), before, "it is another process");
    eventually("it is up again", || podman.run(&["logs", "life"]).ok().matches("up").count() == 2);
    podman.run(&["stop", "life"]).ok();
    assert_eq!(podman.knows("life", "State.ExitCode"), "7");
    podman.run(&["start", "life"]).ok();
    podman.run(&["kill", "life"]).ok();
    assert_eq!(podman.run(&["wait", "life"]).ok(), "137");
    podman.remove("life");
}

#[test]
fn removes_what_runs() {
    let Some(podman) = Podman::new() else { return };
    podman.start("sleeper", &[], SLEEP);
    podman.run(&["exec", "--detach", "sleeper", "sleep", "1000"]).ok();
    podman.remove("sleeper");
    assert_eq!(podman.run(&["ps", "--all", "--quiet"]).ok(), "");
}

#[test]
fn limits_and_counts() {
    let Some(podman) = Podman::new() else { return };
    podman.start("limited", &["--memory=64m", "--pids-limit=50", "--cpus=0.5"], SLEEP);
    let at = |controller: &str, file: &str| {
        podman.run(&["exec", "limited", "cat", &format!("/sys/fs/cgroup/{controller}/{file}")]).ok()
    };
    assert_eq!(at("memory", "memory.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(at("pids", "pids.max"), "50");
    assert_eq!(at("cpu", "cpu.cfs_quota_us"), "50000");
    let stats = podman.run(&["stats", "--no-stream", "--format={{.MemUsage}} {{.PIDS}}", "limited"]).ok();
    assert!(stats.contains("/ 67.11MB "), "{stats}");
    podman.run(&["update", "--memory=96m", "--cpus=1", "limited"]).ok();
    assert_eq!(at("memory", "memory.limit_in_bytes"), (96 << 20).to_string());
    assert_eq!(at("cpu", "cpu.cfs_quota_us"), "100000");
    podman.remove("limited");
}

#[test]
fn shares_the_namespaces_of_a_pod() {
    let Some(podman) = Podman::new() else { return };
    // The pause image cannot be built without a registry: the infra container is of the image that is here.
    podman
        .run(&[
            "pod",
            "create",
            "--name=isles",
            "--network=none",
            "--infra-image",
            IMAGE,
            "--infra-command=/bin/sleep 1000",
            "--share=net,ipc,uts",
        ])
        .ok();
    let script = "for kind in net ipc uts; do readlink /proc/self/ns/$kind; done";
    let of = |name: &str| podman.run(&["run", "--pod=isles", "--name", name, IMAGE, "sh", "-c", script]).ok();
    assert_eq!(of("one"), of("two"));
    podman.run(&["pod", "stop", "--time=0", "isles"]).ok();
    // On a machine with a directory beside its cgroups that is none (crun makes them for controllers that are not mounted)
    // podman puts the monitors there too, and fails at first, as what it has written there is in the way.
    eventually("the pod is removed", || podman.run(&["pod", "rm", "--force", "isles"]).status == 0);
    podman.run(&["pod", "exists", "isles"]).ends(1);
    assert_eq!(podman.world.cgroups("libpod-"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn gives_what_its_options_ask_for() {
    let Some(podman) = Podman::new() else { return };
    let map =
        podman.says(&["--uidmap=0:100000:5000", "--gidmap=0:200000:5000"], "cat /proc/self/uid_map; id -u");
    assert_eq!(short(&map), "0 100000 5000\n0");
    assert_eq!(
        podman.says(&["--read-only"], "touch /x 2>/dev/null || echo no; touch /tmp/x && echo yes"),
        "no\nyes"
    );
    let init = podman.says(&["--init"], "cat /proc/1/comm; echo $$");
    assert!(init.starts_with("podman-init\n") && !init.ends_with("\n1"), "{init}");
    assert_eq!(
        podman.says(&["--sysctl=net.ipv4.ip_default_ttl=77"], "cat /proc/sys/net/ipv4/ip_default_ttl"),
        "77"
    );
    assert_eq!(podman.says(&["--device=/dev/loop-control:/dev/other"], "stat -c %t:%T /dev/other"), "a:ed");
    assert_eq!(
        podman.says(&["--tmpfs=/scratch:size=1m"], "grep ' /scratch ' /proc/mounts | cut -d' ' -f1,3"),
        "tmpfs tmpfs"
    );
    assert_eq!(
        podman.says(&["--cap-drop=all", "--cap-add=chown"], "grep CapEff /proc/self/status | cut -f2"),
        "0000000000000001"
    );
    assert_eq!(podman.says(&["--privileged"], "cat /proc/self/status | grep Seccomp: | cut -f2"), "0");
    assert_eq!(podman.says(&[], "cat /proc/self/status | grep Seccomp: | cut -f2"), "2");
    assert_eq!(
        podman.says(
            &["--volume=/mnt/etc:/volume:ro"],
            "cat /volume/resolv.conf; touch /volume/x 2>/dev/null || echo ro"
        ),
        "nameserver 127.0.0.1\nro"
    );
}

#[test]
fn connects_two_containers() {
    let Some(podman) = Podman::new() else { return };
    podman.run(&["network", "create", "--disable-dns", "--subnet=10.99.0.0/24", "strait"]).ok();
    let serve = "while :; do echo hello | nc -l -p 8000; done";
    let options = [
        "run",
        "--detach",
        "--network=strait",
        "--ip=10.99.0.5",
        "--name=server",
        IMAGE,
        "busybox",
        "sh",
        "-c",
        serve,
    ];
    podman.run(&options).ok();
    let ask = "for i in 1 2 3 4 5 6 7 8 9; do nc 10.99.0.5 8000 </dev/null && exit 0; sleep 1; done; exit 1";
    let answer = podman.run(&["run", "--rm", "--network=strait", IMAGE, "busybox", "sh", "-c", ask]).ok();
    assert_eq!(answer, "hello");
    podman.remove("server");
}
