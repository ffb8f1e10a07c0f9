//! The group of a container: one directory in each hierarchy.

use std::os::fd::OwnedFd;
use std::time::Duration;

use holm_sys as sys;
use rustix::process::Pid;

use crate::directory::Directory;
use crate::{
    CgroupPath, DirectoryRecord, Entrance, Error, Kind, Layout, Record, Result, Scope, Version, v1, v2, wait,
    walk,
};

/// How [`Cgroup::create`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CreateOptions {
    /// Leave out the hierarchies in which this user may not make and enter groups, as long as there is one where it
    /// may; without it, the first refusal is the end.
    pub delegated_only: bool,
    /// The parents that the cgroups path names (`/holm` of `/holm/name`) are common property of the containers below
    /// them: whoever leaves last removes them. Without it, only the maker of a directory removes it.
    pub prune_parents: bool,
}

/// The directories of one container. Dropping it removes nothing: see [`Cgroup::delete`].
#[derive(Debug)]
pub struct Cgroup {
    pub(crate) directories: Vec<Directory>,
    pub(crate) scope: Option<Scope>,
}

impl Cgroup {
    /// Makes the group in every hierarchy of the layout, with its parents; on v1 gives new cpusets the CPUs and
    /// memory nodes of their parents, without which nobody can enter. Nothing stays behind on failure.
    ///
    /// Needs write permission for the directory in which the group is made.
    ///
    /// # Errors
    ///
    /// [`Error::NotDelegated`] without permission, [`Error::Occupied`] or [`Error::Frozen`] for a group that was
    /// there and is not empty and running, [`Error::NoHierarchy`] where nothing is mounted, [`Error::Unreachable`]
    /// for a relative path when the mount does not show the own group; else the failed call.
    pub fn create(layout: &Layout, path: &CgroupPath, options: CreateOptions) -> Result<Self> {
        let mut group = Self { directories: Vec::with_capacity(layout.hierarchies.len()), scope: None };
        let mut refusal = Error::NoHierarchy;
        for hierarchy in &layout.hierarchies {
            match Directory::create(hierarchy, path, options) {
                Ok(directory) => group.directories.push(directory),
                Err(error @ (Error::NotDelegated { .. } | Error::Unreachable { .. }))
                    if options.delegated_only =>
                {
                    refusal = error;
                }
                Err(error) => {
                    group.directories.iter_mut().rev().for_each(Directory::undo);
                    return Err(error);
                }
            }
        }
        if layout.kind() == Kind::Unified {
            // What the group uses is told by its controllers alone; v1 has them in every group.
            group.directories.iter().for_each(v2::enable_all);
        }
        if group.directories.is_empty() { Err(refusal) } else { Ok(group) }
    }

    /// The record of the group that [`Cgroup::create`] is about to make: kept before it is made, it lets somebody find
    /// what there is of it after a crash in between ([`Cgroup::remove_unused`]). Hierarchies where it cannot be are
    /// left out.
    pub fn expected(layout: &Layout, path: &CgroupPath) -> Record {
        let directory = |hierarchy| {
            let mut record = DirectoryRecord::new(hierarchy, path).ok()?;
            record.removable = record.parents(path);
            record.removable.push(record.path.clone());
            Some(record)
        };
        Record { directories: layout.hierarchies.iter().filter_map(directory).collect(), scope: None }
    }

    /// Finds the group of a record again. Whether its directories are still there shows when they are used.
    ///
    /// # Errors
    ///
    /// The failed call when a mount point is gone, [`Error::NotCgroup`] when it is none any more.
    pub fn from_record(record: &Record) -> Result<Self> {
        let directories = record.directories.iter().map(Directory::open).collect::<Result<_>>()?;
        Ok(Self { directories, scope: record.scope.clone() })
    }

    /// What later processes need for [`Cgroup::from_record`].
    pub fn to_record(&self) -> Record {
        Record {
            directories: self.directories.iter().map(|directory| directory.record.clone()).collect(),
            scope: self.scope.clone(),
        }
    }

    /// Removes the directories that have nothing in them, and leaves the others alone: for an expected group, of which
    /// nobody knows whether it was made, or was somebody else's before. Nobody is killed; processes that end within
    /// `patience` are waited for.
    pub fn remove_unused(mut self, patience: Duration) {
        let deadline = wait::deadline(patience);
        loop {
            let left: usize = self.directories.iter_mut().rev().map(Directory::remove_empty).sum();
            if left == 0 || !wait::tick(deadline).unwrap_or(false) {
                return;
            }
        }
    }

    /// Moves the process (all its threads) into the group in every hierarchy, by `cgroup.procs`. The kernel may make
    /// the caller wait for an RCU grace period (5 to 20 ms): [`Cgroup::entrance`] and [`Cgroup::v2_dir_fd`] do
    /// without.
    ///
    /// # Errors
    ///
    /// The failed call: `ESRCH` when the process has ended, `EACCES` when it may not be moved.
    pub fn attach(&self, pid: Pid) -> Result<()> {
        let text = pid.as_raw_pid().to_string();
        for directory in &self.directories {
            directory.write("cgroup.procs", &text)?;
        }
        Ok(())
    }

    /// The v1 files by which a single-threaded process moves itself into the group; see [`Entrance::enter`].
    ///
    /// # Errors
    ///
    /// The failed call.
    pub fn entrance(&self) -> Result<Entrance> {
        v1::entrance(self.of_version(Version::V1))
    }

    /// The group's v2 directory, as `CLONE_INTO_CGROUP` of clone3(2) takes it; `None` when the group has none.
    ///
    /// # Errors
    ///
    /// The failed call.
    pub fn v2_dir_fd(&self) -> sys::Result<Option<OwnedFd>> {
        self.of_version(Version::V2).next().map(Directory::open_group).transpose()
    }

    /// The processes in the group and the groups below it, as this PID namespace sees them, in order; none when the
    /// group is gone. Where there are several hierarchies, as the v2 one has it, else the v1 freezer.
    ///
    /// # Errors
    ///
    /// The failed call.
    pub fn processes(&self) -> Result<Vec<Pid>> {
        match self.principal() {
            Some(directory) => directory.processes(),
            None => Ok(Vec::new()),
        }
    }

    /// The directory that knows the group's processes best.
    pub(crate) fn principal(&self) -> Option<&Directory> {
        self.of_version(Version::V2).next().or_else(|| self.v1_freezer()).or_else(|| self.directories.first())
    }

    /// The directory with the v1 freezer.
    pub(crate) fn v1_freezer(&self) -> Option<&Directory> {
        self.directories.iter().find(|directory| directory.record.has(v1::FREEZER))
    }

    /// The directories of one version.
    pub(crate) fn of_version(&self, version: Version) -> impl Iterator<Item = &Directory> {
        self.directories.iter().filter(move |directory| directory.record.version == version)
    }
}

impl Directory {
    /// The processes of the group and those below it; none when it is gone.
    pub(crate) fn processes(&self) -> Result<Vec<Pid>> {
        match self.open_group().and_then(walk::census) {
            Err(e) if walk::is_gone(&e) => Ok(Vec::new()),
            census => Ok(census?.processes),
        }
    }
}
