//! features (runtime-spec, features.md).

use clap::Args;
use holm_credentials::Capability;
use holm_runtime::Result;
use serde_json::{Value, json};

use super::json;
use crate::output::answer;

#[derive(Debug, Args)]
pub(super) struct Features {}

impl Features {
    pub(super) fn execute(self) -> Result<u8> {
        answer(json(&features())?)?;
        Ok(0)
    }
}

/// The words that a mount's options may have; all others are for the file system.
const MOUNT_OPTIONS: [&str; 67] = [
    "acl",
    "async",
    "atime",
    "bind",
    "copy-symlink",
    "defaults",
    "dest-nofollow",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "idmap",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noacl",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "ratime",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "remount",
    "rexec",
    "ridmap",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnorelatime",
    "rnostrictatime",
    "rnosuid",
    "rnosymfollow",
    "ro",
    "rprivate",
    "rrelatime",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rstrictatime",
    "rsuid",
    "rsymfollow",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "src-nofollow",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
    "tmpcopyup",
    "unbindable",
];

fn features() -> Value {
    let capabilities: Vec<&str> = Capability::all().map(Capability::name).collect();
    json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.3.0",
        "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        "mountOptions": MOUNT_OPTIONS.as_slice(),
        "linux": {
            "namespaces": ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"],
            "capabilities": capabilities,
            "cgroup": { "v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true },
            "seccomp": {
                "enabled": true,
                "actions": holm_spec::seccomp_words::ACTIONS,
                "operators": holm_spec::seccomp_words::OPERATORS,
                "archs": holm_spec::seccomp_words::ARCHITECTURES,
                "knownFlags": holm_spec::seccomp_words::FLAGS,
                "supportedFlags": holm_spec::seccomp_words::FLAGS,
            },
            "apparmor": { "enabled": true },
            "selinux": { "enabled": true },
            "intelRdt": { "enabled": true, "schemata": true, "monitoring": true },
            "mountExtensions": { "idmap": { "enabled": true } },
            "netDevices": { "enabled": true },
        },
        "annotations": { "org.opencontainers.runtime-spec.version": "1.3.0" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mount_option_is_one() {
        for word in MOUNT_OPTIONS {
            let options = holm_spec::MountOptions::parse([word]);
            assert!(options.data.is_empty(), "{word} would be given to the file system");
        }
        assert!(MOUNT_OPTIONS.is_sorted());
    }

    #[test]
    fn the_features_have_the_form_of_the_specification() {
        let features = features();
        let read: oci_spec::runtime::Features = serde_json::from_value(features).unwrap();
        assert_eq!(read.oci_version_max(), "1.3.0");
    }
}
