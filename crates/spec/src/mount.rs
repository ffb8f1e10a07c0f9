//! One mount of the configuration.

use std::path::{Component, Path, PathBuf};

use holm_mounts::FsOption;
use oci_spec::runtime as oci;

use crate::{AttributeChange, Error, MountOptions, PropagationChange};

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A directory or file of the host.
    Bind {
        /// Its path, absolute.
        path: PathBuf,
        /// With the mounts below it.
        recursive: bool,
    },
    /// A new instance of a file system.
    Filesystem {
        /// Its name in /proc/filesystems.
        fstype: String,
        /// The device, or a word that mountinfo shows.
        source: Option<String>,
        /// Its options.
        options: Vec<FsOption>,
    },
    /// The container's view of its cgroups, whatever the host's layout is.
    Cgroups,
}

/// Whose id maps an idmapped mount takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdmapChoice {
    /// For all mounts below as well (`ridmap`).
    pub recursive: bool,
}

/// A mount, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, in the container; absolute.
    pub destination: PathBuf,
    /// What.
    pub source: MountSource,
    /// Its own attributes.
    pub attributes: AttributeChange,
    /// The attributes of the whole tree.
    pub recursive: AttributeChange,
    /// Its propagation.
    pub propagation: Vec<PropagationChange>,
    /// Whether it is idmapped to the container's user namespace.
    pub idmap: Option<IdmapChoice>,
}

impl Mount {
    /// Checks mount number `index` of the configuration.
    pub(crate) fn check(mount: &oci::Mount, index: usize, bundle: &Path) -> Result<Self, Error> {
        let field = |name: &str| format!("mounts[{index}].{name}");
        let words = mount.options().iter().flatten();
        let options = MountOptions::parse(words);
        if let Some(word) = options.unsupported.first() {
            return Err(Error::Unsupported { field: format!("{} {word:?}", field("options")) });
        }
        if mount.uid_mappings().is_some() || mount.gid_mappings().is_some() {
            return Err(Error::Unsupported { field: field("uidMappings") });
        }
        Ok(Self {
            destination: destination(mount.destination(), &field("destination"))?,
            source: source(mount, &options, &field, bundle)?,
            attributes: options.attributes,
            recursive: options.recursive,
            propagation: options.propagation,
            idmap: options.idmap.map(|recursive| IdmapChoice { recursive }),
        })
    }

    /// Whether it is a bind mount.
    pub fn is_bind(&self) -> bool {
        matches!(self.source, MountSource::Bind { .. })
    }
}

/// Absolute; a relative one is taken from `/`, as runc does. `..` would only be confusing inside a root.
fn destination(path: &Path, field: &str) -> Result<PathBuf, Error> {
    let allowed = "an absolute path without \"..\"";
    if path.as_os_str().is_empty() || path.components().any(|part| part == Component::ParentDir) {
        return Err(Error::invalid(field, format!("{path:?}"), allowed));
    }
    let clean: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    let destination = Path::new("/").join(clean);
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
    if options.bind.is_some() || fstype == "bind" {
        let path = mount.source().as_deref().filter(|path| !path.as_os_str().is_empty());
        let path = path.ok_or_else(|| Error::invalid(field("source"), "missing", "what is to be bound"))?;
        // "type": "bind" without an option means the recursive kind, as in runc.
        return Ok(MountSource::Bind { path: bundle.join(path), recursive: options.bind.unwrap_or(true) });
    }
    match fstype {
        "" => Err(Error::invalid(field("type"), "missing", "a file system, or the option bind or rbind")),
        "cgroup" | "cgroup2" => Ok(MountSource::Cgroups),
        _ => Ok(MountSource::Filesystem {
            fstype: fstype.to_owned(),
            source: mount.source().as_ref().map(|path| path.to_string_lossy().into_owned()),
            options: options.data.clone(),
        }),
    }
}
