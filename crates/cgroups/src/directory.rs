//! The directory of a container's group in one hierarchy: found and made by directory fd.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{self as sys, Context, Errno};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};

use crate::group::CreateOptions;
use crate::{
    CgroupPath, DirectoryRecord, Error, Hierarchy, Result, Version, delegation, file, freezer, v1, v2, walk,
};

/// How often a directory is tried again when another container's end takes a common parent away meanwhile.
const ATTEMPTS: usize = 100;

const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// One directory of a group, held by the mount point of its hierarchy: cgroup filesystems have no symlinks, so what
/// lies below a verified mount point stays on its filesystem.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) mount: OwnedFd,
    pub(crate) record: DirectoryRecord,
}

impl Directory {
    /// Makes the directory, and those above it that are missing; nothing stays on failure.
    pub(crate) fn create(hierarchy: &Hierarchy, path: &CgroupPath, options: CreateOptions) -> Result<Self> {
        Self::create_in(hierarchy, path, options).map_err(|error| error.refused_in(hierarchy))
    }

    fn create_in(hierarchy: &Hierarchy, path: &CgroupPath, options: CreateOptions) -> Result<Self> {
        let record = DirectoryRecord::new(hierarchy, path)?;
        let mount = open_mount(&hierarchy.mount_point, hierarchy.version)?;
        if options.delegated_only {
            delegation::check_common_ancestor(hierarchy, mount.as_fd(), &record.path)?;
        }
        let mut directory = Self { mount, record };
        if let Err(error) = directory.make() {
            directory.undo();
            return Err(error);
        }
        if options.prune_parents {
            directory.prune_parents(path);
        }
        Ok(directory)
    }

    /// The directory of a group that somebody else has made for the container, or this makes beside that one. It goes with the
    /// container.
    pub(crate) fn join(hierarchy: &Hierarchy, path: &CgroupPath) -> Result<Self> {
        let record = DirectoryRecord::new(hierarchy, path)?;
        let mut directory = Self { mount: open_mount(&hierarchy.mount_point, hierarchy.version)?, record };
        match directory.make() {
            Ok(()) | Err(Error::Occupied { .. }) => {}
            Err(error) => {
                directory.undo();
                return Err(error.refused_in(hierarchy));
            }
        }
        if directory.record.removable.last() != Some(&directory.record.path) {
            directory.record.removable.push(directory.record.path.clone());
        }
        Ok(directory)
    }

    /// Finds the directory of a record again; whether the group itself is still there is not looked at.
    pub(crate) fn open(record: &DirectoryRecord) -> Result<Self> {
        let mount = open_mount(&record.mount_point, record.version)?;
        Ok(Self { mount, record: record.clone() })
    }

