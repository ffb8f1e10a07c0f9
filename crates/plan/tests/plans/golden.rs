//! A few plans in full, as `--dry-run` prints them: a change of what is done is seen here by whoever reviews it.

use holm_namespaces::{Kind, Kinds};
use holm_plan::{Given, HostFacts, JoinTarget, Options, Plan, plan, plan_exec};
use serde_json::{Value, json};

use crate::exec::checked;
use crate::given::{namespace_file, spec};
use crate::hosts::{USER, hybrid, root, user};

/// As `holm run` writes it: its mounts, its hidden paths, a few of its capabilities.
fn config(namespaces: &Value) -> Value {
    json!({
        "ociVersion": "1.1.0",
        "root": {"path": "/srv/root"},
        "hostname": "islet",
        "process": process(),
        "mounts": [
            mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
            mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
            mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
            mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ],
        "linux": {
            "namespaces": namespaces,
            "cgroupsPath": "/holm/islet",
            "maskedPaths": ["/proc/kcore", "/sys/firmware"],
            "readonlyPaths": ["/proc/sys"],
        },
        "annotations": {"holm.init": "true"},
    })
}

fn process() -> Value {
    let capabilities = json!(["CAP_CHOWN", "CAP_KILL"]);
    json!({
        "args": ["sh"], "env": ["PATH=/usr/bin:/bin"], "cwd": "/home", "user": {"uid": 0, "gid": 0},
        "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096}],
        "noNewPrivileges": true,
    })
}

fn mount(destination: &str, fstype: &str, options: &[&str]) -> Value {
    json!({"destination": destination, "type": fstype, "source": fstype, "options": options})
}

/// New ones of all kinds, except as `joined` has it.
fn namespaces(user: bool, joined: &[Kind]) -> Value {
    let kinds = Kind::ALL.into_iter().filter(|kind| user || *kind != Kind::User);
    let entry = |kind: Kind| match joined.contains(&kind) {
        true => json!({"type": kind.oci_name(), "path": namespace_file(kind)}),
        false => json!({"type": kind.oci_name()}),
    };
    kinds.map(entry).collect()
}

fn made(config: &Value, facts: &HostFacts) -> Plan {
    plan("islet", &spec(config), facts, &Options { die_with_parent: true, ..Options::default() }).unwrap()
}

#[test]
fn root_with_the_defaults() {
    let plan = made(&config(&namespaces(false, &[])), &root());
    insta::assert_snapshot!(plan);
    insta::assert_snapshot!("root_with_the_defaults_as_json", serde_json::to_string_pretty(&plan).unwrap());
}

#[test]
fn an_ordinary_user_with_ranges_and_a_volume() {
    let mut config = config(&namespaces(true, &[]));
    let map = json!([
        {"containerID": 0, "hostID": USER, "size": 1},
        {"containerID": 1, "hostID": 100_000, "size": 65_536},
    ]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    let volume = json!({"destination": "/data", "source": "/home/user/data", "options": ["rbind", "rslave"]});
    config["mounts"].as_array_mut().unwrap().push(volume);
    insta::assert_snapshot!(made(&config, &user()));
}

#[test]
fn identity_over_layers() {
    let mut config = config(&namespaces(true, &[]));
    let map = json!([{"containerID": USER, "hostID": USER, "size": 1}]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    config["process"]["user"] = json!({"uid": USER, "gid": USER});
    config["annotations"]["holm.rootfs.overlay"] =
        json!({"lower": ["/store/b", "/store/a"]}).to_string().into();
    insta::assert_snapshot!(made(&config, &HostFacts { id_map_programs: false, ..user() }));
}

#[test]
fn the_namespaces_of_another_container_under_a_new_user_namespace() {
    let mut config = config(&namespaces(true, &[Kind::Network, Kind::Ipc, Kind::Pid]));
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 65_536}]);
    config["linux"]["uidMappings"] = map.clone();
    config["linux"]["gidMappings"] = map;
    config["annotations"]["holm.rootfs.overlay"] =
        json!({"lower": ["/store/b", "/store/a"]}).to_string().into();
    let mut facts = root();
    facts.cgroups.layout = hybrid();
    insta::assert_snapshot!(made(&config, &facts));
}

#[test]
fn a_process_in_the_container_of_an_ordinary_user() {
    let target = JoinTarget {
        inner: Kind::ALL.into_iter().collect(),
        outer: Kinds::default(),
        ids: Some((0, 0)),
        groups_denied: false,
        uid_outside: None,
        v1_cgroup: false,
    };
    let plan =
        plan_exec(&checked(&process()), &target, &Given::default(), &user(), &Options::default()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan).unwrap());
}

/// A container that shares the cgroup namespace of the host sees of each v1 hierarchy what is its own.
#[test]
fn the_cgroups_of_v1_without_a_namespace_of_their_own() {
    let kinds = json!([{"type": "mount"}, {"type": "pid"}, {"type": "uts"}]);
    let mut facts = root();
    facts.cgroups.layout = hybrid();
    let text = made(&config(&kinds), &facts).to_string();
    for directory in ["systemd", "cpu,cpuacct", "memory", "unified"] {
        let own = format!("/sys/fs/cgroup/{directory}/holm/islet");
        assert!(text.contains(&own), "{own} is not in {text}");
    }
    assert!(!text.contains("mount cgroup"), "{text}");
    let mut with = config(&json!([{"type": "mount"}, {"type": "pid"}, {"type": "uts"}, {"type": "cgroup"}]));
    with["mounts"][6]["options"] = json!(["ro"]);
    let text = made(&with, &facts).to_string();
    assert!(!text.contains("/sys/fs/cgroup/memory/holm/islet") && text.contains("mount cgroup"), "{text}");
}
