//! Entering the groups of version 1 oneself, without the wait of `cgroup.procs`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys as sys;
use rustix::fs::OFlags;

use crate::directory::Directory;
use crate::{Result, file};

/// The open `tasks` files of a group, one for each v1 hierarchy; close-on-exec.
///
/// The kernel checks permission with the credentials of who opened them (Linux 5.16 and its stable kernels), so a
/// parent opens them and a child in a new user namespace enters.
#[derive(Debug)]
pub struct Entrance {
    tasks: Vec<(OwnedFd, String)>,
}

/// Opens the `tasks` files.
pub(crate) fn entrance<'a>(directories: impl Iterator<Item = &'a Directory>) -> Result<Entrance> {
    let open = |directory: &Directory| {
        let path = directory.file("tasks");
        let file = file::open(directory.mount.as_fd(), &path, OFlags::WRONLY)?;
        Ok((file, directory.record.mount_point.join(path).display().to_string()))
    };
    Ok(Entrance { tasks: directories.map(open).collect::<Result<_>>()? })
}

impl Entrance {
    /// Moves the calling thread into the group in each v1 hierarchy. A process must do it while it has one thread,
    /// such as a child right after clone3(2), else it is torn apart.
    ///
    /// A thread that moves itself needs no lock over all forks of the machine (Linux 5.5), so this takes
    /// microseconds where writing its pid takes milliseconds.
    ///
    /// # Errors
    ///
    /// The failed write(2): `ENOSPC` for a cpuset without CPUs, `ENODEV` when the group is gone.
    pub fn enter(&self) -> sys::Result<()> {
        self.tasks.iter().try_for_each(|(file, path)| file::write_to(file.as_fd(), path, "0"))
    }

    /// The descriptors that are held open, for a process that closes all others.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.tasks.iter().map(|(file, _)| file.as_fd())
    }

    /// True when there is nothing to enter: the group has no v1 hierarchy.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
