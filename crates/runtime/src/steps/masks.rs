//! Paths that are hidden or made read-only.

use std::os::fd::AsFd;
use std::path::Path;

use holm_mounts::{Detached, FsOption, MountAttr, is_directory};
use holm_plan::MountChange;
use holm_sys::Errno;

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult, devices, mounts};

/// What covers masked paths: one null device for all files, one empty directory for all directories. A tmpfs of its
/// own for each would cost each container as many superblocks as the host has CPUs.
#[derive(Default)]
pub(crate) struct Covers {
    file: Option<Detached>,
    directory: Option<Detached>,
}

impl Covers {
    fn file(&mut self) -> Result<&Detached, StepError> {
        match &mut self.file {
            Some(file) => Ok(file),
            empty => Ok(empty.insert(devices::host_null()?)),
        }
    }

    fn directory(&mut self) -> Result<&Detached, StepError> {
        match &mut self.directory {
            Some(directory) => Ok(directory),
            empty => Ok(empty.insert(empty_directory()?)),
        }
    }
}

fn empty_directory() -> Result<Detached, StepError> {
    let options =
        [FsOption::pair("mode", "0555"), FsOption::pair("nr_inodes", "1"), FsOption::pair("size", "0")];
    // From its birth on: before Linux 5.12 the attributes of a mount that is in no tree cannot be changed.
    let closed = MountAttr::RDONLY | MountAttr::NOSUID | MountAttr::NODEV | MountAttr::NOEXEC;
    Ok(Detached::filesystem_with("tmpfs", Some("masked"), &options, closed)?)
}

/// Covers `path`, so that it reads as empty.
pub(crate) fn mask(bench: &mut ChildBench, path: &Path) -> StepResult {
    let Some(target) = present(bench, path)? else { return Ok(()) };
    let cover =
        if is_directory(target.as_fd())? { bench.covers.directory()? } else { bench.covers.file()? };
    let cover = copy_for(cover, path)?;
    devices::cover(bench, &cover, target.as_fd())
}

/// A copy of a mount that is attached to nothing can be taken only since Linux 6.15; before that the cover of the
/// first path is the cover itself and the others are made anew.
fn copy_for(cover: &Detached, path: &Path) -> Result<Detached, StepError> {
    match Detached::copy_of(cover.as_fd(), false) {
        Ok(copy) => Ok(copy),
        Err(error) if error.errno() == Errno::INVAL => {
            if is_directory(cover.as_fd())? {
                empty_directory()
            } else {
                devices::host_null()
            }
        }
        Err(error) => {
            Err(StepError { hint: Some(format!("{} stays visible", path.display())), ..error.into() })
        }
    }
}

/// Binds `path` over itself, read-only with all below it.
pub(crate) fn readonly(bench: &ChildBench, path: &Path) -> StepResult {
    let Some(target) = present(bench, path)? else { return Ok(()) };
    let copy = Detached::copy_of(target.as_fd(), true)?;
    let change = MountChange { set_recursive: MountAttr::RDONLY, ..MountChange::default() };
    mounts::put(bench, &copy, target.as_fd(), &change)
}

/// What is at `path` in the root; `None` when there is nothing.
fn present(bench: &ChildBench, path: &Path) -> Result<Option<std::os::fd::OwnedFd>, StepError> {
    match bench.root()?.resolve(path) {
        Ok(target) => Ok(Some(target)),
        Err(error) if matches!(error.errno(), Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
