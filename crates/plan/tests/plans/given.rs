//! Configurations that a plan may be made of: as JSON, the way they come, through the checks of holm-spec.

use std::path::Path;

use holm_namespaces::Kind;
use holm_plan::Options;
use holm_spec::Spec;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use crate::hosts::USER;

/// What a bundle's path is in these tests.
pub(crate) const BUNDLE: &str = "/run/bundle";

/// Reads a configuration that the specification allows.
pub(crate) fn spec(config: &Value) -> Spec {
    let config = serde_json::from_value(config.clone()).expect("it has the form of a configuration");
    Spec::check(&config, Path::new(BUNDLE)).expect("the specification allows it")
}

/// The path of a namespace that is joined.
pub(crate) fn namespace_file(kind: Kind) -> String {
    format!("/proc/7/ns/{}", kind.proc_name())
}

/// What is asked of one kind of namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Share,
    New,
    Join,
}

/// For each kind, in the order of [`Kind::ALL`].
type Wishes = [Wish; 8];

fn wish() -> impl Strategy<Value = Wish> {
    prop_oneof![2 => Just(Wish::Share), 4 => Just(Wish::New), 2 => Just(Wish::Join)]
}

/// Few without a new mount namespace.
fn wishes() -> impl Strategy<Value = Wishes> {
    let mount = prop_oneof![30 => Just(Wish::New), 1 => Just(Wish::Share), 1 => Just(Wish::Join)];
    (mount, [wish(), wish(), wish(), wish(), wish(), wish(), wish()])
        .prop_map(|(mount, [a, b, c, d, e, f, g])| [mount, a, b, c, d, e, f, g])
}

fn of_kind(wishes: &Wishes, kind: Kind) -> Wish {
    let place = Kind::ALL.iter().position(|other| *other == kind).unwrap();
    wishes[place]
}

fn namespaces(wishes: &Wishes) -> Value {
    let entry = |(kind, wish): (Kind, Wish)| match wish {
        Wish::Share => None,
        Wish::New => Some(json!({"type": kind.oci_name()})),
        Wish::Join => Some(json!({"type": kind.oci_name(), "path": namespace_file(kind)})),
    };
    Kind::ALL.into_iter().zip(*wishes).filter_map(entry).collect()
}

fn maps() -> impl Strategy<Value = Value> {
    let line = |container: u32, host: u32, size: u32| json!({"containerID": container, "hostID": host, "size": size});
    select(vec![
        json!([line(0, USER, 1)]),
        json!([line(USER, USER, 1)]),
        json!([line(0, 0, 1)]),
        json!([line(0, 100_000, 65_536)]),
        json!([line(0, USER, 1), line(1, 100_000, 65_535)]),
        json!([line(5, 100_000, 10)]),
    ])
}

/// Parameters of namespaces that are not the host's.
fn sysctls(wishes: &Wishes, wanted: bool) -> Value {
    let names = [
        (Kind::Network, "net.ipv4.ip_forward"),
        (Kind::Network, "net/ipv4/conf/lo/forwarding"),
        (Kind::Ipc, "kernel.msgmax"),
        (Kind::Uts, "kernel.domainname"),
    ];
    let own = names.into_iter().filter(|(kind, _)| wanted && of_kind(wishes, *kind) != Wish::Share);
    own.map(|(_, name)| (name.to_owned(), json!("1"))).collect::<Map<_, _>>().into()
}

#[derive(Debug, Clone)]
struct LinuxWords {
    uid_map: Value,
    gid_map: Value,
    maps_of_joined: bool,
    offsets: bool,
    sysctls: bool,
    cgroups_path: Option<&'static str>,
    masked: Vec<&'static str>,
    readonly: Vec<&'static str>,
    propagation: Option<&'static str>,
    devices: bool,
    limits: bool,
}

fn linux_words() -> impl Strategy<Value = LinuxWords> {
    let propagation =
        select(vec!["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable"]);
    let path = select(vec!["/holm/name", "below/own", "", "/holm/../out", "system.slice:cri:1"]);
    let paths = || subsequence(vec!["/proc/kcore", "/proc/keys", "/sys/firmware", "/proc/sys"], 0..=4);
    ((maps(), maps()), any::<[bool; 7]>(), of(path), paths(), paths(), of(propagation)).prop_map(
        |(
            (uid_map, gid_map),
            [maps_of_joined, offsets, sysctls, devices, limited, much, often],
            cgroups_path,
            masked,
            readonly,
            propagation,
        )| {
            LinuxWords {
                uid_map,
                gid_map,
                maps_of_joined,
                offsets,
                sysctls,
                cgroups_path,
                masked,
                readonly,
                propagation,
                devices,
                limits: limited && much && often,
            }
        },
    )
}

