//! A bundle that the test writes itself, and the runtime that it is given to.

use std::path::{Path, PathBuf};

use holm_tests::{Call, Finished, Ground};
use serde_json::{Value, json};

/// A container of `holm oci`.
pub(crate) struct Bundle<'a> {
    ground: &'a Ground,
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl<'a> Bundle<'a> {
    /// With a script as its command.
    pub(crate) fn new(ground: &'a Ground, word: &str, script: &str) -> Self {
        let (id, path) = (ground.name(word), ground.new_directory(word));
        let bundle = Self { ground, id, path };
        bundle.write(&config(ground, script));
        bundle
    }

    pub(crate) fn write(&self, config: &Value) {
        self.ground.new_file(self.path.join("config.json").to_str().unwrap(), config.to_string());
    }

    /// `holm oci`, started in the bundle's directory.
    pub(crate) fn oci(&self, words: &[&str]) -> Call {
        self.ground.holm(["oci"]).words(words).in_directory(&self.path)
    }

    /// `holm oci OPERATION ID`.
    pub(crate) fn call(&self, operation: &str) -> Finished {
        self.oci(&[operation, &self.id]).finish()
    }

    /// `create` lets go of its standard streams for the container: they are files in the bundle, `out` and `err`.
    pub(crate) fn create(&self, options: &[&str]) -> Finished {
        let call = self.oci(&["create"]).words(options).word(&self.id);
        call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish()
    }

    /// What the command, or a failing `create`, has written.
    pub(crate) fn written(&self, file: &str) -> String {
        std::fs::read_to_string(self.path.join(file)).unwrap()
    }

    /// The state, as its runtime tells it.
    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.call("state").ok()).expect("the state is JSON")
    }

    pub(crate) fn status(&self) -> String {
        self.state()["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn pid(&self) -> i32 {
        self.state()["pid"].as_i64().unwrap().try_into().unwrap()
    }
}

/// The smallest configuration that has a /proc.
pub(crate) fn config(ground: &Ground, script: &str) -> Value {
    let kinds = ["mount", "pid", "ipc", "uts", "network", "user"];
    let kinds = kinds.iter().filter(|kind| **kind != "user" || !ground.is_root());
    let namespaces: Vec<Value> = kinds.map(|kind| json!({ "type": kind })).collect();
    let mut linux = json!({ "namespaces": namespaces });
    if !ground.is_root() {
        let own = json!([{ "containerID": 0, "hostID": ground.uid(), "size": 1 }]);
        linux["uidMappings"] = own.clone();
        linux["gidMappings"] = own;
    }
    json!({
        "ociVersion": "1.2.0",
        "process": process(&["/bin/sh", "-c", script]),
        "root": { "path": ground.rootfs() },
        "hostname": "islet",
        "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
        "annotations": { "org.example.colour": "green" },
        "linux": linux,
    })
}

pub(crate) fn process(args: &[&str]) -> Value {
    json!({
        "args": args,
        "cwd": "/",
        "env": ["PATH=/bin:/usr/bin", "COLOUR=green"],
        "user": { "uid": 0, "gid": 0 },
    })
}

/// The pid in a file.
pub(crate) fn read_pid(file: &Path) -> i32 {
    holm_tests::one_line(file).parse().unwrap()
}
