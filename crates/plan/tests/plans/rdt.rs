//! Plans with a group of resctrl.

use holm_cgroups::{RdtGroup, RdtOrigin};
use holm_plan::{Error, HostFacts, Options, Plan, Step, plan};
use serde_json::{Value, json};

use crate::given::spec;
use crate::hosts;

fn planned(section: &Value, facts: &HostFacts) -> Result<Plan, Error> {
    let config = json!({
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}], "intelRdt": section},
    });
    plan("box", &spec(&config), facts, &Options::default())
}

fn group(section: &Value) -> RdtGroup {
    let plan = planned(section, &hosts::root()).unwrap();
    assert!(plan.adopt.contains(&Step::EnterRdtGroup));
    assert_eq!(plan.undo.last(), Some(&Step::RemoveRdtGroup), "when all processes are gone");
    let group = plan.prepare.first().and_then(|step| match step {
        Step::MakeRdtGroup { group } => Some(RdtGroup::clone(group)),
        _ => None,
    });
    group.expect("it comes first")
}

#[test]
fn whose_the_class_is_depends_on_its_name_and_on_what_is_said_of_it() {
    let of = |section: Value| {
        let group = group(&section);
        (group.directory().display().to_string(), group.origin, group.monitor)
    };
    let directory = |name: &str| format!("/sys/fs/resctrl{name}");
    assert_eq!(of(json!({})), (directory("/box"), RdtOrigin::New, None));
    assert_eq!(of(json!({"l3CacheSchema": "L3:0=f"})), (directory("/box"), RdtOrigin::New, None));
    let gold = |name: &str, value: Value| json!({"closID": "gold", name: value});
    assert_eq!(of(gold("memBwSchema", "".into())), (directory("/gold"), RdtOrigin::Given, None));
    assert_eq!(of(gold("memBwSchema", "MB:0=20".into())), (directory("/gold"), RdtOrigin::Either, None));
    assert_eq!(of(gold("schemata", json!(["L3:0=f"]))), (directory("/gold"), RdtOrigin::Either, None));
    let monitored = (directory("/gold"), RdtOrigin::Given, Some("box".to_owned()));
    assert_eq!(of(gold("enableMonitoring", true.into())), monitored);
    assert_eq!(of(json!({"closID": "/"})), (directory(""), RdtOrigin::Given, None));
}

#[test]
fn without_the_file_system_there_is_no_plan_and_nobody_else_needs_it() {
    let facts = HostFacts { resctrl: None, ..hosts::root() };
    let error = planned(&json!({}), &facts).unwrap_err();
    assert!(error.to_string().contains("no resctrl file system is mounted"), "{error}");
    assert!(planned(&Value::Null, &facts).is_ok());
}