fn linux(wishes: &Wishes, words: &LinuxWords) -> Value {
    let mut linux = json!({
        "namespaces": namespaces(wishes),
        "sysctl": sysctls(wishes, words.sysctls),
        "maskedPaths": words.masked,
        "readonlyPaths": words.readonly,
    });
    let user = of_kind(wishes, Kind::User);
    if user == Wish::New || (user == Wish::Join && words.maps_of_joined) {
        linux["uidMappings"] = words.uid_map.clone();
        linux["gidMappings"] = words.gid_map.clone();
    }
    if words.offsets && of_kind(wishes, Kind::Time) == Wish::New {
        linux["timeOffsets"] = json!({"monotonic": {"secs": 3600}, "boottime": {"secs": -60}});
    }
    if let Some(path) = words.cgroups_path {
        linux["cgroupsPath"] = path.into();
    }
    if words.devices {
        linux["devices"] = json!([{"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229},
                                  {"path": "/run/pipe", "type": "p"}]);
    }
    if words.offsets {
        linux["personality"] = json!({"domain": "LINUX32"});
        linux["memoryPolicy"] = json!({"mode": "MPOL_BIND", "nodes": "0"});
        linux["mountLabel"] = "a:b:c:d".into();
    }
    if words.limits {
        linux["resources"] = json!({"memory": {"limit": 1_000_000}, "pids": {"limit": 50},
                                    "devices": [{"allow": false, "access": "rwm"}]});
    }
    if words.limits {
        linux["intelRdt"] = json!({"l3CacheSchema": "L3:0=f", "enableMonitoring": true});
    }
    if words.limits && of_kind(wishes, Kind::Network) != Wish::Share {
        linux["netDevices"] = json!({"eth1": {"name": "net%d"}, "eth2": {}});
    }
    if let Some(word) = words.propagation {
        linux["rootfsPropagation"] = word.into();
    }
    linux
}

fn mounts() -> impl Strategy<Value = Vec<Value>> {
    let mount = |destination: &str, fstype: &str, source: &str, options: &[&str]| json!({"destination": destination, "type": fstype, "source": source, "options": options});
    let all = vec![
        mount("/proc", "proc", "proc", &["nosuid", "noexec"]),
        mount("/dev", "tmpfs", "tmpfs", &["mode=755", "strictatime"]),
        mount("/dev", "bind", "/dev", &["rbind"]),
        mount("/dev/pts", "devpts", "devpts", &["newinstance"]),
        mount("/sys", "sysfs", "sysfs", &["ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["ro"]),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid"]),
        mount("/data", "bind", "/srv/data", &["rbind", "rslave"]),
        mount("/etc/hosts", "bind", "hosts", &["bind", "ro", "rprivate"]),
        mount("/mapped", "bind", "/srv/mapped", &["rbind", "idmap"]),
        mount("/tree", "bind", "/srv/tree", &["rbind", "ridmap", "rro"]),
        mount("/run", "tmpfs", "tmpfs", &["tmpcopyup", "ro"]),
        mount("/run", "tmpfs", "tmpfs", &["remount", "size=1m"]),
        mount("/link", "bind", "/srv/link", &["bind", "copy-symlink", "ro"]),
    ];
    subsequence(all, 0..=14).prop_shuffle()
}

const CAPABILITIES: [&str; 4] = ["CAP_CHOWN", "CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_RAW"];

fn capabilities() -> impl Strategy<Value = Value> {
    let set = || subsequence(CAPABILITIES.to_vec(), 0..=4);
    (set(), set(), set(), set(), set()).prop_map(|(bounding, effective, permitted, inheritable, ambient)| {
        json!({"bounding": bounding, "effective": effective, "permitted": permitted,
               "inheritable": inheritable, "ambient": ambient})
    })
}

pub(crate) fn process() -> impl Strategy<Value = Value> {
    let limits = subsequence(vec!["RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_CORE"], 0..=3);
    let ids = select(vec![0, 1, USER, 65_534]);
    let cwd = select(vec!["/", "/home", "/dev/shm"]);
    (any::<[bool; 2]>(), (ids.clone(), ids), capabilities(), limits, of(select(vec![0o22, 0o77])), cwd)
        .prop_map(|([terminal, no_new_privileges], (uid, gid), capabilities, limits, umask, cwd)| {
            let limit = |name: &str| json!({"type": name, "soft": 10, "hard": 20});
            let mut process = json!({
                "terminal": terminal, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": cwd,
                "user": {"uid": uid, "gid": gid, "additionalGids": [7]},
                "capabilities": capabilities, "noNewPrivileges": no_new_privileges,
                "rlimits": limits.into_iter().map(limit).collect::<Vec<_>>(),
            });
            if let Some(umask) = umask {
                process["user"]["umask"] = umask.into();
                // All of them or none: none depends on another.
                process["oomScoreAdj"] = 100.into();
                process["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 3});
                process["ioPriority"] = json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0});
                process["apparmorProfile"] = "profile".into();
                process["selinuxLabel"] = "a:b:c:d".into();
            }
            process
        })
}

