//! The cgroup hierarchies of a host: which there are, where they are mounted, where this process is in them.

mod parse;

pub(crate) use parse::find_resctrl;

use std::fmt;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use holm_sys as sys;
use rustix::fs::{CWD, OFlags};
use serde::{Deserialize, Serialize};

use crate::path::Base;
use crate::{CgroupPath, Error, Result, file};

/// The two interfaces of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// Control groups version 1, filesystem `cgroup`.
    V1,
    /// Control groups version 2, filesystem `cgroup2`.
    V2,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// How a host has mounted its control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Version 2 alone.
    Unified,
    /// Version 1 alone.
    Legacy,
    /// Both.
    Hybrid,
    /// Nothing is mounted.
    None,
}

/// One hierarchy that is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// The controllers of a v1 hierarchy (a named one has `name=NAME`). Empty for v2, which tells its own in each
    /// group's `cgroup.controllers`.
    pub controllers: Vec<String>,
    /// Its version.
    pub version: Version,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// The group of the hierarchy that is seen at the mount point: `/` outside of containers.
    pub mount_root: String,
    /// The group that the probing process is in, from the root of the hierarchy (of its cgroup namespace).
    pub own_path: String,
}

/// All hierarchies that can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Layout {
    /// In the order of /proc/self/cgroup.
    pub hierarchies: Vec<Hierarchy>,
}

impl Layout {
    /// Reads /proc/self/mountinfo and /proc/self/cgroup.
    ///
    /// # Errors
    ///
    /// Those of reading the two files.
    pub fn probe() -> sys::Result<Self> {
        let read = |path| file::read_bytes(file::open(CWD, path, OFlags::RDONLY)?.as_fd(), path);
        Ok(Self::parse(&read("/proc/self/mountinfo")?, &read("/proc/self/cgroup")?))
    }

    /// Understands the texts of /proc/PID/mountinfo and /proc/PID/cgroup (proc_pid_mountinfo(5), cgroups(7)); lines
    /// that make no sense are passed over.
    pub fn parse(mountinfo: &[u8], cgroup: &[u8]) -> Self {
        Self { hierarchies: parse::hierarchies(mountinfo, cgroup) }
    }

    /// Which versions are mounted.
    pub fn kind(&self) -> Kind {
        let has = |version| self.hierarchies.iter().any(|hierarchy| hierarchy.version == version);
        match (has(Version::V1), has(Version::V2)) {
            (false, false) => Kind::None,
            (false, true) => Kind::Unified,
            (true, false) => Kind::Legacy,
            (true, true) => Kind::Hybrid,
        }
    }

    /// The v2 hierarchy, when it is mounted.
    pub fn v2(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.version == Version::V2)
    }

    /// The v1 hierarchy of `controller`, when it is mounted.
    pub fn v1(&self, controller: &str) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|hierarchy| hierarchy.has(controller))
    }
}

impl Hierarchy {
    /// True for a v1 hierarchy with this controller.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    /// The directory of the group that the probing process is in; `None` when the mount does not show it.
    pub fn own_directory(&self) -> Option<PathBuf> {
        Some(self.mount_point.join(self.own_below_mount()?))
    }

    /// The own group from the mount point on.
    pub(crate) fn own_below_mount(&self) -> Option<&str> {
        let below = Path::new(&self.own_path).strip_prefix(&self.mount_root).ok()?.to_str()?;
        (!below.split('/').any(|name| name == "..")).then_some(below)
    }

    /// The directory of a container's group.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] for a relative path when the mount does not show the own group.
    pub fn directory_of(&self, path: &CgroupPath) -> Result<PathBuf> {
        Ok(self.mount_point.join(self.below_mount(path)?))
    }

    /// `path` from the mount point on.
    pub(crate) fn below_mount(&self, path: &CgroupPath) -> Result<String> {
        let above = |own: &str| own.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
        let base = match path.base() {
            Base::Top => return Ok(path.names().to_owned()),
            Base::Own => self.own_below_mount().map(str::to_owned),
            Base::Beside => self.own_below_mount().map(above),
        };
        match base.as_deref() {
            Some("") => Ok(path.names().to_owned()),
            Some(base) => Ok(format!("{base}/{}", path.names())),
            None => Err(Error::Unreachable { hierarchy: self.to_string() }),
        }
    }
}

impl fmt::Display for Hierarchy {
    /// As `cpu,cpuacct (v1)` or `unified (v2)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Version::V1 => write!(f, "{} (v1)", self.controllers.join(",")),
            Version::V2 => write!(f, "unified (v2)"),
        }
    }
}
