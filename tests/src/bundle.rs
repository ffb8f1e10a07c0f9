//! A bundle that the test writes itself, and the runtime that it is given to.

use std::path::{Path, PathBuf};

use crate::{Call, Finished, Ground, one_line};
use serde_json::{Value, json};

/// A container of `holm oci`.
pub struct Bundle<'a> {
    ground: &'a Ground,
    /// The container's id.
    pub id: String,
    /// The bundle's directory.
    pub path: PathBuf,
}

impl<'a> Bundle<'a> {
    /// With a script as its command, and [`config`] for the rest.
    pub fn new(ground: &'a Ground, word: &str, script: &str) -> Self {
        Self::of(ground, word, &config(ground, script))
    }

    /// With this configuration.
    pub fn of(ground: &'a Ground, word: &str, config: &Value) -> Self {
        let (id, path) = (ground.name(word), ground.new_directory(word));
        let bundle = Self { ground, id, path };
        bundle.write(config);
        bundle
    }

    /// Replaces the configuration.
    pub fn write(&self, config: &Value) {
        self.ground.new_file(self.path.join("config.json").to_str().unwrap(), config.to_string());
    }

    /// `holm oci`, started in the bundle's directory.
    pub fn oci(&self, words: &[&str]) -> Call {
        self.ground.holm(["oci"]).words(words).in_directory(&self.path)
    }

    /// `holm-runtime`, started in the bundle's directory.
    pub fn runtime(&self, words: &[&str]) -> Call {
        self.ground.holm_runtime(words.iter().copied()).in_directory(&self.path)
    }

    /// `holm oci run ID`, to its end.
    pub fn run(&self) -> Finished {
        self.call("run")
    }

    /// `holm oci OPERATION ID`.
    pub fn call(&self, operation: &str) -> Finished {
        self.oci(&[operation, &self.id]).finish()
    }

    /// `create` lets go of its standard streams for the container: they are files in the bundle, `out` and `err`.
    pub fn create(&self, options: &[&str]) -> Finished {
        let call = self.oci(&["create"]).words(options).word(&self.id);
        call.through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" </dev/null >out 2>err"]).finish()
    }

    /// What the command, or a failing `create`, has written.
    pub fn written(&self, file: &str) -> String {
        std::fs::read_to_string(self.path.join(file)).unwrap()
    }

    /// The state, as its runtime tells it.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.call("state").ok()).expect("the state is JSON")
    }

    /// `creating`, `created`, `running` or `stopped`.
    pub fn status(&self) -> String {
        self.state()["status"].as_str().unwrap().to_owned()
    }

    /// The pid of its process.
    pub fn pid(&self) -> i32 {
        self.state()["pid"].as_i64().unwrap().try_into().unwrap()
    }
}

/// The smallest configuration that has a /proc.
pub fn config(ground: &Ground, script: &str) -> Value {
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

/// The `process` of a configuration, as root of the container.
pub fn process(args: &[&str]) -> Value {
    json!({
        "args": args,
        "cwd": "/",
        "env": ["PATH=/bin:/usr/bin", "COLOUR=green"],
        "user": { "uid": 0, "gid": 0 },
    })
}

/// The pid in a file.
pub fn read_pid(file: &Path) -> i32 {
    one_line(file).parse().unwrap()
}
