use serde_json::{Value, json};

use super::*;
use crate::Spec;

fn checked(linux: &Value) -> Result<Spec, Error> {
    let config = json!({ "ociVersion": "1.3.0", "root": { "path": "rootfs" }, "linux": linux });
    let config = serde_json::from_value(config).unwrap();
    Spec::check(&config, Path::new("/bundle"))
}

fn limits(resources: &Value) -> Result<Limits, Error> {
    Ok(checked(&json!({ "resources": resources }))?.linux.limits)
}

#[test]
fn without_a_word_nothing_is_limited_and_the_usual_devices_are_allowed() {
    for resources in [json!({}), json!({ "memory": {}, "cpu": { "cpus": "" }, "unified": {} })] {
        let limits = limits(&resources).unwrap();
        assert!(limits.resources.is_empty(), "{limits:?}");
        assert!(!limits.devices.default_allow());
        assert_eq!(limits.devices.exceptions().len(), 11);
    }
}

#[test]
fn the_usual_devices_need_no_linux_section() {
    let config =
        serde_json::from_value(json!({ "ociVersion": "1.3.0", "root": { "path": "rootfs" } })).unwrap();
    let spec = Spec::check(&config, Path::new("/bundle")).unwrap();
    assert_eq!(spec.linux.limits.devices.exceptions().len(), 11);
}

#[test]
fn each_section_becomes_a_limit() {
    let all = limits(&json!({
        "memory": { "limit": 1_000_000, "swap": 2_000_000, "checkBeforeUpdate": true },
        "cpu": { "shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0-1,3", "mems": "0" },
        "pids": { "limit": 7 },
        "blockIO": { "weight": 100, "throttleReadBpsDevice": [{ "major": 8, "minor": 0, "rate": 600 }] },
        "hugepageLimits": [{ "pageSize": "2MB", "limit": 4_194_304 }],
        "network": { "classID": 1_048_577, "priorities": [{ "name": "eth0", "priority": 5 }] },
        "rdma": { "mlx5_1": { "hcaHandles": 3 } },
        "unified": { "memory.high": "100000", "hugetlb.1GB.max": "max" },
    }))
    .unwrap()
    .resources;
    let names = ["memory", "cpu", "cpuset", "pids", "io", "hugetlb", "net_cls", "net_prio", "rdma"];
    assert_eq!(all.controllers(), names);
    assert_eq!((all.memory.limit, all.memory.swap, all.pids), (Some(1_000_000), Some(2_000_000), Some(7)));
    assert_eq!(all.cpuset.cpus.as_deref(), Some("0-1,3"));
    assert_eq!(all.rdma["mlx5_1"].hca_handles, Some(3));
}

#[test]
fn what_is_out_of_bounds_is_refused_by_its_path() {
    let wrong = [
        (json!({ "memory": { "limit": -2 } }), "linux.resources.memory.limit"),
        (json!({ "memory": { "limit": 20, "swap": 10 } }), "linux.resources.memory.swap"),
        (json!({ "memory": { "swap": 10 } }), "linux.resources.memory.swap"),
        (json!({ "memory": { "swappiness": 101 } }), "linux.resources.memory.swappiness"),
        (json!({ "cpu": { "period": 999 } }), "linux.resources.cpu.period"),
        (json!({ "cpu": { "quota": 5 } }), "linux.resources.cpu.quota"),
        (json!({ "cpu": { "idle": 2 } }), "linux.resources.cpu.idle"),
        (json!({ "cpu": { "cpus": "1-" } }), "linux.resources.cpu.cpus"),
        (json!({ "cpu": { "mems": "3-1" } }), "linux.resources.cpu.mems"),
        (json!({ "pids": { "limit": -2 } }), "linux.resources.pids.limit"),
        (json!({ "blockIO": { "weight": 9 } }), "linux.resources.blockIO.weight"),
        (
            json!({ "blockIO": { "throttleWriteIOPSDevice": [{ "major": -8, "minor": 0, "rate": 1 }] } }),
            "linux.resources.blockIO.throttleWriteIOPSDevice[0].major",
        ),
        (
            json!({ "hugepageLimits": [{ "pageSize": "2M", "limit": 1 }] }),
            "linux.resources.hugepageLimits[0].pageSize",
        ),
        (
            json!({ "hugepageLimits": [{ "pageSize": "../MB", "limit": 1 }] }),
            "linux.resources.hugepageLimits[0].pageSize",
        ),
        (
            json!({ "network": { "priorities": [{ "name": "a b", "priority": 1 }] } }),
            "linux.resources.network.priorities[0].name",
        ),
        (json!({ "unified": { "../cgroup.procs": "1" } }), "linux.resources.unified"),
        (json!({ "unified": { "memory": "1" } }), "linux.resources.unified"),
        (json!({ "devices": [{ "allow": true, "access": "x" }] }), "linux.resources.devices[0].access"),
        (json!({ "devices": [{ "allow": true, "type": "p" }] }), "linux.resources.devices[0].type"),
        (
            json!({ "devices": [{ "allow": true, "type": "c", "major": -2 }] }),
            "linux.resources.devices[0].major",
        ),
    ];
    for (resources, field) in wrong {
        let error = limits(&resources).unwrap_err().to_string();
        assert!(error.starts_with(&format!("config.json: {field} is ")), "{error} for {resources}");
    }
}

#[test]
fn a_rule_for_all_devices_of_a_number_is_for_both_kinds_and_not_for_all() {
    let one = json!([
        { "allow": false, "access": "rwm" },
        { "allow": true, "type": "a", "major": 10, "minor": 229, "access": "rw" },
    ]);
    let policy = limits(&json!({ "devices": one })).unwrap().devices;
    let lines: Vec<String> = policy.exceptions().iter().map(ToString::to_string).collect();
    assert!(!policy.default_allow());
    assert_eq!(lines[..2], ["b 10:229 rw", "c 10:229 rw"]);
}

#[test]
fn cgroups_paths_are_cleaned_as_runc_cleans_them() {
    let path = |path: &str| {
        let spec = checked(&json!({ "cgroupsPath": path }));
        spec.map(|spec| spec.linux.cgroups_path)
    };
    let taken = [
        ("", None),
        ("/a/b", Some("/a/b")),
        ("//a/./b//", Some("/a/b")),
        ("/../a/../b", Some("/b")),
        ("../../a", Some("a")),
        ("system.slice:cri:1", Some("system.slice:cri:1")),
    ];
    for (given, cleaned) in taken {
        assert_eq!(path(given).unwrap().as_deref(), cleaned, "{given}");
    }
    for given in ["/", "..", "/a/..", "a\nb"] {
        assert!(path(given).is_err(), "{given:?}");
    }
}
