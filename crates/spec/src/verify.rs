//! Every problem of a configuration at once.
//!
//! A check ends at the first problem. So each part of the configuration is checked alone, beside nothing but what it
//! depends on, and at last the whole, for what only shows there: two namespaces of one kind, say.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Error, Spec, lenient, load};

/// Objects whose members are checked one by one.
const OBJECTS: [&[&str]; 12] = [
    &[],
    &["process"],
    &["process", "user"],
    &["linux"],
    &["linux", "resources"],
    &["linux", "resources", "memory"],
    &["linux", "resources", "cpu"],
    &["linux", "resources", "pids"],
    &["linux", "resources", "blockIO"],
    &["linux", "resources", "network"],
    &["linux", "seccomp"],
    &["hooks"],
];

/// Members that others of the same object are judged by.
const BESIDE: [(&[&str], &[&str]); 2] =
    [(&["linux", "resources", "memory"], &["limit"]), (&["linux", "resources", "cpu"], &["quota", "period"])];

/// What other members of `linux` depend on, and what depends on each other.
const NAMESPACES: [&str; 3] = ["namespaces", "uidMappings", "gidMappings"];

/// Lists whose elements are checked one by one.
const LISTS: [&[&str]; 16] = [
    &["mounts"],
    &["process", "rlimits"],
    &["linux", "namespaces"],
    &["linux", "uidMappings"],
    &["linux", "gidMappings"],
    &["linux", "devices"],
    &["linux", "maskedPaths"],
    &["linux", "readonlyPaths"],
    &["linux", "resources", "devices"],
    &["linux", "resources", "hugepageLimits"],
    &["linux", "seccomp", "syscalls"],
    &["hooks", "prestart"],
    &["hooks", "createRuntime"],
    &["hooks", "createContainer"],
    &["hooks", "startContainer"],
    &["hooks", "poststart"],
];

/// Checks the configuration in `file`, of the bundle `bundle`, and answers with all that is wrong with it, in no particular order; with
/// nothing when it is right.
///
/// # Errors
///
/// When it cannot be read, or is not JSON at all.
pub fn problems(file: &Path, bundle: &Path) -> Result<Vec<Error>, Error> {
    let text = load::read_text(file)?;
    let mut config: Value =
        serde_json::from_slice(&text).map_err(|cause| Error::Syntax { path: file.to_owned(), cause })?;
    lenient::mend(&mut config);
    Ok(Checks::new(bundle).all(&config))
}

struct Checks<'a> {
    bundle: &'a Path,
    /// The namespaces and maps of the configuration, as far as they have no problem.
    namespaces: Map<String, Value>,
    found: Vec<Error>,
}

impl<'a> Checks<'a> {
    fn new(bundle: &'a Path) -> Self {
        Self { bundle, namespaces: Map::new(), found: Vec::new() }
    }

    fn all(mut self, config: &Value) -> Vec<Error> {
        // What is right as a whole is right, whatever a part of it would be alone.
        if config.is_object() && self.problem(config).is_some() {
            self.check_namespaces(config);
            OBJECTS.iter().for_each(|path| self.check_members(config, path));
            LISTS.iter().for_each(|path| self.check_elements(config, path));
        }
        self.check(config);
        self.found
    }

    fn check_namespaces(&mut self, config: &Value) {
        let Some(linux) = at(config, &["linux"]).and_then(Value::as_object) else { return };
        let members = linux.iter().filter(|(name, _)| NAMESPACES.contains(&name.as_str()));
        let members: Map<String, Value> =
            members.map(|(name, value)| (name.clone(), value.clone())).collect();
        match self.problem(&self.wrapped(&["linux"], members.clone().into())) {
            Some(error) => self.add(error),
            None => self.namespaces = members,
        }
    }

