//! spec: a configuration to start from.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use holm_runtime::{Because, Error, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// As runc's, but for the hostname.
const TEMPLATE: &str = include_str!("template.json");

#[derive(Debug, Args)]
pub(super) struct Template {
    /// The directory of the bundle
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    bundle: PathBuf,

    /// For an ordinary user: with a user namespace, and what needs no privilege
    #[arg(long)]
    rootless: bool,
}

impl Template {
    pub(super) fn execute(self) -> Result<u8> {
        let path = self.bundle.join("config.json");
        let failed = || format!("cannot write {}", path.display());
        let mut config: Value = serde_json::from_str(TEMPLATE).because(failed)?;
        if !of_one_version() {
            without_cgroup_namespace(&mut config);
        }
        if self.rootless {
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            without_privilege(&mut config, uid.as_raw(), gid.as_raw());
        }
        let text = indented(&config).because(failed)?;
        let file = std::fs::File::create_new(&path);
        let written = file.and_then(|mut file| file.write_all(&text));
        written.map_err(|error| {
            let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
            let hint =
                exists.then(|| "what is there stays: remove it first, or choose another --bundle".to_owned());
            Error::new(failed()).with_cause(error).with_some_hint(hint)
        })?;
        Ok(0)
    }
}

/// Whether the host has cgroup v2 alone: elsewhere runc writes no cgroup namespace.
fn of_one_version() -> bool {
    holm_cgroups::Layout::probe().is_ok_and(|layout| layout.kind() == holm_cgroups::Kind::Unified)
}

fn without_cgroup_namespace(config: &mut Value) {
    if let Some(namespaces) = config.pointer_mut("/linux/namespaces").and_then(Value::as_array_mut) {
        namespaces.retain(|namespace| namespace.get("type") != Some(&json!("cgroup")));
    }
}

/// What an ordinary user may have: its own id as root's, the network and the /sys of the host, one gid.
fn without_privilege(config: &mut Value, uid: u32, gid: u32) {
    let Some(linux) = config.get_mut("linux") else { return };
    if let Some(namespaces) = linux.get_mut("namespaces").and_then(Value::as_array_mut) {
        namespaces.retain(|namespace| namespace.get("type") != Some(&json!("network")));
        namespaces.push(json!({ "type": "user" }));
    }
    if let Some(linux) = linux.as_object_mut() {
        let own = |id| json!([{ "containerID": 0, "hostID": id, "size": 1 }]);
        linux.insert("uidMappings".into(), own(uid));
        linux.insert("gidMappings".into(), own(gid));
    }
    let Some(mounts) = config.get_mut("mounts").and_then(Value::as_array_mut) else { return };
    for mount in mounts {
        if mount.get("destination") == Some(&json!("/sys")) {
            *mount = json!({
                "destination": "/sys",
                "type": "none",
                "source": "/sys",
                "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
            });
        }
        if let Some(options) = mount.get_mut("options").and_then(Value::as_array_mut) {
            options.retain(|option| !option.as_str().is_some_and(|text| text.starts_with("gid=")));
        }
    }
}

/// With tabs, as runc writes it.
fn indented(config: &Value) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    config.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn checked(config: &Value) -> holm_spec::Spec {
        let config = serde_json::from_value(config.clone()).unwrap();
        holm_spec::Spec::check(&config, Path::new("/bundle")).unwrap()
    }

    #[test]
    fn both_templates_are_configurations() {
        let mut config: Value = serde_json::from_str(TEMPLATE).unwrap();
        let spec = checked(&config);
        assert!(spec.root.readonly && spec.process.unwrap().terminal);
        without_privilege(&mut config, 1000, 100);
        let spec = checked(&config);
        assert!(spec.linux.uid_map.is_some() && spec.linux.gid_map.is_some());
        assert!(!config.to_string().contains("gid=5"));
    }
}
