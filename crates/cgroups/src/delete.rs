//! Removing a group, and what the container has made below it.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use holm_sys::{self as sys, Context, Errno};
use rustix::fs::{AtFlags, unlinkat};

use crate::directory::Directory;
use crate::walk::{self, Visitor};
use crate::{Cgroup, Error, Result, wait};

impl Cgroup {
    /// Removes the group in every hierarchy, with all groups below it, and then the parents that it was to remove
    /// when they are empty. What is gone already is fine. Processes that are ending are waited for, at most `timeout`
    /// over all hierarchies; nobody is killed.
    ///
    /// That of systemd is stopped by it first, which removes its own directories.
    ///
    /// A failure in one hierarchy does not keep it from the others.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when a process is left after `timeout`, the failed call, or [`Error::Several`].
    pub fn delete(&self, timeout: Duration) -> Result<()> {
        let deadline = wait::deadline(timeout);
        let stopped = self.scope.as_ref().and_then(|scope| scope.stop().err());
        let errors = self.directories.iter().filter_map(|directory| directory.delete(deadline).err());
        Error::from_all(stopped.into_iter().chain(errors).collect())
    }
}

impl Directory {
    fn delete(&self, deadline: Instant) -> Result<()> {
        let parents = match self.record.removable.split_last() {
            Some((last, parents)) if *last == self.record.path => {
                self.remove_group(deadline)?;
                parents
            }
            _ => {
                self.empty_group(deadline)?;
                self.record.removable.as_slice()
            }
        };
        for parent in parents.iter().rev() {
            match unlinkat(&self.mount, parent.as_str(), AtFlags::REMOVEDIR) {
                // Other containers are in it: the last one removes it.
                Err(Errno::BUSY | Errno::NOTEMPTY) => break,
                Ok(()) | Err(Errno::NOENT | Errno::NODEV) => {}
                failed => failed.call(|| self.rmdir_of(parent))?,
            }
        }
        Ok(())
    }

    fn remove_group(&self, deadline: Instant) -> Result<()> {
        loop {
            match unlinkat(&self.mount, self.record.path.as_str(), AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT | Errno::NODEV) => return Ok(()),
                Err(Errno::BUSY | Errno::NOTEMPTY) => {}
                failed => return Ok(failed.call(|| self.rmdir_of(&self.record.path))?),
            }
            // Empty and still busy: the last process is on its last steps in the kernel.
            if !self.empty_group(deadline)? && !wait::tick(deadline)? {
                return Err(wait::busy(self));
            }
        }
    }

    /// Waits for the processes and removes the groups below; true when some went.
    fn empty_group(&self, deadline: Instant) -> Result<bool> {
        wait::wait_until_empty(self, deadline)?;
        let mut remover = Remover::default();
        match self.open_group().and_then(|group| walk::walk(group, &mut remover)) {
            Err(e) if !walk::is_gone(&e) => return Err(e.into()),
            _ => {}
        }
        match remover.failure {
            Some(e) if !matches!(e.errno(), Errno::BUSY | Errno::NOTEMPTY) => Err(e.into()),
            _ => Ok(remover.removed > 0),
        }
    }

    fn rmdir_of(&self, path: &str) -> String {
        format!("rmdir(\"{}\")", self.record.mount_point.join(path).display())
    }
}

#[derive(Default)]
struct Remover {
    removed: usize,
    failure: Option<sys::Error>,
}

impl Visitor for Remover {
    fn enter(&mut self, _group: BorrowedFd<'_>) -> sys::Result<()> {
        Ok(())
    }

    fn leave(&mut self, parent: BorrowedFd<'_>, name: &CStr) {
        match unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR)
            .call(|| format!("unlinkat({name:?}, AT_REMOVEDIR)"))
        {
            Ok(()) => self.removed += 1,
            Err(e) if walk::is_gone(&e) => {}
            Err(e) => self.failure = Some(e),
        }
    }
}
