//! Stopping and continuing all processes of a group at once.

use std::time::Duration;

use crate::directory::Directory;
use crate::{Cgroup, Error, Result, Version, v1, v2, wait};

/// Whether the processes of a group run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezerState {
    /// They run.
    Thawed,
    /// They are being stopped.
    Freezing,
    /// All have stopped.
    Frozen,
}

impl Cgroup {
    /// Stops every process of the group and those below it, and returns when they have stopped. By the v1 freezer
    /// where the group has one, else by `cgroup.freeze` of v2 (Linux 5.2).
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] when they did not stop within `timeout` (they run on then), [`Error::NoHierarchy`] when the
    /// group has no freezer, else the failed call.
    pub fn freeze(&self, timeout: Duration) -> Result<()> {
        let deadline = wait::deadline(timeout);
        match self.freezer()? {
            (Version::V1, directory) => v1::freeze(directory, deadline),
            (Version::V2, directory) => v2::freeze(directory, deadline),
        }
    }

    /// Lets every process of the group go on.
    ///
    /// # Errors
    ///
    /// As of [`Cgroup::freeze`].
    pub fn thaw(&self) -> Result<()> {
        match self.freezer()? {
            (Version::V1, directory) => v1::thaw(directory),
            (Version::V2, directory) => v2::thaw(directory),
        }
    }

    /// Whether the processes of the group run.
    ///
    /// # Errors
    ///
    /// As of [`Cgroup::freeze`].
    pub fn freezer_state(&self) -> Result<FreezerState> {
        match self.freezer()? {
            (Version::V1, directory) => v1::state(directory),
            (Version::V2, directory) => v2::state(directory),
        }
    }

    /// Tells the processes to stop, without waiting for it.
    pub(crate) fn begin_freezing(&self) -> Result<()> {
        match self.freezer()? {
            (Version::V1, directory) => v1::begin_freezing(directory),
            (Version::V2, directory) => v2::begin_freezing(directory),
        }
    }

    fn freezer(&self) -> Result<(Version, &Directory)> {
        let v2 = || self.of_version(Version::V2).next();
        let directory = self.v1_freezer().or_else(v2).ok_or(Error::NoHierarchy)?;
        Ok((directory.record.version, directory))
    }
}

/// True when the directory's own freezer is not thawed; one that cannot tell is.
pub(crate) fn is_frozen(directory: &Directory) -> bool {
    let state = match directory.record.version {
        Version::V1 if directory.record.has(v1::FREEZER) => v1::state(directory),
        Version::V1 => return false,
        Version::V2 => v2::state(directory),
    };
    state.is_ok_and(|state| state != FreezerState::Thawed)
}
