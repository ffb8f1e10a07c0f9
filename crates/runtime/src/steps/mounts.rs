//! Mounts inside the root. Every destination is resolved once, inside the root, and used by its descriptor.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_mounts::{
    Detached, FsOption, MountAttr, Root, is_directory, is_procfs, link_of, set_attributes, set_propagation,
};
use holm_plan::{Inherits, MountChange, Slot, Symlinks};
use holm_sys::{Context, Errno};
use rustix::fs::{Mode, OFlags};

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult, copyup};

/// A file system to be made.
pub(crate) struct Filesystem<'a> {
    pub(crate) fstype: &'a str,
    pub(crate) source: Option<&'a str>,
    pub(crate) options: &'a [FsOption],
    pub(crate) inherits: Inherits,
}

/// Where a mount goes, and what it becomes there.
pub(crate) struct Place<'a> {
    pub(crate) destination: &'a Path,
    pub(crate) symlinks: Symlinks,
    pub(crate) change: &'a MountChange,
}

/// A new instance of a file system, on a directory that is made when it is missing.
pub(crate) fn filesystem(
    bench: &mut ChildBench,
    filesystem: &Filesystem<'_>,
    place: &Place<'_>,
) -> StepResult {
    // It is born with its attributes, but for those that cannot be had so.
    let born = place.change.set - (MountAttr::IDMAP | MountAttr::NOSYMFOLLOW);
    let (fstype, source) = (filesystem.fstype, filesystem.source);
    let covered = covered(bench.root()?, filesystem.inherits, place)?;
    let own_mode = filesystem.options.iter().any(|option| option.key == "mode");
    let mode = covered.as_ref().filter(|_| !own_mode).map(mode_of).transpose()?;
    let mode = mode.map(|mode| FsOption::pair("mode", format!("{mode:o}")));
    let options: Vec<FsOption> = mode.into_iter().chain(filesystem.options.iter().cloned()).collect();
    let mount = Detached::filesystem_with(fstype, source, &options, born)?;
    if let (Inherits::Content, Some(covered)) = (filesystem.inherits, &covered) {
        copyup::copy(covered.as_fd(), mount.as_fd())?;
        copyup::own(covered.as_fd(), mount.as_fd())?;
    }
    // Nothing else is set that would have to be cleared.
    let (set, clear) = (place.change.set - born, MountAttr::empty());
    let rest = MountChange { set, clear, ..place.change.clone() };
    let target = match covered {
        Some(covered) => covered,
        None => target(bench.root()?, place, true)?,
    };
    put(bench, &mount, target.as_fd(), &rest)?;
    bench.placed.insert(place.destination.to_owned(), mount);
    Ok(())
}

