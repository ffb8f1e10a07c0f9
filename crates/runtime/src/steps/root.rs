//! The container's root.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use holm_mounts::{
    Detached, Propagation, Root, Scratch, chroot_into, move_into, pivot_into, set_propagation,
};
use holm_plan::{MountChange, RootEntry, RootSource, Slot};
use holm_sys::Errno;
use rustix::fs::Mode;

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult, mounts};

/// Cuts all mounts of this namespace off from the host's: none of what follows is seen there.
pub(crate) fn sever() -> StepResult {
    let top = Root::open(Path::new("/"))?;
    Ok(set_propagation(top.as_fd(), Propagation::Private, true)?)
}

/// Puts the root together and mounts it on `path`, a directory of the host that only this namespace sees covered; without one
/// it is attached nowhere: what is mounted in it is part of no namespace, and goes with the last process that has it.
pub(crate) fn make(
    bench: &mut ChildBench,
    path: Option<&PathBuf>,
    source: &RootSource,
    change: &MountChange,
) -> StepResult {
    let place = path.map(|path| Root::open(path).map_err(|error| missing(path, error))).transpose()?;
    let root = match (source, &place) {
        (RootSource::Directory { slot }, _) => mounts::taken(bench, *slot)?,
        (_, None) => return Err(StepError::new("an overlay has to be attached to a directory")),
        (RootSource::Layers { lower, size }, Some(place)) => {
            scratch(bench, place, size.as_deref())?.overlay(lower)?
        }
        (RootSource::TakenLayers { lower, size }, Some(place)) => {
            scratch(bench, place, size.as_deref())?;
            let lower = attach_layers(bench, lower)?;
            bench.scratch()?.overlay(&lower)?
        }
        (RootSource::Empty { size }, Some(place)) => {
            let directory = scratch(bench, place, size.as_deref())?.directory("root")?;
            Detached::copy_of(directory.as_fd(), false)?
        }
    };
    if let Some(place) = &place {
        root.attach(place.as_fd())?;
    }
    mounts::apply(root.as_fd(), change)?;
    bench.detached = place.is_none();
    bench.root = Some(Root::new(root.into_fd()));
    Ok(())
}

/// A directory of the host, copy-on-write, at its own place.
pub(crate) fn overlay(bench: &mut ChildBench, path: &Path, change: &MountChange) -> StepResult {
    let overlay = bench.scratch()?.overlay(&[path.to_owned()])?;
    let target = bench.root()?.make_directories(path, Mode::from_raw_mode(0o755))?;
    overlay.attach(target.as_fd())?;
    mounts::apply(overlay.as_fd(), change)
}

fn scratch<'a>(
    bench: &'a mut ChildBench,
    place: &Root,
    size: Option<&str>,
) -> Result<&'a mut Scratch, StepError> {
    Ok(bench.scratch.insert(Scratch::mount(place, size)?))
}

fn missing(path: &Path, error: holm_sys::Error) -> StepError {
    let hint = match error.errno() {
        Errno::NOENT => Some(format!("there is no root file system at {}", path.display())),
        Errno::NOTDIR => Some(format!("{} is not a directory", path.display())),
        _ => None,
    };
    StepError { hint, ..StepError::from(error) }
}

/// An idmapped mount has to be somewhere in this namespace for overlayfs to take it as a layer.
fn attach_layers(bench: &mut ChildBench, slots: &[Slot]) -> Result<Vec<PathBuf>, StepError> {
    let mut paths = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let place = bench.scratch()?.directory(&format!("lower{index}"))?;
        let layer = mounts::taken(bench, *slot)?;
        layer.attach(place.as_fd())?;
        paths.push(mounts::keep_open(bench, layer));
    }
    Ok(paths)
}

/// Makes the root `/`; the host's file system can no longer be reached by any path.
pub(crate) fn enter(bench: &mut ChildBench, by: RootEntry) -> StepResult {
    let root = bench.root()?;
    let enter = match by {
        RootEntry::Pivot => pivot_into,
        RootEntry::Move => move_into,
        RootEntry::Chroot => chroot_into,
    };
    Ok(enter(root.as_fd())?)
}
