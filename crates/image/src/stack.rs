//! Layers on top of each other, seen as overlayfs shows them: what is hidden, and what shines through.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, getxattr, openat};

use crate::corrections;
use crate::extract::{Ownership, is_whiteout};
use crate::image::Image;
use crate::{Digest, Store};

/// What one layer has at a name.
pub(crate) enum Seen {
    /// Something; and whether layers below do not count any more, even if it is a directory.
    Here { file: OwnedFd, stat: Stat, opaque: bool },
    /// Nothing: a layer below may have it.
    Below,
    /// Nothing, and those below do not count.
    Hidden,
}

/// The directories of the layers of `image`, the lowest first, as overlayfs should get them.
pub(crate) fn of(store: &Store, image: &Image, ownership: Ownership) -> Result<Vec<PathBuf>> {
    let mut layers: Vec<PathBuf> = Vec::new();
    for layer in &image.layers {
        let path = store.layer(&layer.diff_id, ownership);
        // Overlayfs refuses the same directory twice. All that a layer has is seen in its upper place, and hides what
        // it had in the lower one.
        layers.retain(|known| *known != path);
        layers.push(path);
    }
    // Overlayfs does not ask whether a root is opaque.
    let opaque = layers.iter().map(|layer| open_root(&layer.join("fs")).map(|root| is_opaque(&root)));
    let opaque = opaque.collect::<Result<Vec<bool>>>()?;
    if let Some(lowest) = opaque.iter().rposition(|opaque| *opaque) {
        layers.drain(..lowest);
    }
    let mut diff_ids = image.layers.iter().map(|layer| layer.diff_id);
    let chain_id =
        diff_ids.next().map(|first| diff_ids.fold(first, |below, above| Digest::chain(&below, &above)));
    let place = chain_id.map(|chain_id| store.corrections(&chain_id, ownership));
    let on_top = place.map(|place| corrections::of(store, &layers, &place)).transpose()?.flatten();
    Ok(layers.into_iter().map(|layer| layer.join("fs")).chain(on_top).collect())
}

/// What is beneath a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beneath {
    /// Other layers.
    Layers,
    /// Nothing: whether a directory is opaque makes no difference, and is not asked.
    Nothing,
}

/// What the layer in the directory `root` has at `name`, itself if it is a link.
pub(crate) fn look(root: &Path, name: &[u8], beneath: Beneath) -> Result<Seen> {
    let hides = |directory: &OwnedFd| beneath == Beneath::Layers && is_opaque(directory);
    let mut place = open_root(root)?;
    let mut opaque = hides(&place);
    let components = name.split(|byte| *byte == b'/').filter(|component| !component.is_empty());
    for (component, is_last) in with_last(components) {
        let file =
            match openat(&place, component, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            {
                Err(Errno::NOENT) if opaque => return Ok(Seen::Hidden),
                Err(Errno::NOENT) => return Ok(Seen::Below),
                file => file.call(|| format!("openat({:?}, O_PATH)", String::from_utf8_lossy(component)))?,
            };
        let stat = fstat(&file).call(|| "fstat()")?;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_whiteout(&stat) || !is_last && !is_directory {
            return Ok(Seen::Hidden);
        }
        opaque |= is_directory && hides(&file);
        place = file;
    }
    let stat = fstat(&place).call(|| "fstat()")?;
    Ok(Seen::Here { file: place, stat, opaque })
}

fn with_last<'a>(components: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = (&'a [u8], bool)> {
    let mut components = components.peekable();
    std::iter::from_fn(move || components.next().map(|component| (component, components.peek().is_none())))
}

fn open_root(root: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, root, flags, Mode::empty()).call(|| format!("openat({root:?}, O_PATH|O_DIRECTORY)"))
}

/// Whether a directory hides what lies below it in lower layers.
fn is_opaque(directory: &OwnedFd) -> bool {
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    ["user.overlay.opaque", "trusted.overlay.opaque"].iter().any(|name| {
        let mut value = [0; 1];
        getxattr(&path, *name, &mut value).is_ok_and(|length| length == 1 && value == *b"y")
    })
}
