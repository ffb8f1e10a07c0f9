//! Groups of resctrl. No machine that the tests are run on has Intel RDT: what a container is made with is tried in the
//! crate, and here what is done with a group that is written down of it, with a directory in its place.

use std::path::{Path, PathBuf};

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Ground, own_runtime};
use serde_json::{Value, json};

fn is_mounted() -> bool {
    std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(" - resctrl ")
}

/// A container that sleeps, of which this group is written down, in which it has been made.
fn sleeper<'a>(ground: &'a Ground, word: &str, group: &Path) -> Bundle<'a> {
    let bundle = Bundle::of(ground, word, &config(ground, "exec sleep 1000"));
    bundle.create(&[]).ok();
    bundle.call("start").ok();
    change_record(ground, &bundle, |record| {
        record["rdt"] = json!({ "group": group, "removable": [group] });
    });
    bundle
}

fn change_record(ground: &Ground, bundle: &Bundle<'_>, change: impl FnOnce(&mut Value)) {
    let file = ground.states().join("runtime").join(&bundle.id).join("state.json");
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    change(&mut record);
    std::fs::write(&file, record.to_string()).unwrap();
}

/// A directory with the files of a group.
fn group(ground: &Ground) -> PathBuf {
    let group = ground.new_directory("group");
    for file in ["schemata", "tasks"] {
        ground.new_file(&format!("group/{file}"), "");
    }
    group
}

#[test]
fn without_the_file_system_it_is_refused_by_name() {
    if !own_runtime("linux.intelRdt") || is_mounted() {
        return;
    }
    Ground::each(|ground| {
        for section in
            [json!({}), json!({ "closID": "gold", "schemata": ["L3:0=f"], "enableMonitoring": true })]
        {
            let mut config = config(ground, "exit 0");
            config["linux"]["intelRdt"] = section;
            let bundle = Bundle::of(ground, "absent", &config);
            let told = bundle.run().fails(125);
            told.mentions("linux.intelRdt").mentions("no resctrl file system is mounted").helps();
            assert_ne!(bundle.call("state").status, 0);
        }
        let mut config = config(ground, "exit 0");
        config["linux"]["intelRdt"] = json!({ "closID": "../gold" });
        Bundle::of(ground, "name", &config).run().fails(125).mentions("linux.intelRdt.closID");
    });
}

#[test]
fn a_process_of_an_exec_is_put_into_the_group() {
    let Some(ground) = own_runtime("linux.intelRdt").then(Ground::root).flatten() else { return };
    let group = group(&ground);
    let bundle = sleeper(&ground, "exec", &group);
    let pid_file = ground.path("pid");
    let words = ["exec", "--pid-file", pid_file.to_str().unwrap(), &bundle.id, "true"];
    bundle.oci(&words).finish().ok();
    assert_eq!(
        std::fs::read_to_string(group.join("tasks")).unwrap(),
        std::fs::read_to_string(pid_file).unwrap()
    );
    // Who cannot get in does not run.
    std::fs::remove_file(group.join("tasks")).unwrap();
    let told = bundle.oci(&["exec", &bundle.id, "echo", "ran"]).finish().fails(125);
    told.mentions("enter the resctrl group").mentions("group/tasks");
    std::fs::remove_file(group.join("schemata")).unwrap();
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
}

#[test]
fn an_update_writes_the_lines_and_a_deletion_removes_what_was_made() {
    let Some(ground) = own_runtime("linux.intelRdt").then(Ground::root).flatten() else { return };
    let group = group(&ground);
    let bundle = sleeper(&ground, "update", &group);
    let update = |options: &[&str]| bundle.oci(&["update"]).words(options).word(&bundle.id).finish();
    let schemata = || std::fs::read_to_string(group.join("schemata")).unwrap();
    update(&["--l3-cache-schema", "L3:0=f;1=3", "--mem-bw-schema", "MB:0=20"]).ok();
    assert_eq!(schemata(), "L3:0=f;1=3\nMB:0=20\n");
    update(&["--mem-bw-schema", "MB:0=30", "--pids-limit", "17"]).ok();
    assert_eq!(schemata(), "MB:0=30\n");
    update(&["--mem-bw-schema", "L3:0=f"]).fails(125).mentions("memBwSchema");
    assert_eq!(schemata(), "MB:0=30\n");
    // What is there is the kernel's to take along; here it would be in the way.
    for file in ["schemata", "tasks"] {
        std::fs::remove_file(group.join(file)).unwrap();
    }
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
    assert!(!group.exists());
}

#[test]
fn a_group_that_cannot_be_removed_is_told_of_and_one_that_is_gone_is_fine() {
    let Some(ground) = own_runtime("linux.intelRdt").then(Ground::root).flatten() else { return };
    let group = group(&ground);
    let bundle = sleeper(&ground, "stays", &group);
    let told = bundle.oci(&["delete", "-f", &bundle.id]).finish().fails(125);
    told.mentions("remove the resctrl group of container");
    std::fs::remove_dir_all(&group).unwrap();
    bundle.oci(&["delete", &bundle.id]).finish().ok();
}

#[test]
fn a_container_without_a_group_has_none_to_update() {
    if !own_runtime("linux.intelRdt") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let bundle = Bundle::of(&ground, "none", &config(&ground, "exec sleep 1000"));
    bundle.create(&[]).ok();
    let update = bundle.oci(&["update", "--l3-cache-schema", "L3:0=f", &bundle.id]).finish();
    update.fails(125).mentions("no group of resctrl").mentions("linux.intelRdt");
    bundle.oci(&["delete", "-f", &bundle.id]).finish().ok();
}
