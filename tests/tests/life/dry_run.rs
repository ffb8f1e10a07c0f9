//! `--dry-run`, and the steps that `-v` shows while they are done.

use holm_tests::{Ground, own_runtime};
use serde_json::Value;

fn each(test: impl Fn(&Ground)) {
    if own_runtime("the plan") {
        Ground::each(test);
    }
}

/// `holm [options] run ...` with the test's root; nothing but the options differs from call to call.
fn call(ground: &Ground, before: &[&str], options: &[&str]) -> holm_tests::Call {
    let (rootfs, name) = (ground.rootfs().to_str().unwrap(), ground.name("planned"));
    let call = ground.holm(before.iter().copied()).words(["run", "--rootfs", rootfs, "--name", &name]);
    call.words(["--hostname", "islet"]).words(options).words(["--", "/bin/sh", "-c", "echo made; exit 3"])
}

/// The numbered lines of a plan: number, who, what.
fn steps(plan: &str) -> Vec<(usize, String, String)> {
    let steps = plan.lines().filter_map(|line| {
        let (number, rest) = line.trim_start().split_once(". ")?;
        let (who, what) = rest.trim_start().split_once(' ')?;
        Some((number.parse().ok()?, who.to_owned(), what.trim().to_owned()))
    });
    steps.collect()
}

#[test]
fn the_text_numbers_the_steps_and_says_who_does_them() {
    each(|ground| {
        let finished = call(ground, &[], &["--dry-run"]).finish();
        let plan = finished.ok();
        let steps = steps(&plan);
        assert!(steps.len() > 20, "{plan}");
        for (at, (number, who, what)) in steps.iter().enumerate() {
            assert_eq!(*number, at + 1, "{plan}");
            assert!(["parent", "child", "between"].contains(&who.as_str()), "{who} {what}");
        }
        assert!(plan.contains("parent   clone3: one process in new namespaces: "), "{plan}");
        assert!(
            steps.iter().any(|(_, who, what)| who == "child" && what == "set the hostname islet"),
            "{plan}"
        );
        let execute = plan.lines().find(|line| line.contains("as its child")).unwrap();
        assert!(execute.contains("child") && execute.contains("echo made"), "{execute}");
        if ground.is_root() {
            assert_eq!(steps[0].1, "parent");
            assert_eq!(steps[0].2, format!("create cgroup /holm-{}", ground.name("planned")));
        }
    });
}

#[test]
fn nothing_is_made() {
    each(|ground| {
        for option in ["--dry-run", "--dry-run=text", "--dry-run=json"] {
            let finished = call(ground, &[], &[option]).finish();
            assert!(!finished.ok().contains("made\n"), "the command is not run");
            // Without the waiting of the end of a test: nothing may have been there even for a moment's cleaning.
            let states = ground.states();
            for directory in ["containers", "runtime"] {
                let entries = std::fs::read_dir(states.join(directory)).into_iter().flatten().flatten();
                let names: Vec<_> =
                    entries.map(|entry| entry.file_name()).filter(|name| name != ".lock").collect();
                assert!(names.is_empty(), "{names:?}");
            }
            ground.assert_clean();
            assert_eq!(ground.holm(["ps", "-q"]).finish().out, "");
        }
    });
}

#[test]
fn the_json_has_the_steps_of_the_text_in_their_order() {
    each(|ground| {
        let text = call(ground, &[], &["--dry-run"]).finish().ok();
        let plan: Value =
            serde_json::from_str(&call(ground, &[], &["--dry-run=json"]).finish().ok()).unwrap();
        assert_eq!(plan["id"], ground.name("planned"));
        let phases = ["prepare", "adopt", "isolate", "root", "enter", "privileges", "confine", "undo"];
        let of = |phase: &&str| plan[*phase].as_array().unwrap_or_else(|| panic!("{phase}: {plan}")).clone();
        let kinds: Vec<String> =
            phases.iter().flat_map(of).map(|step| step["step"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds.len(), steps(&text).len());
        let at =
            |kind: &str| kinds.iter().position(|other| other == kind).unwrap_or_else(|| panic!("{kind}"));
        assert!(at("setHostname") < at("severMounts"));
        assert!(at("severMounts") < at("makeRoot"));
        assert!(at("makeRoot") < at("mountFilesystem"));
        let last_mount = kinds.iter().rposition(|kind| kind == "mountFilesystem").unwrap();
        assert!(last_mount < at("enterRoot"));
        assert!(at("enterRoot") < at("dropBounding"));
        assert!(at("dropBounding") < at("setIds"));
        assert!(at("setIds") < at("setCapabilities"));
        assert_eq!(plan["command"]["args"], serde_json::json!(["/bin/sh", "-c", "echo made; exit 3"]));
        let namespaces = plan["clone"]["namespaces"].as_array().unwrap();
        assert_eq!(namespaces.contains(&"user".into()), !ground.is_root(), "{namespaces:?}");
    });
}

#[test]
fn what_is_planned_is_what_is_done() {
    each(|ground| {
        let plan = call(ground, &[], &["--dry-run"]).finish().ok();
        let finished = call(ground, &["-v"], &[]).finish();
        assert_eq!(finished.ends(3).out, "made\n");
        let undone = |what: &str| what == "remove the cgroup";
        let planned: Vec<_> = steps(&plan).into_iter().filter(|(_, _, what)| !undone(what)).collect();
        let done: Vec<_> = finished.err.lines().filter_map(step_line).map(|(step, _)| step).collect();
        assert_eq!(done, planned);
    });
}

/// `[ 7/70] child 0.130 ms  text`: the step, and how many milliseconds it took.
fn step_line(line: &str) -> Option<((usize, String, String), f64)> {
    let (number, rest) = line.split_once('[')?.1.split_once('/')?;
    let (who, rest) = rest.split_once("] ")?.1.split_once(' ')?;
    let (time, what) = rest.trim_start().split_once(" ms  ")?;
    Some(((number.trim().parse().ok()?, who.to_owned(), what.to_owned()), time.parse().ok()?))
}

#[test]
fn the_steps_are_shown_with_times_when_they_are_asked_for() {
    each(|ground| {
        let quiet = call(ground, &[], &[]).finish();
        assert_eq!((without_notes(&quiet.ends(3).err).as_str(), quiet.out.as_str()), ("", "made\n"));
        let variable = |value: &str| call(ground, &[], &[]).env("HOLM_LOG", value).finish();
        let flagged = call(ground, &["-v"], &[]).finish();
        for finished in
            [&flagged, &variable("steps"), &variable("debug"), &call(ground, &["-vv"], &[]).finish()]
        {
            assert_eq!(finished.ends(3).out, "made\n", "standard output is the command's alone");
            let times: Vec<f64> =
                without_notes(&finished.err).lines().map(|line| step_line(line).expect(line).1).collect();
            assert!(times.len() > 20 && times.iter().any(|time| *time > 0.0), "{}", finished.err);
        }
        let debug = without_notes(&variable("debug").err);
        let at =
            |line: &str| line.trim_start().split_once(" ms [").map(|(time, _)| time.parse::<f64>().unwrap());
        let moments: Vec<f64> = debug.lines().filter_map(at).collect();
        assert_eq!(moments.len(), debug.lines().count(), "{debug}");
        assert!(moments.is_sorted(), "{debug}");
        assert!(flagged.err.lines().all(|line| at(line).is_none()));
    });
}

/// Standard error without the note that a user without ranges gets.
fn without_notes(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with("note: ")).collect()
}