/// The directory that is there already, for a file system that takes something over from it.
fn covered(root: &Root, inherits: Inherits, place: &Place<'_>) -> Result<Option<OwnedFd>, StepError> {
    if inherits == Inherits::Nothing {
        return Ok(None);
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    match allowing(root, place.symlinks).open_at(place.destination, flags, Mode::empty()) {
        Ok(covered) => by_its_name(root, place, covered).map(Some),
        // It is made, or found to be in the way, later.
        Err(error) if matches!(error.errno(), Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn mode_of(directory: &OwnedFd) -> Result<u32, StepError> {
    Ok(rustix::fs::fstat(directory).call(|| "fstat(what is covered)")?.st_mode & 0o7777)
}

/// A mount that was taken, on a directory or file as it is one itself.
pub(crate) fn attach(bench: &mut ChildBench, slot: Slot, place: &Place<'_>, copy_link: bool) -> StepResult {
    let mount = taken(bench, slot)?;
    if let (true, Some(target)) = (copy_link, link_of(mount.as_fd())?) {
        return link(bench.root()?, &target, place);
    }
    if place.destination == Path::new("/proc") && !is_procfs(mount.as_fd())? {
        let hint = "programs, and whoever joins the container, rely on what stands there: bind a /proc, or mount one";
        return Err(StepError::new("fstatfs(mount for /proc): not a procfs").hinting(hint));
    }
    let target = target(bench.root()?, place, is_directory(mount.as_fd())?)?;
    put(bench, &mount, target.as_fd(), place.change)?;
    bench.placed.insert(place.destination.to_owned(), mount);
    Ok(())
}

/// The link that was the source, once more. One that is there must say the same.
fn link(root: &Root, target: &Path, place: &Place<'_>) -> StepResult {
    let root = allowing(root, place.symlinks);
    root.make_symlink(target, place.destination)?;
    if root.link_at(place.destination)?.is_some_and(|there| there == target) {
        return Ok(());
    }
    let path = place.destination.display();
    let hint =
        format!("{path} is there already, and no link to {}: leave copy-symlink out", target.display());
    Err(StepError::new(format!("symlinkat({path}): something else is there")).hinting(hint))
}

/// The mount of that number, which was taken by an earlier step.
pub(crate) fn taken(bench: &mut ChildBench, slot: Slot) -> Result<Detached, StepError> {
    bench.taken.remove(&slot).ok_or_else(|| StepError::new(format!("mount {slot} was not taken")))
}

/// Attaches a mount and changes it. Before Linux 5.12 only what is attached can be changed, so that comes first; but in a
/// root that is attached nowhere, which takes Linux 6.15, only what is not can be.
pub(crate) fn put(
    bench: &ChildBench,
    mount: &Detached,
    target: BorrowedFd<'_>,
    change: &MountChange,
) -> StepResult {
    if bench.detached {
        apply(mount.as_fd(), change)?;
        return mount.attach(target).map_err(|error| {
            let hint = (error.errno() == Errno::INVAL).then(|| {
                "without a mount namespace of its own a container's mounts take Linux 6.15".to_owned()
            });
            StepError { hint, ..StepError::from(error) }
        });
    }
    mount.attach(target)?;
    apply(mount.as_fd(), change)
}

/// Keeps a mount open for the rest of the work, and gives a path to it.
pub(crate) fn keep_open(bench: &mut ChildBench, mount: Detached) -> PathBuf {
    let path = PathBuf::from(format!("/proc/self/fd/{}", mount.as_fd().as_raw_fd()));
    // Slots count up from 0, so the descriptors of what is only kept open count down from the end.
    let key = usize::MAX - usize::try_from(mount.as_fd().as_raw_fd()).unwrap_or_default();
    bench.taken.insert(key, mount);
    path
}

/// Attributes of the mount, then of the tree, then propagation.
pub(crate) fn apply(mount: BorrowedFd<'_>, change: &MountChange) -> StepResult {
    own(mount, change).map_err(locked)?;
    set_attributes(mount, change.set_recursive, change.clear_recursive, true).map_err(locked)?;
    for step in &change.propagation {
        set_propagation(mount, step.propagation, step.recursive)?;
    }
    Ok(())
}

/// The flags that a bind mount has from its source, and that can be locked.
const FROM_SOURCE: MountAttr = MountAttr::RDONLY
    .union(MountAttr::NOSUID)
    .union(MountAttr::NODEV)
    .union(MountAttr::NOEXEC)
    .union(MountAttr::NOSYMFOLLOW);

/// Its own attributes. Flags of the source that nobody asked to keep, or to clear, stay when they are locked.
fn own(mount: BorrowedFd<'_>, change: &MountChange) -> holm_sys::Result<()> {
    let (set, clear) = (change.set, change.clear);
    if change.exact {
        match set_attributes(mount, set, clear | (FROM_SOURCE - set), false) {
            Err(error) if error.errno() == Errno::PERM => {}
            result => return result,
        }
    }
    set_attributes(mount, set, clear, false)
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
    if let Some(mount) = bench.placed.get(path) {
        return apply(mount.as_fd(), change);
    }
    // What was mounted there by this process has no link on its way: one is somebody else's.
    let mount = root.strict().resolve(path)?;
    apply(mount.as_fd(), change)
}

/// Gives a file system that is in place other options, and its mount other attributes.
pub(crate) fn reconfigure(
    bench: &ChildBench,
    path: &Path,
    options: &[FsOption],
    change: &MountChange,
) -> StepResult {
    let found;
    let mount = match bench.placed.get(path) {
        Some(mount) => mount.as_fd(),
        None => {
            found = bench.root()?.strict().resolve(path)?;
            found.as_fd()
        }
    };
    if !options.is_empty() {
        holm_mounts::reconfigure(mount, options)?;
    }
    apply(mount, change)
}

/// Makes a directory unless it is there.
pub(crate) fn make_directory(bench: &ChildBench, path: &Path) -> StepResult {
    bench.root()?.make_directories(path, Mode::from_raw_mode(0o755)).map_err(|error| {
        let hint = (error.errno() == Errno::NOTDIR).then(|| format!("{} is not a directory", path.display()));
        StepError { hint, ..StepError::from(error) }
    })?;
    Ok(())
}

/// The root, in which links are followed as they may be here.
fn allowing(root: &Root, symlinks: Symlinks) -> Root {
    match symlinks {
        Symlinks::Follow | Symlinks::Cover => root.clone(),
        Symlinks::Refuse => root.strict(),
    }
}

/// What is mounted over: made when it is missing.
fn target(root: &Root, place: &Place<'_>, directory: bool) -> Result<OwnedFd, StepError> {
    let root = allowing(root, place.symlinks);
    if place.symlinks == Symlinks::Cover
        && let Ok(there) = root.resolve_nofollow(place.destination)
    {
        return by_its_name(&root, place, there);
    }
    let made = if directory {
        root.make_directories(place.destination, Mode::from_raw_mode(0o755))
    } else {
        root.make_file(place.destination, Mode::from_raw_mode(0o644))
    };
    let made =
        made.map_err(|error| StepError { hint: target_hint(&error, place), ..StepError::from(error) })?;
    by_its_name(&root, place, made)
}

/// What is on /proc is there by that name alone: a link of the image would put what was meant for another place over what
/// programs and the runtime rely on. One who says the very place, below a procfs elsewhere, gets it.
fn by_its_name(root: &Root, place: &Place<'_>, opened: OwnedFd) -> Result<OwnedFd, StepError> {
    if place.destination.starts_with("/proc") || !is_procfs(opened.as_fd())? {
        return Ok(opened);
    }
    root.strict().resolve(place.destination).map_err(|error| {
        let hint = (error.errno() == Errno::LOOP).then(|| {
            format!(
                "{} leads into /proc by a symbolic link in the root, which is refused",
                place.destination.display()
            )
        });
        StepError { hint, ..StepError::from(error) }
    })
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
