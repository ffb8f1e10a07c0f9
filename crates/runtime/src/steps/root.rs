//! The container's root.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_mounts::{Detached, Overlay, Propagation, Root, pivot_into, set_propagation};
use holm_plan::{MountChange, RootSource, Slot};
use holm_sys::{Context, Errno};
use rustix::fs::{Mode, mkdirat};

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult, mounts};

/// Cuts all mounts of this namespace off from the host's: none of what follows is seen there.
pub(crate) fn sever() -> StepResult {
    let top = Root::open(Path::new("/"))?;
    Ok(set_propagation(top.as_fd(), Propagation::Private, true)?)
}

/// Puts the root together and mounts it on `path`, a directory of the host that only this namespace sees covered.
pub(crate) fn make(bench: &mut ChildBench, path: &Path, source: &RootSource, change: &MountChange) -> StepResult {
    let place = Root::open(path).map_err(|error| missing(path, error))?;
    let root = match source {
        RootSource::Directory { slot } => {
            let mount = mounts::taken(bench, *slot)?;
            mount.attach(place.as_fd())?;
            mount
        }
        RootSource::Layers { lower, size } => overlay(lower, size.as_deref(), &place)?,
        RootSource::TakenLayers { lower, size } => {
            // The scratch tmpfs is over `place` by the time that the layers are attached, in a directory each.
            let scratch = scratch_for_layers(&place, lower.len())?;
            let lower = attach_layers(bench, lower, &scratch)?;
            overlay(&lower, size.as_deref(), &place)?
        }
    };
    mounts::apply(root.as_fd(), change)?;
    bench.root = Some(Root::new(root.into_fd()));
    Ok(())
}

fn missing(path: &Path, error: holm_sys::Error) -> StepError {
    let hint = match error.errno() {
        Errno::NOENT => Some(format!("there is no root file system at {}", path.display())),
        Errno::NOTDIR => Some(format!("{} is not a directory", path.display())),
        _ => None,
    };
    StepError { hint, ..StepError::from(error) }
}

fn overlay(lower: &[PathBuf], size: Option<&str>, place: &Root) -> Result<Detached, StepError> {
    let overlay = Overlay { lower, size }.mount(place)?;
    overlay.attach(place.as_fd())?;
    Ok(overlay)
}

/// A small tmpfs with a directory for each layer: an idmapped mount has to be somewhere for overlayfs to find it.
fn scratch_for_layers(place: &Root, count: usize) -> Result<Root, StepError> {
    let tmpfs = Detached::filesystem("tmpfs", Some("layers"), &[])?;
    tmpfs.attach(place.as_fd())?;
    for index in 0..count {
        mkdirat(&tmpfs, index.to_string(), Mode::from_raw_mode(0o700)).call(|| format!("mkdirat({index})"))?;
    }
    let fd: OwnedFd = tmpfs.into_fd();
    Ok(Root::new(fd))
}

fn attach_layers(bench: &mut ChildBench, slots: &[Slot], scratch: &Root) -> Result<Vec<PathBuf>, StepError> {
    let mut paths = Vec::with_capacity(slots.len());
    for (index, slot) in slots.iter().enumerate() {
        let place = scratch.resolve(Path::new(&index.to_string()))?;
        let layer = mounts::taken(bench, *slot)?;
        layer.attach(place.as_fd())?;
        paths.push(mounts::keep_open(bench, layer));
    }
    Ok(paths)
}

/// Makes the root `/`; the host's file system can no longer be reached by any path.
pub(crate) fn enter(bench: &mut ChildBench) -> StepResult {
    let root = bench.root()?;
    Ok(pivot_into(root.as_fd())?)
}
