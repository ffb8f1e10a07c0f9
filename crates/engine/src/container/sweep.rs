//! Finding what a `holm run` that was killed has left behind.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{Containers, Record, bundle, open_directory, open_lock, remove};
use crate::Result;

/// The directory of a container that nobody has in the foreground. This process alone clears it.
#[derive(Debug)]
pub(crate) struct Abandoned {
    /// The container's name, which is also its id for the runtime.
    pub(crate) id: String,
    /// Its record, when there was time to write one.
    pub(crate) record: Option<Record>,
    path: PathBuf,
    _lock: Option<OwnedFd>,
}

impl Abandoned {
    /// The directory of the container.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// The directory of its bundle.
    pub(crate) fn bundle(&self) -> PathBuf {
        bundle(&self.path)
    }

    /// Removes the directory, after the runtime has deleted its part.
    ///
    /// # Errors
    ///
    /// When something in it cannot be removed.
    pub(crate) fn remove(self) -> Result<()> {
        remove(&self.path)
    }
}

/// The containers that nobody has in the foreground: those whose lock can be taken, and those whose maker died before
/// there was a lock. Nothing is found while somebody else looks.
pub(crate) fn abandoned(containers: &Containers) -> Vec<Abandoned> {
    // No directory is made meanwhile, so one without a lock will never have one.
    let Ok(_lock) = containers.lock(FlockOperation::NonBlockingLockExclusive) else { return Vec::new() };
    containers.names().into_iter().filter_map(|name| examine(containers, name)).collect()
}

fn examine(containers: &Containers, id: String) -> Option<Abandoned> {
    let path = containers.path.join(&id);
    let directory = open_directory(&path).ok()?;
    let lock = match open_lock(&directory, OFlags::empty()) {
        Ok(lock) => Some(lock),
        Err(error) if error.errno() == holm_sys::Errno::NOENT => None,
        Err(_) => return None,
    };
    if let Some(lock) = &lock {
        flock(lock, FlockOperation::NonBlockingLockExclusive).ok()?;
    }
    Some(Abandoned { id, record: Record::read(&directory), path, _lock: lock })
}

#[cfg(test)]
mod tests {
    use super::super::tests_support;
    use super::*;

    #[test]
    fn what_somebody_holds_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        let held = containers.hold_new(None).unwrap();
        assert!(abandoned(&containers).is_empty());
        drop(held);
        assert_eq!(abandoned(&containers).len(), 1);
    }

    #[test]
    fn what_is_abandoned_is_cleared_by_one_alone() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        let held = containers.hold_new(Some(&"web".parse().unwrap())).unwrap();
        held.record(&tests_support::record(held.name())).unwrap();
        drop(held);
        let found = abandoned(&containers);
        assert!(abandoned(&containers).is_empty(), "the first one holds the lock");
        let found = found.into_iter().next().unwrap();
        assert_eq!(found.id, "web");
        assert!(found.record.is_some());
        found.remove().unwrap();
        assert!(containers.hold_new(Some(&"web".parse().unwrap())).is_ok());
    }

    #[test]
    fn a_directory_whose_maker_died_before_the_lock_is_found() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        std::fs::create_dir(root.path().join("containers/half")).unwrap();
        std::fs::write(root.path().join("containers/.not_a_container"), "").unwrap();
        let ids: Vec<String> = abandoned(&containers).into_iter().map(|found| found.id).collect();
        assert_eq!(ids, ["half"]);
    }
}
