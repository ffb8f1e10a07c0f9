//! systemd makes the cgroup: what it knows of the container, and what is left of it.

use std::process::Command;

use holm_tests::bundle::config;
use holm_tests::{Bundle, Call, Finished, Ground, is_root};
use serde_json::{Value, json};

use crate::{group, on_the_machine, value};

/// A container under systemd: its bundle, and its unit.
struct Unit<'a> {
    bundle: Bundle<'a>,
    name: String,
}

impl<'a> Unit<'a> {
    fn new(ground: &'a Ground, word: &str, change: impl Fn(&mut Value)) -> Self {
        let id = ground.name(word);
        let mut config = config(ground, "sleep 1000");
        config["linux"]["cgroupsPath"] = format!("{}:pre:{id}", slice()).into();
        change(&mut config);
        Self { bundle: Bundle::of(ground, word, &config), name: format!("pre-{id}.scope") }
    }

    fn runtime(&self, words: &[&str]) -> Call {
        with_bus(self.bundle.runtime(words))
    }

    /// `create` lets go of its standard streams for the container.
    fn create(&self) -> Finished {
        let call = self.runtime(&["--systemd-cgroup", "create", &self.bundle.id]);
        call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish()
    }

    /// A container that is created; its pid.
    fn created(&self) -> i32 {
        let finished = self.create();
        assert!(finished.status == 0, "{}", self.bundle.written("err"));
        let state: Value =
            serde_json::from_str(&self.runtime(&["state", &self.bundle.id]).finish().ok()).unwrap();
        state["pid"].as_i64().unwrap().try_into().unwrap()
    }

    fn delete(&self) {
        self.runtime(&["delete", "--force", &self.bundle.id]).finish().ok();
        assert_eq!(property(&self.name, "LoadState"), "not-found");
    }
}

fn slice() -> &'static str {
    if is_root() { "system.slice" } else { "user.slice" }
}

/// The buses are in places that the tests' ground hides.
fn with_bus(call: Call) -> Call {
    if is_root() {
        return call.env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/proc/1/root/run/dbus/system_bus_socket");
    }
    call.env("DBUS_SESSION_BUS_ADDRESS", &std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap())
}