    fn check_members(&mut self, config: &Value, path: &[&str]) {
        for (name, value) in at(config, path).and_then(Value::as_object).into_iter().flatten() {
            let whole: Vec<&str> = path.iter().copied().chain([name.as_str()]).collect();
            let elsewhere = OBJECTS.contains(&&*whole) || LISTS.contains(&&*whole);
            // What is of another kind than an object or a list is nowhere else, whatever it is called.
            if !elsewhere || !(value.is_object() || value.is_array()) {
                let mut alone = self.wrapped(&whole, value.clone());
                let object = path.iter().try_fold(&mut alone, |value, name| value.get_mut(name));
                object.into_iter().for_each(|object| complete(object, beside(config, path)));
                self.check(&alone);
            }
        }
    }

    fn check_elements(&mut self, config: &Value, path: &[&str]) {
        for (index, element) in at(config, path).and_then(Value::as_array).into_iter().flatten().enumerate() {
            // It needs maps, and has been checked with them.
            if element.get("type") == Some(&json!("user")) {
                continue;
            }
            if let Some(error) = self.problem(&self.wrapped(path, json!([element]))) {
                self.add(error.at_index(&path.join("."), index));
            }
        }
    }

    fn check(&mut self, config: &Value) {
        if let Some(error) = self.problem(config) {
            self.add(error);
        }
    }

    fn problem(&self, config: &Value) -> Option<Error> {
        let config = match load::read_value(config) {
            Ok(config) => config,
            Err(error) => return Some(error),
        };
        Spec::check(&config, self.bundle).err()
    }

    /// The smallest configuration that has `value` at `path`.
    fn wrapped(&self, path: &[&str], value: Value) -> Value {
        let mut whole = value;
        for (depth, name) in path.iter().enumerate().rev() {
            whole = json!({ *name: whole });
            match path.get(..depth) {
                Some(["linux", "seccomp"]) => {
                    // What a number and what a notification need beside them.
                    let members = json!({ "defaultAction": "SCMP_ACT_ERRNO", "listenerPath": "/" });
                    complete(&mut whole, members);
                }
                Some(["linux"]) if name.ends_with("idMappings") => {
                    let one = json!([{ "containerID": 0, "hostID": 0, "size": 1 }]);
                    let namespaces = json!([{ "type": "user" }]);
                    let maps = json!({ "uidMappings": one, "gidMappings": one, "namespaces": namespaces });
                    complete(&mut whole, maps);
                }
                Some(["linux"]) if *name != "namespaces" => {
                    complete(&mut whole, self.namespaces.clone().into());
                }
                _ => {}
            }
        }
        complete(&mut whole, json!({ "ociVersion": "1.0.0", "root": { "path": "rootfs" } }));
        if let Some(process) = whole.get_mut("process") {
            let user = json!({ "uid": 0, "gid": 0 });
            complete(process, json!({ "cwd": "/", "args": ["-"], "user": user }));
            process.get_mut("user").into_iter().for_each(|given| complete(given, user.clone()));
        }
        whole
    }

    fn add(&mut self, error: Error) {
        let text = error.to_string();
        if self.found.iter().all(|known| known.to_string() != text) {
            self.found.push(error);
        }
    }
}

/// What the members of this object are judged by.
fn beside(config: &Value, path: &[&str]) -> Value {
    let names = BESIDE.iter().filter(|(of, _)| *of == path).flat_map(|(_, names)| names.iter());
    let member = |name: &&str| Some(((*name).to_owned(), at(config, path)?.get(*name)?.clone()));
    Value::Object(names.filter_map(member).collect())
}

fn at<'a>(config: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(config, |value, name| value.get(name))
}

