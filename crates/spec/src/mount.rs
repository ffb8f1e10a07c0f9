//! One mount of the configuration.

use std::path::{Component, Path, PathBuf};

use holm_mounts::FsOption;
use oci_spec::runtime as oci;

use crate::mount_options::SourceLink;
use crate::{AttributeChange, Error, IdmapChoice, MountOptions, PropagationChange};

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A directory or file of the host.
    Bind {
        /// Its path, absolute.
        path: PathBuf,
        /// With the mounts below it.
        recursive: bool,
        /// What becomes of a symbolic link at the end of the path.
        link: SourceLink,
    },
    /// A new instance of a file system.
    Filesystem {
        /// Its name in /proc/filesystems.
        fstype: String,
        /// The device, or a word that mountinfo shows.
        source: Option<String>,
        /// Its options.
        options: Vec<FsOption>,
        /// Whether it begins with a copy of what it covers (`tmpcopyup`).
        copy_up: bool,
    },
    /// The container's view of its cgroups, whatever the host's layout is.
    Cgroups,
    /// What is mounted at the destination already, changed (`remount`).
    Remount {
        /// The mount alone (with `bind`), or the file system with these options.
        options: Option<Vec<FsOption>>,
    },
}

/// A mount, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, in the container; absolute.
    pub destination: PathBuf,
    /// Whether a symbolic link there is covered itself, and not followed (`dest-nofollow`).
    pub covers_link: bool,
    /// What.
    pub source: MountSource,
    /// Its own attributes.
    pub attributes: AttributeChange,
    /// The attributes of the whole tree.
    pub recursive: AttributeChange,
    /// Its propagation.
    pub propagation: Vec<PropagationChange>,
    /// Whether it is idmapped, and how.
    pub idmap: Option<IdmapChoice>,
}

impl Mount {
    /// Checks mount number `index` of the configuration.
    pub(crate) fn check(mount: &oci::Mount, index: usize, bundle: &Path) -> Result<Self, Error> {
        let field = |name: &str| format!("mounts[{index}].{name}");
        let options = MountOptions::parse(mount.options().iter().flatten());
        let checked = Self {
            destination: destination(mount.destination(), &field("destination"))?,
            covers_link: options.covers_link,
            source: source(mount, &options, &field, bundle)?,
            attributes: options.attributes,
            recursive: options.recursive,
            propagation: options.propagation.clone(),
            idmap: IdmapChoice::of(mount, &options, &field)?,
        };
        checked.check_idmap(&field)?;
        checked.check_procfs(&field)?;
        Ok(checked)
    }

    /// Whether it is a bind mount.
    pub fn is_bind(&self) -> bool {
        matches!(self.source, MountSource::Bind { .. })
    }

    fn check_idmap(&self, field: &impl Fn(&str) -> String) -> Result<(), Error> {
        if self.idmap.is_some() && !self.is_bind() {
            return Err(Error::invalid(field("options"), "idmap", "id maps for bind mounts only"));
        }
        Ok(())
    }

    /// What looks like /proc must be it: programs, and the runtime of who joins the container, rely on what stands there. The
    /// files are those that lxcfs has versions of, as in runc.
    fn check_procfs(&self, field: &impl Fn(&str) -> String) -> Result<(), Error> {
        let Ok(below) = self.destination.strip_prefix("/proc") else { return Ok(()) };
        let changes = matches!(self.source, MountSource::Remount { .. });
        let proc = matches!(&self.source, MountSource::Filesystem { fstype, .. } if fstype == "proc");
        let (fits, allowed) = match below.to_str() {
            Some("") => (self.is_bind() || proc, "a mount of type proc, or a bind mount of one".to_owned()),
            Some(name) => (OWN_VERSIONS.contains(&name), format!("below /proc {}", OWN_VERSIONS.join(", "))),
            None => (false, format!("below /proc {}", OWN_VERSIONS.join(", "))),
        };
        if fits || changes {
            return Ok(());
        }
        Err(Error::invalid(field("destination"), format!("{:?}", self.destination), allowed))
    }
}

const OWN_VERSIONS: [&str; 10] = [
    "cpuinfo",
    "diskstats",
    "meminfo",
    "stat",
    "swaps",
    "uptime",
    "loadavg",
    "slabinfo",
    "sys/kernel/ns_last_pid",
    "net/dev",
];