fn systemctl(words: &[&str]) -> String {
    let mut command = if is_root() {
        let mut command = Command::new("nsenter");
        command.args(["--target", "1", "--mount", "systemctl"]);
        command
    } else {
        let mut command = Command::new("systemctl");
        command.arg("--user");
        command
    };
    let output = command.args(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn property(unit: &str, name: &str) -> String {
    systemctl(&["show", "--value", "--property", name, unit]).trim().to_owned()
}

fn limits() -> Value {
    json!({
        "memory": { "limit": 50_331_648, "reservation": 16_777_216 },
        "cpu": { "shares": 512, "quota": 12_345, "period": 50_000, "cpus": "1" },
        "pids": { "limit": 33 },
    })
}

#[test]
fn a_scope_has_the_limits_and_keeps_them() {
    on_the_machine(|ground| {
        let unit = Unit::new(ground, "scope", |config| config["linux"]["resources"] = limits());
        let pid = unit.created();
        let group = group(pid);
        assert!(group.ends_with(format!("{}/{}", slice(), unit.name)), "{group:?}");
        let expected = [
            ("ActiveState", "active"),
            ("Slice", slice()),
            ("Delegate", "yes"),
            ("MemoryMax", "50331648"),
            ("MemoryLow", "16777216"),
            ("CPUWeight", "59"),
            ("CPUQuotaPerSecUSec", "250ms"),
            ("CPUQuotaPeriodUSec", "50ms"),
            ("AllowedCPUs", "1"),
            ("TasksMax", "33"),
        ];
        for (name, wanted) in expected {
            assert_eq!(property(&unit.name, name), wanted, "{name}");
        }
        let files = [
            ("memory.max", "50331648"),
            ("memory.low", "16777216"),
            ("cpu.max", "12345 50000"),
            ("cpu.weight", "59"),
            ("cpuset.cpus", "1"),
            ("pids.max", "33"),
        ];
        let check = || files.map(|(file, _)| (file, value(pid, file)));
        assert_eq!(check(), files.map(|(file, text)| (file, text.to_owned())));
        systemctl(&["daemon-reload"]);
        // systemd rounds a quota to a hundredth of a second of CPU when it writes it again; the rest is exact.
        let again = files
            .map(|(file, text)| (file, if file == "cpu.max" { value(pid, file) } else { text.to_owned() }));
        assert_eq!(check(), again);
        unit.delete();
        assert!(!group.exists());
    });
}

#[test]
fn an_update_reaches_systemd_and_the_files() {
    on_the_machine(|ground| {
        let unit = Unit::new(ground, "update", |config| config["linux"]["resources"] = limits());
        let pid = unit.created();
        unit.runtime(&["update", "--pids-limit", "44", "--memory", "67108864", &unit.bundle.id])
            .finish()
            .ok();
        assert_eq!([value(pid, "pids.max"), value(pid, "memory.max")], ["44", "67108864"]);
        assert_eq!(property(&unit.name, "TasksMax"), "44");
        assert_eq!(property(&unit.name, "MemoryMax"), "67108864");
        unit.delete();
    });
}

#[test]
fn what_joins_is_in_the_scope_and_dies_with_it() {
    on_the_machine(|ground| {
        let unit = Unit::new(ground, "exec", |_| ());
        let pid = unit.created();
        unit.runtime(&["start", &unit.bundle.id]).finish().ok();
        let script = ["exec", "--detach", "--pid-file", "exec.pid", &unit.bundle.id, "/bin/sleep", "1000"];
        let call = unit.runtime(&script);
        call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish().ok();
        let other: i32 = unit.bundle.written("exec.pid").trim().parse().unwrap();
        assert_eq!(group(other), group(pid));
        unit.delete();
        assert!(!std::path::Path::new(&format!("/proc/{other}")).exists());
    });
}

#[test]
fn a_run_without_a_path_has_a_scope_of_its_own_and_leaves_none() {
    on_the_machine(|ground| {
        let unit = Unit::new(ground, "run", |config| {
            config["linux"].as_object_mut().unwrap().remove("cgroupsPath");
            config["process"]["args"] = json!(["/bin/sh", "-c", "cat /proc/self/cgroup; exit 7"]);
        });
        let finished = unit.runtime(&["--cgroup-manager", "systemd", "run", &unit.bundle.id]).finish();
        assert_eq!(finished.status, 7, "{}", finished.err);
        let name = format!("holm-{}.scope", unit.bundle.id);
        assert!(finished.out.trim().ends_with(&format!("{}/{name}", slice())), "{}", finished.out);
        assert_eq!(property(&name, "LoadState"), "not-found");
    });
}

#[test]
fn annotations_set_properties() {
    on_the_machine(|ground| {
        let unit = Unit::new(ground, "asked", |config| {
            config["annotations"] = json!({ "org.systemd.property.TimeoutStopSec": "7",
                                            "org.systemd.property.Description": "'an islet'" });
        });
        unit.created();
        assert_eq!(property(&unit.name, "TimeoutStopUSec"), "7s");
        assert_eq!(property(&unit.name, "Description"), "an islet");
        unit.delete();
    });
}

#[test]
fn what_systemd_does_not_do_is_told_and_leaves_nothing() {
    on_the_machine(|ground| {
        for (word, key, text, told) in [
            ("unknown", "org.systemd.property.NoSuchProperty", "1", "NoSuchProperty"),
            ("senseless", "org.systemd.property.Description", "maybe", "Description"),
        ] {
            let unit = Unit::new(ground, word, |config| config["annotations"] = json!({ key: text }));
            assert_eq!(unit.create().status, 1);
            let err = unit.bundle.written("err");
            assert!(err.contains(told), "{err}");
            assert_eq!(property(&unit.name, "LoadState"), "not-found");
        }
        let unit = Unit::new(ground, "path", |config| config["linux"]["cgroupsPath"] = "/holm/x".into());
        assert_eq!(unit.create().status, 1);
        let err = unit.bundle.written("err");
        assert!(err.contains("SLICE:PREFIX:NAME"), "{err}");
    });
}

#[test]
fn systemd_has_the_rules_for_devices() {
    on_the_machine(|ground| {
        if !ground.is_root() {
            return;
        }
        let unit = Unit::new(ground, "devices", |config| {
            config["linux"]["resources"] = json!({ "devices": [{ "allow": false, "access": "rwm" },
                { "allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw" }] });
        });
        unit.created();
        assert_eq!(property(&unit.name, "DevicePolicy"), "strict");
        let allowed = property(&unit.name, "DeviceAllow");
        assert!(
            allowed.contains("/dev/char/10:229 rw") && allowed.contains("/dev/char/1:3 rwm"),
            "{allowed}"
        );
        unit.delete();
    });
}
