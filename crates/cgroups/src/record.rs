//! What later processes must know of a container's group.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::{CgroupPath, Hierarchy, Result, Scope, Version, freezer, v1, walk};

/// A group as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Record {
    /// One for each hierarchy that the group is in.
    pub directories: Vec<DirectoryRecord>,
    /// The unit of systemd whose group it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// The directory of a group in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryRecord {
    /// The version of the hierarchy.
    pub version: Version,
    /// The controllers of a v1 hierarchy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
    /// Where the hierarchy is mounted.
    pub mount_point: PathBuf,
    /// The group, from the mount point on.
    pub path: String,
    /// The directories to remove at the end, from the mount point on, outermost first; those above the group only
    /// when they are empty.
    pub removable: Vec<String>,
}

impl Record {
    /// Whether the processes of the group stand still, or are about to. Only the hierarchy that freezes is looked at; a group
    /// that cannot be asked is taken to run.
    pub fn is_frozen(&self) -> bool {
        let v2 = || self.directories.iter().find(|directory| directory.version == Version::V2);
        let freezer = self.directories.iter().find(|directory| directory.has(v1::FREEZER)).or_else(v2);
        freezer
            .and_then(|record| Directory::open(record).ok())
            .is_some_and(|freezer| freezer::is_frozen(&freezer))
    }
}

impl DirectoryRecord {
    /// Of the group `path` in a hierarchy, with nothing to remove yet.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Unreachable`].
    pub(crate) fn new(hierarchy: &Hierarchy, path: &CgroupPath) -> Result<Self> {
        Ok(Self {
            version: hierarchy.version,
            controllers: hierarchy.controllers.clone(),
            mount_point: hierarchy.mount_point.clone(),
            path: hierarchy.below_mount(path)?,
            removable: Vec::new(),
        })
    }

    /// The directories above the group that `path` names, outermost first.
    pub(crate) fn parents(&self, path: &CgroupPath) -> Vec<String> {
        let base = self.path.len() - path.names().len();
        walk::prefixes(&self.path)
            .map(|(prefix, _)| prefix)
            .filter(|prefix| prefix.len() > base && prefix.len() < self.path.len())
            .map(str::to_owned)
            .collect()
    }

    /// Where the group is.
    pub fn directory(&self) -> PathBuf {
        self.mount_point.join(&self.path)
    }

    /// True for a v1 hierarchy with this controller.
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}