/// What is said as annotations of the root, and of the init.
fn annotations() -> impl Strategy<Value = Value> {
    let layers = r#"{"lower": ["/store/b", "/store/a"], "size": "1g"}"#;
    let parts = r#"{"parts": ["/usr", "/etc"], "links": [["/bin", "usr/bin"]]}"#;
    (of(select(vec![layers, parts])), any::<bool>()).prop_map(|(overlay, init)| {
        let mut annotations = json!({"holm.init": init.to_string()});
        if let Some(overlay) = overlay {
            annotations["holm.rootfs.overlay"] = overlay.into();
        }
        annotations
    })
}

/// A list of hooks of each kind, most of them empty.
fn hooks() -> impl Strategy<Value = Value> {
    let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
    vec(select(vec![0, 0, 1, 2]), kinds.len()).prop_map(move |lengths| {
        let list = |length| -> Value {
            (0..length).map(|at| json!({"path": format!("/hooks/{at}"), "timeout": 9})).collect()
        };
        kinds
            .into_iter()
            .zip(lengths)
            .map(|(kind, length)| (kind.to_owned(), list(length)))
            .collect::<Map<_, _>>()
            .into()
    })
}

/// Every kind of configuration, most of them such that there is a plan on most hosts.
pub(crate) fn any_config() -> impl Strategy<Value = Value> {
    (wishes(), linux_words(), mounts(), of(process()), annotations(), hooks(), any::<[bool; 4]>()).prop_map(
        |(wishes, words, mounts, process, annotations, hooks, [named, name_anyway, readonly, filtered])| {
            let mut config = json!({
                "ociVersion": "1.2.0", "root": {"path": "rootfs", "readonly": readonly},
                "mounts": mounts, "linux": linux(&wishes, &words), "annotations": annotations, "hooks": hooks,
            });
            if let Some(process) = process {
                config["process"] = process;
            }
            if filtered {
                let rule = json!({"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"});
                config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]});
            }
            // Names without a UTS namespace are refused: seldom said here.
            if named && (of_kind(&wishes, Kind::Uts) != Wish::Share || (name_anyway && readonly)) {
                config["hostname"] = "islet".into();
                config["domainname"] = "river".into();
            }
            config
        },
    )
}

pub(crate) fn any_options() -> impl Strategy<Value = Options> {
    any::<[bool; 3]>().prop_map(|[die_with_parent, keep_keyring, no_pivot]| Options {
        no_pivot,
        die_with_parent,
        keep_keyring,
        ..Options::default()
    })
}

/// Words that nobody should write into a configuration, and some that look like what belongs there.
pub(crate) fn odd_words() -> impl Strategy<Value = Vec<String>> {
    vec("(/|\\.|\\.\\.|net|kernel|fs|mqueue|[a-c]|é|=|:|\\PC){0,8}", 1..6)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    use super::*;
    use crate::hosts::any_host;
    use crate::steps::making;

    /// Without this an invariant could hold because nothing that it is about ever comes up.
    #[test]
    fn most_have_a_plan_and_together_they_have_every_step_of_one() {
        let mut runner = TestRunner::deterministic();
        let given = (any_config(), any_host(), any_options());
        let (mut plans, mut steps) = (0, BTreeSet::new());
        for _ in 0..2000 {
            let (config, facts, options) = given.new_tree(&mut runner).unwrap().current();
            let Ok(plan) = holm_plan::plan("id", &spec(&config), &facts, &options) else { continue };
            plans += 1;
            let names = making(&plan).into_iter().map(|(_, step)| serde_json::to_value(step).unwrap());
            steps.extend(names.map(|step| step["step"].as_str().unwrap().to_owned()));
        }
        assert!(plans > 650, "only {plans} of 2000 have a plan");
        // All but RemoveCgroup and RemoveRdtGroup, which undo, and JoinProcess, which is an exec's.
        assert_eq!(steps.len(), 52, "{steps:?}");
    }
}
