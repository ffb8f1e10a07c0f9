//! Plans in which systemd makes the cgroup.

use holm_cgroups::Whose;
use holm_plan::{CgroupDriver, Error, Options, Plan, Step, plan};
use serde_json::{Value, json};

use crate::given::spec;
use crate::hosts;

fn by_systemd(config: &Value, facts: &holm_plan::HostFacts) -> Result<Plan, Error> {
    plan("id", &spec(config), facts, &Options { cgroups: CgroupDriver::Systemd, ..Options::default() })
}

fn config(path: Option<&str>, annotations: &Value) -> Value {
    let mut config = json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "annotations": annotations,
        "mounts": [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"}],
        "linux": {
            "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "cgroup"}],
            "resources": {"pids": {"limit": 5}, "memory": {"limit": 10_000_000}},
        },
    });
    if let Some(path) = path {
        config["linux"]["cgroupsPath"] = path.into();
    }
    config
}

#[test]
fn the_unit_comes_first_and_its_limits_after_it() {
    for layout in [hosts::unified(), hosts::hybrid()] {
        let mut facts = hosts::root();
        facts.cgroups.layout = layout;
        let plan = by_systemd(&config(Some("a.slice:x:y"), &json!({})), &facts).unwrap();
        let steps: Vec<String> = plan.adopt.iter().map(ToString::to_string).collect();
        assert_eq!(steps[0], "have systemd start x-y.scope in a.slice");
        assert!(steps[1].starts_with("allow devices"), "{steps:?}");
        assert_eq!(steps[2], "limit pids");
        assert!(matches!(plan.confine.as_slice(), [Step::SetLimits { .. }]), "{:?}", plan.confine);
        // The child is moved by systemd: it is not born in a group, and enters none by itself.
        assert!(
            !plan.clone.into_cgroup && !plan.isolate.contains(&Step::EnterCgroup) && plan.prepare.is_empty()
        );
        assert_eq!(plan.undo, [Step::RemoveCgroup]);
    }
}

#[test]
fn the_machines_systemd_is_roots_and_each_user_has_one() {
    for (facts, expected, slice) in
        [(hosts::root(), Whose::System, "system.slice"), (hosts::user(), Whose::User, "user.slice")]
    {
        let mut config = config(None, &json!({}));
        if expected == Whose::User {
            config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "user"}));
            config["linux"]["uidMappings"] = json!([{"containerID": 0, "hostID": hosts::USER, "size": 1}]);
            config["linux"]["gidMappings"] = json!([{"containerID": 0, "hostID": hosts::USER, "size": 1}]);
        }
        let plan = by_systemd(&config, &facts).unwrap();
        let scope = plan.adopt.iter().find_map(|step| match step {
            Step::StartUnit { scope, .. } => Some(scope.clone()),
            _ => None,
        });
        let scope = scope.unwrap();
        assert_eq!((scope.whose, scope.unit.slice(), scope.unit.name()), (expected, slice, "holm-id.scope"));
    }
}

#[test]
fn annotations_ask_for_properties_of_the_unit() {
    let asked =
        json!({"org.systemd.property.TimeoutStopSec": "uint64 5", "org.systemd.other": "x", "a": "b"});
    let plan = by_systemd(&config(Some("a.slice:x:y"), &asked), &hosts::root()).unwrap();
    let Step::StartUnit { properties, .. } = &plan.adopt[0] else { panic!("{:?}", plan.adopt) };
    assert_eq!(properties.len(), 1);
    for (name, text) in [("TimeoutStopSec", "soon"), ("A", "1"), ("Memory.Max", "1")] {
        let asked = json!({format!("org.systemd.property.{name}"): text});
        let error = by_systemd(&config(Some("a.slice:x:y"), &asked), &hosts::root()).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_path_of_the_files_is_refused_with_the_form_that_systemd_wants() {
    let error = by_systemd(&config(Some("/holm/name"), &json!({})), &hosts::root()).unwrap_err();
    assert!(format!("{error:?}").contains("SLICE:PREFIX:NAME"), "{error:?}");
}
