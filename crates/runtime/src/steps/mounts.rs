//! Mounts inside the root. Every destination is resolved once, inside the root, and used by its descriptor.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_mounts::{Detached, FsOption, MountAttr, Root, is_directory, set_attributes, set_propagation};
use holm_plan::{MountChange, Slot, Symlinks};
use holm_sys::Errno;
use rustix::fs::Mode;

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult};

/// A file system to be made.
pub(crate) struct Filesystem<'a> {
    pub(crate) fstype: &'a str,
    pub(crate) source: Option<&'a str>,
    pub(crate) options: &'a [FsOption],
}

/// Where a mount goes, and what it becomes there.
pub(crate) struct Place<'a> {
    pub(crate) destination: &'a Path,
    pub(crate) symlinks: Symlinks,
    pub(crate) change: &'a MountChange,
}

/// A new instance of a file system, on a directory that is made when it is missing.
pub(crate) fn filesystem(bench: &ChildBench, filesystem: &Filesystem<'_>, place: &Place<'_>) -> StepResult {
    // It is born with its attributes, but for those that cannot be had so.
    let born = place.change.set - (MountAttr::IDMAP | MountAttr::NOSYMFOLLOW);
    let (fstype, source) = (filesystem.fstype, filesystem.source);
    let mount = Detached::filesystem_with(fstype, source, filesystem.options, born)?;
    // Nothing else is set that would have to be cleared.
    let (set, clear) = (place.change.set - born, MountAttr::empty());
    let rest = MountChange { set, clear, ..place.change.clone() };
    let target = target(bench.root()?, place, true)?;
    mount.attach(target.as_fd())?;
    apply(mount.as_fd(), &rest)
}

/// A mount that was taken, on a directory or file as it is one itself.
pub(crate) fn attach(bench: &mut ChildBench, slot: Slot, place: &Place<'_>) -> StepResult {
    let mount = taken(bench, slot)?;
    let target = target(bench.root()?, place, is_directory(mount.as_fd())?)?;
    mount.attach(target.as_fd())?;
    apply(mount.as_fd(), place.change)
}

/// The mount of that number, which was taken by an earlier step.
pub(crate) fn taken(bench: &mut ChildBench, slot: Slot) -> Result<Detached, StepError> {
    bench.taken.remove(&slot).ok_or_else(|| StepError::new(format!("mount {slot} was not taken")))
}

/// Keeps a mount open for the rest of the work, and gives a path to it.
pub(crate) fn keep_open(bench: &mut ChildBench, mount: Detached) -> PathBuf {
    let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_fd().as_raw_fd()));
    // Slots count up from 0, so the descriptors of what is only kept open count down from the end.
    let key = usize::MAX - usize::try_from(mount.as_fd().as_raw_fd()).unwrap_or_default();
    bench.taken.insert(key, mount);
    path
}

/// Attributes of the tree, then of the mount, then propagation.
pub(crate) fn apply(mount: BorrowedFd<'_>, change: &MountChange) -> StepResult {
    set_attributes(mount, change.set_recursive, change.clear_recursive, true).map_err(locked)?;
    set_attributes(mount, change.set, change.clear, false).map_err(locked)?;
    for step in &change.propagation {
        set_propagation(mount, step.propagation, step.recursive)?;
    }
    Ok(())
}

fn locked(error: holm_sys::Error) -> StepError {
    let hint = (error.errno() == Errno::PERM).then(|| {
        "in a user namespace the flags of a mount of the host (ro, nosuid, nodev, noexec, atime) are locked and cannot \
         be cleared: leave the option out"
            .to_owned()
    });
    StepError { hint, ..StepError::from(error) }
}

/// Changes a mount that is in place.
pub(crate) fn change(bench: &ChildBench, path: &Path, change: &MountChange) -> StepResult {
    let root = bench.root()?;
    if path == Path::new("/") {
        return apply(root.as_fd(), change);
    }
    // What was mounted there by this process has no link on its way: one is somebody else's.
    let mount = root.strict().resolve(path)?;
    apply(mount.as_fd(), change)
}

/// Makes a directory unless it is there.
pub(crate) fn make_directory(bench: &ChildBench, path: &Path) -> StepResult {
    bench.root()?.make_directories(path, Mode::from_raw_mode(0o755)).map_err(|error| {
        let hint = (error.errno() == Errno::NOTDIR).then(|| format!("{} is not a directory", path.display()));
        StepError { hint, ..StepError::from(error) }
    })?;
    Ok(())
}

/// What is mounted over: made when it is missing.
fn target(root: &Root, place: &Place<'_>, directory: bool) -> Result<OwnedFd, StepError> {
    let strict;
    let root = match place.symlinks {
        Symlinks::Follow => root,
        Symlinks::Refuse => {
            strict = root.strict();
            &strict
        }
    };
    let made = if directory {
        root.make_directories(place.destination, Mode::from_raw_mode(0o755))
    } else {
        root.make_file(place.destination, Mode::from_raw_mode(0o644))
    };
    made.map_err(|error| StepError { hint: target_hint(&error, place), ..StepError::from(error) })
}

fn target_hint(error: &holm_sys::Error, place: &Place<'_>) -> Option<String> {
    let path = place.destination.display();
    match error.errno() {
        Errno::LOOP => {
            Some(format!("a symbolic link is on the way to {path} in the root, which is refused there"))
        }
        Errno::NOTDIR => Some(format!("{path} is not a directory in the root, or something above it is not")),
        Errno::ROFS | Errno::ACCESS => {
            Some(format!("{path} does not exist in the root and cannot be made there: make it in the image"))
        }
        _ => None,
    }
}