    /// The name of a file of the group, below [`Self::mount`].
    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.record.path)
    }

    /// Reads a file of the group.
    pub(crate) fn read(&self, name: &str) -> sys::Result<String> {
        file::read(self.mount.as_fd(), &self.file(name))
    }

    /// Writes a file of the group.
    pub(crate) fn write(&self, name: &str, text: &str) -> sys::Result<()> {
        file::write(self.mount.as_fd(), &self.file(name), text)
    }

    /// Reads a number; `max` is the largest.
    pub(crate) fn number(&self, name: &str) -> sys::Result<u64> {
        let text = self.read(name)?;
        let text = text.trim();
        Ok(if text == "max" { u64::MAX } else { text.parse().unwrap_or(0) })
    }

    /// Whether the group has such a file.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        rustix::fs::statat(&self.mount, self.file(name), AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Where the group is.
    pub(crate) fn absolute(&self) -> PathBuf {
        self.record.directory()
    }

    /// The group's own directory, open for reading.
    pub(crate) fn open_group(&self) -> sys::Result<OwnedFd> {
        file::open(self.mount.as_fd(), &self.record.path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn make(&mut self) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.try_make() {
                // A parent went away between two calls: ENOENT by name, ENODEV through its fd.
                Err(Error::Call(e)) if matches!(e.errno(), Errno::NOENT | Errno::NODEV) => self.undo(),
                result => return result,
            }
        }
        self.try_make()
    }

    fn try_make(&mut self) -> Result<()> {
        let path = self.record.path.clone();
        let (parent, leaf) = path.rsplit_once('/').unwrap_or(("", &path));
        let parent = match open_below(self.mount.as_fd(), parent) {
            Err(e) if e.errno() == Errno::NOENT => self.make_parents(parent)?,
            opened => opened?,
        };
        if self.make_one(parent.as_fd(), leaf, &path)? { Ok(()) } else { self.check_unused() }
    }

    /// Makes each directory on the way to `path` that is missing, and returns the last.
    fn make_parents(&mut self, path: &str) -> Result<OwnedFd> {
        let mut at = open_below(self.mount.as_fd(), "")?;
        for (end, name) in walk::prefixes(path) {
            self.make_one(at.as_fd(), name, end)?;
            at = open_below(at.as_fd(), name)?;
        }
        Ok(at)
    }

    /// Makes `name` in `parent`, which is `path` from the mount point; false when it was there.
    fn make_one(&mut self, parent: BorrowedFd<'_>, name: &str, path: &str) -> Result<bool> {
        match rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
            Err(Errno::EXIST) => return Ok(false),
            made => {
                made.call(|| format!("mkdirat(\"{}\", 0755)", self.record.mount_point.join(path).display()))?;
            }
        }
        self.record.removable.push(path.to_owned());
        if self.record.version == Version::V1 && self.record.has(v1::CPUSET) {
            v1::fill_cpuset(self.mount.as_fd(), path)?;
        }
        Ok(true)
    }

    /// Refuses a group that was there before and that is somebody's: its processes would be killed with ours.
    fn check_unused(&self) -> Result<()> {
        let census = walk::census(self.open_group()?)?;
        if !census.processes.is_empty() || census.groups > 1 {
            return Err(Error::Occupied { path: self.absolute() });
        }
        if freezer::is_frozen(self) { Err(Error::Frozen { path: self.absolute() }) } else { Ok(()) }
    }

    /// Removes what was made.
    pub(crate) fn undo(&mut self) {
        self.remove_empty();
        self.record.removable.clear();
    }

    /// Removes those of the directories to remove that are empty, and says how many are not: what another container uses
    /// by now is its own.
    pub(crate) fn remove_empty(&mut self) -> usize {
        let mount = &self.mount;
        let is_left = |path: &String| {
            let removed = rustix::fs::unlinkat(mount, path.as_str(), AtFlags::REMOVEDIR);
            matches!(removed, Err(Errno::BUSY | Errno::NOTEMPTY))
        };
        let left: Vec<String> = self.record.removable.drain(..).rev().filter(is_left).collect();
        self.record.removable.extend(left.into_iter().rev());
        self.record.removable.len()
    }

    /// Puts the parents that the cgroups path names among those that are tried at the end, whoever made them.
    fn prune_parents(&mut self, path: &CgroupPath) {
        let made_group = self.record.removable.last().is_some_and(|last| *last == self.record.path);
        self.record.removable = self.record.parents(path);
        if made_group {
            self.record.removable.push(self.record.path.clone());
        }
    }
}

/// Opens a mount point and checks that it is one of a cgroup filesystem of that version.
pub(crate) fn open_mount(path: &Path, version: Version) -> Result<OwnedFd> {
    let mount = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())
        .call(|| format!("openat(AT_FDCWD, {path:?}, O_PATH | O_DIRECTORY)"))?;
    let found = rustix::fs::fstatfs(&mount).call(|| format!("fstatfs({path:?})"))?.f_type;
    let expected = match version {
        Version::V1 => v1::MAGIC,
        Version::V2 => v2::MAGIC,
    };
    if u64::try_from(found) == Ok(expected) {
        Ok(mount)
    } else {
        Err(Error::NotCgroup { path: path.to_owned() })
    }
}

/// Opens a directory below `dir`, on the same filesystem and through no symlink.
fn open_below(dir: BorrowedFd<'_>, path: &str) -> sys::Result<OwnedFd> {
    let path = if path.is_empty() { "." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(dir, path, DIRECTORY, Mode::empty(), resolve) {
        // A seccomp filter around us that does not know openat2(2); EAGAIN: a rename somewhere raced with "..".
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {
            rustix::fs::openat(dir, path, DIRECTORY, Mode::empty())
        }
        opened => opened,
    }
    .call(|| format!("openat2({}, {path:?}, O_PATH | O_DIRECTORY, RESOLVE_BENEATH)", dir.as_raw_fd()))
}