/// Absolute; a relative one is taken from `/`, as runc does. `..` climbs to `/` at most.
fn destination(path: &Path, field: &str) -> Result<PathBuf, Error> {
    let mut destination = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => destination.push(name),
            Component::ParentDir => drop(destination.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    if destination.parent().is_none() {
        return Err(Error::invalid(field, format!("{path:?}"), "a path below the container's root"));
    }
    Ok(destination)
}

fn source(
    mount: &oci::Mount,
    options: &MountOptions,
    field: &impl Fn(&str) -> String,
    bundle: &Path,
) -> Result<MountSource, Error> {
    let fstype = mount.typ().as_deref().unwrap_or_default();
    let bind = options.bind.is_some() || fstype == "bind";
    if options.remount {
        return Ok(MountSource::Remount { options: (!bind).then(|| options.of_filesystem()) });
    }
    if bind {
        let path = mount.source().as_deref().filter(|path| !path.as_os_str().is_empty());
        let path = path.ok_or_else(|| Error::invalid(field("source"), "missing", "what is to be bound"))?;
        // "type": "bind" without an option means the recursive kind.
        let recursive = options.bind.unwrap_or(true);
        return Ok(MountSource::Bind { path: bundle.join(path), recursive, link: options.source_link });
    }
    if options.copy_up && fstype != "tmpfs" {
        return Err(Error::invalid(field("options"), "\"tmpcopyup\"", "tmpcopyup for a tmpfs only"));
    }
    match fstype {
        "" => Err(Error::invalid(field("type"), "missing", "a file system, or the option bind or rbind")),
        "cgroup" | "cgroup2" => Ok(MountSource::Cgroups),
        _ => Ok(MountSource::Filesystem {
            fstype: fstype.to_owned(),
            source: mount.source().as_ref().map(|path| path.to_string_lossy().into_owned()),
            options: options.of_filesystem(),
            copy_up: options.copy_up,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Mount, Error> {
        Mount::check(&serde_json::from_str(text).unwrap(), 2, Path::new("/bundle"))
    }

    #[test]
    fn a_destination_is_taken_from_the_root() {
        for (written, meant) in [("a/./b", "/a/b"), ("/a/../../b/", "/b"), ("../c", "/c"), ("//d", "/d")] {
            let mount = check(&format!(r#"{{"destination": "{written}", "type": "tmpfs"}}"#)).unwrap();
            assert_eq!(mount.destination, Path::new(meant), "{written}");
        }
        for written in ["", "/", "a/..", "/.."] {
            let error = check(&format!(r#"{{"destination": "{written}", "type": "tmpfs"}}"#)).unwrap_err();
            assert!(error.to_string().contains("mounts[2].destination"), "{written}: {error}");
        }
    }

    #[test]
    fn nothing_but_a_procfs_is_mounted_on_proc() {
        let refused = [
            r#"{"destination": "/proc", "type": "tmpfs"}"#,
            r#"{"destination": "/x/../proc/", "type": "sysfs"}"#,
            r#"{"destination": "/proc/self/attr", "type": "tmpfs"}"#,
            r#"{"destination": "/proc/sys", "source": "/x", "options": ["bind"]}"#,
        ];
        for text in refused {
            assert!(check(text).unwrap_err().to_string().contains("mounts[2].destination"), "{text}");
        }
        for text in [
            r#"{"destination": "/proc", "type": "proc"}"#,
            r#"{"destination": "/proc", "source": "/proc", "options": ["rbind"]}"#,
            r#"{"destination": "/proc/meminfo", "source": "/x", "options": ["bind"]}"#,
            r#"{"destination": "/proc", "options": ["bind", "remount", "ro"]}"#,
            r#"{"destination": "/process", "type": "tmpfs"}"#,
        ] {
            assert!(check(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn maps_of_its_own_need_each_other_and_a_bind_mount() {
        let map = r#"[{"containerID": 0, "hostID": 1000, "size": 10}]"#;
        let bind = r#""destination": "/x", "source": "/y", "options": ["rbind", "ridmap"]"#;
        let mount = check(&format!(r#"{{{bind}, "uidMappings": {map}, "gidMappings": {map}}}"#)).unwrap();
        assert!(mount.idmap.is_some_and(|idmap| idmap.recursive && idmap.maps.is_some()));
        for text in [
            format!(r#"{{{bind}, "uidMappings": {map}}}"#),
            format!(r#"{{{bind}, "uidMappings": [], "gidMappings": {map}}}"#),
            format!(
                r#"{{"destination": "/x", "type": "tmpfs", "uidMappings": {map}, "gidMappings": {map}}}"#
            ),
            r#"{"destination": "/x", "type": "tmpfs", "options": ["idmap"]}"#.to_owned(),
            r#"{"destination": "/x", "source": "/y", "options": ["bind", "idmap=uids=1"]}"#.to_owned(),
            r#"{"destination": "/x", "type": "proc", "options": ["tmpcopyup"]}"#.to_owned(),
        ] {
            assert!(check(&text).unwrap_err().to_string().contains("mounts[2]."), "{text}");
        }
    }
}
