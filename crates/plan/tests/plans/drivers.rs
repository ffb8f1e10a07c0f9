//! Who gets a cgroup, by what the caller may and what is asked for.

use holm_plan::{CgroupDriver, Options, Step, plan};
use serde_json::json;

use crate::given::spec;
use crate::hosts;

#[test]
fn a_cgroup_is_made_where_it_is_delegated_or_demanded() {
    use CgroupDriver::{Disabled, Files, FilesAlways, FilesIfDelegated};
    let mut confined = hosts::root();
    confined.cgroups.delegated = false;
    let hosts = [hosts::root(), confined, hosts::user()];
    let config = json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "user"}],
            "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]},
    });
    for (driver, made) in [
        (Files, [true, true, false]),
        (FilesIfDelegated, [true, false, false]),
        (FilesAlways, [true, true, true]),
        (Disabled, [false; 3]),
    ] {
        for (host, made) in hosts.iter().zip(made) {
            let options = Options { cgroups: driver, ..Options::default() };
            let plan = plan("id", &spec(&config), host, &options).unwrap();
            let makes = plan.prepare.iter().any(|step| matches!(step, Step::CreateCgroup { .. }));
            assert_eq!(makes, made, "{driver:?}");
        }
    }
}