/// Adds the members that are missing.
fn complete(object: &mut Value, members: Value) {
    if let (Some(object), Value::Object(members)) = (object.as_object_mut(), members) {
        members.into_iter().for_each(|(name, value)| _ = object.entry(name).or_insert(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &Value) -> Vec<String> {
        let checks = Checks::new(Path::new("/bundle"));
        let mut found: Vec<String> = checks.all(config).iter().map(ToString::to_string).collect();
        found.sort();
        found
    }

    #[test]
    fn a_filter_that_is_right_has_no_problems() {
        let mut config = sound();
        config["linux"]["seccomp"] = json!({
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "listenerPath": "/run/agent",
            "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "syscalls": [
                { "names": ["mkdir"], "action": "SCMP_ACT_NOTIFY" },
                { "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 1, "value": 2, "op": "SCMP_CMP_NE" }] },
            ],
        });
        assert_eq!(found(&config), Vec::<String>::new());
        config["linux"]["seccomp"]["syscalls"][1]["args"][0]["index"] = 9.into();
        assert_eq!(found(&config).len(), 1, "{:?}", found(&config));
    }

    #[test]
    fn limits_are_judged_by_those_beside_them() {
        let mut config = sound();
        config["linux"]["resources"] = json!({
            "memory": { "limit": 1_000_000, "swap": 2_000_000 },
            "cpu": { "quota": 50_000, "period": 100_000, "burst": 10_000 },
        });
        assert_eq!(found(&config), Vec::<String>::new());
        config["hostname"] = "a".repeat(65).into();
        let problems = found(&config);
        assert!(matches!(problems.as_slice(), [one] if one.contains("hostname")), "{problems:?}");
        config["linux"]["resources"]["memory"]["swap"] = 1.into();
        assert_eq!(found(&config).len(), 2, "{:?}", found(&config));
    }

    fn sound() -> Value {
        json!({
            "ociVersion": "1.2.0",
            "root": { "path": "rootfs" },
            "process": { "args": ["sh"], "cwd": "/", "user": { "uid": 0, "gid": 0 } },
            "mounts": [{ "destination": "/proc", "type": "proc", "source": "proc" }],
            "linux": { "namespaces": [{ "type": "mount" }, { "type": "pid" }] },
        })
    }

    #[test]
    fn a_sound_configuration_has_no_problems() {
        assert_eq!(found(&sound()), [] as [&str; 0]);
    }

    #[test]
    fn each_problem_is_named_by_its_path() {
        let mut config = sound();
        config["ociVersion"] = json!("2.0.0");
        config["process"]["cwd"] = json!("relative");
        config["process"]["args"] = json!([]);
        config["process"]["user"]["uid"] = json!("root");
        config["process"]["rlimits"] = json!([
            { "type": "RLIMIT_NOFILE", "soft": 1, "hard": 1 },
            { "type": "RLIMIT_CORE", "soft": 2, "hard": 1 },
        ]);
        config["linux"]["namespaces"] =
            json!([{ "type": "mount" }, { "type": "mount" }, { "type": "pid", "path": "x" }]);
        config["linux"]["maskedPaths"] = json!(["/fine", "not"]);
        config["hostname"] = json!(7);
        let found = found(&config);
        for path in [
            "ociVersion",
            "process.cwd",
            "process.args",
            "process.user.uid",
            "process.rlimits[1].soft",
            "linux.namespaces[1].type",
            "linux.namespaces[2].path",
            "linux.maskedPaths[1]",
            "hostname",
        ] {
            assert!(found.iter().any(|text| text.contains(path)), "{path} is not in {found:#?}");
        }
        assert_eq!(found.len(), 9, "{found:#?}");
    }

    #[test]
    fn what_depends_on_something_else_is_judged_with_it() {
        let mut config = sound();
        config["linux"]["namespaces"] = json!([{ "type": "mount" }, { "type": "user" }, { "type": "time" }]);
        config["linux"]["uidMappings"] = json!([{ "containerID": 0, "hostID": 1000, "size": 1 }]);
        config["linux"]["gidMappings"] = json!([{ "containerID": 0, "hostID": 1000, "size": 1 }]);
        config["linux"]["timeOffsets"] = json!({ "monotonic": { "secs": 1, "nanosecs": 0 } });
        assert_eq!(found(&config), [] as [&str; 0]);
    }
}
