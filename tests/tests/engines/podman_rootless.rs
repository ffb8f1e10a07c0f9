//! podman, as an ordinary user with a range of ids.

use std::path::Path;

use holm_tests::Finished;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::asked_for;
use crate::client::Client;
use crate::world::{IMAGE, World, runtime_inside};

/// The store is of plain directories: what stacks them is podman's own affair.
const CONFIGURATION: &str = r#"[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"#;

struct Podman {
    world: World,
    runtime: String,
}

impl Podman {
    fn new() -> Option<Self> {
        if !asked_for("podman", &["podman", "conmon", "newuidmap", "slirp4netns", "setpriv"]) {
            return None;
        }
        let world = World::new(&prepare);
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
        let own = ["podman", "--storage-driver=vfs", "--runtime", &self.runtime];
        let call = self.world.call_as_user(&[&own, words].concat());
        call.env("CONTAINERS_CONF", "/mnt/containers.conf").finish()
    }
}

/// What an ordinary user of podman has on a machine that is set up for it.
fn prepare(directory: &Path) {
    std::fs::write(directory.join("containers.conf"), CONFIGURATION).expect("a file");
    for file in ["etc/subuid", "etc/subgid"] {
        std::fs::write(directory.join(file), "daemon:300000:65536\n").expect("a file");
    }
    if Path::new("/dev/net/tun").exists() {
        let node = directory.join("dev/net+tun");
        mknodat(CWD, &node, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(10, 200))
            .expect("a node");
        std::fs::set_permissions(&node, std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .expect("its mode");
    }
}

#[test]
fn runs_and_tells_the_status() {
    let Some(podman) = Podman::new() else { return };
    assert_eq!(
        podman.says(&[], "id -u; head -n1 /proc/self/uid_map | awk '{ print $1, $2, $3 }'"),
        "0\n0 1 1"
    );
    assert_eq!(podman.says(&["--user=1000"], "id -u"), "1000");
    assert_eq!(podman.says(&["--userns=keep-id"], "id -u"), "1");
    assert_eq!(podman.says(&["--read-only"], "touch /x 2>/dev/null || echo no"), "no");
    assert_eq!(podman.says(&["--tty"], "tty"), "/dev/pts/0");
    podman.run(&["run", "--rm", "--network=none", IMAGE, "sh", "-c", "exit 42"]).ends(42);
    podman.run(&["run", "--rm", "--network=none", IMAGE, "no-such-command"]).ends(127);
}

#[test]
fn follows_a_container_through_its_life() {
    let Some(podman) = Podman::new() else { return };
    let script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done";
    podman.start("life", &[], script);
    assert_eq!(podman.run(&["exec", "life", "sh", "-c", "echo within; id -u"]).ok(), "within\n0");
    podman.run(&["exec", "life", "sh", "-c", "exit 9"]).ends(9);
    assert!(podman.run(&["top", "life", "pid", "args"]).ok().contains("while"));
    podman.run(&["stop", "life"]).ok();
    assert_eq!(podman.knows("life", "State.ExitCode"), "7");
    podman.run(&["start", "life"]).ok();
    podman.remove("life");
    assert_eq!(podman.run(&["ps", "--all", "--quiet"]).ok(), "");
}

#[test]
fn has_a_network_of_its_own() {
    let Some(podman) = Podman::new() else { return };
    assert!(podman.world.path("dev/net+tun").exists(), "slirp4netns needs /dev/net/tun");
    let script = "grep -c tap0 /proc/net/dev";
    assert_eq!(podman.run(&["run", "--rm", "--network=slirp4netns", IMAGE, "sh", "-c", script]).ok(), "1");
}
