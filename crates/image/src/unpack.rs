//! Unpacking an image: the layers that are missing, in parallel.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use holm_sys::Context;

use crate::error::{Error, Result};
use crate::extract::{Extractor, Ownership};
use crate::image::{Image, Layer};
use crate::notes::Notes;
use crate::{Digest, Store, pipeline, stack};

/// The lower layers that overlayfs stacks (`OVL_MAX_STACK` in the kernel).
const MOST_LAYERS: usize = 500;

fn check_count(image: &Image, count: usize) -> Result<()> {
    if count <= MOST_LAYERS {
        return Ok(());
    }
    Err(Error::TooManyLayers { image: image.reference.path.clone(), count, most: MOST_LAYERS })
}

/// How layers are unpacked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnpackOptions {
    /// Leaves the caller as the owner of everything, where a single id is all there is.
    pub single_id: bool,
}

impl UnpackOptions {
    pub(crate) fn ownership(self) -> Ownership {
        if self.single_id { Ownership::Single } else { Ownership::Kept }
    }
}

/// An image that is ready to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// The directories of the layers, the lowest first, none of them twice. Overlayfs takes them in the other order.
    pub layers: Vec<PathBuf>,
    /// What a person should know: what was left out of the layers that were unpacked by this call.
    pub notes: Vec<String>,
}

impl Store {
    /// The layers of `image` that are not in the store yet.
    pub fn missing<'image>(&self, image: &'image Image, options: &UnpackOptions) -> Vec<&'image Layer> {
        let ownership = options.ownership();
        let unique: BTreeMap<Digest, &Layer> =
            image.layers.iter().map(|layer| (layer.diff_id, layer)).collect();
        let absent = |layer: &&Layer| !self.layer(&layer.diff_id, ownership).exists();
        unique.into_values().filter(absent).collect()
    }

    /// Unpacks the layers of `image` that are missing, in parallel, and says where all of them lie.
    ///
    /// Wants root, or root of a user namespace with the ids of the image mapped; see [`UnpackOptions::single_id`].
    /// Whiteouts are character devices 0:0, and opaque directories have `user.overlay.opaque` set, and also
    /// `trusted.overlay.opaque` if root of the initial user namespace unpacks: mount with `userxattr` in a
    /// user namespace (Linux 5.11).
    ///
    /// # Errors
    ///
    /// Those about layers, of the first layer that had one: see [`Error`]. Nothing of a layer that failed stays.
    pub fn unpack(&self, image: &Image, options: &UnpackOptions) -> Result<Unpacked> {
        // Before anything is unpacked; none counts twice, as none is stacked twice.
        check_count(image, image.layers.iter().map(|layer| layer.diff_id).collect::<BTreeSet<_>>().len())?;
        let mut missing = self.missing(image, options);
        // The largest first, so that it is not the one that everybody waits for.
        missing.sort_by_key(|layer| std::cmp::Reverse(layer.blob.size));
        let notes = self.unpack_all(&missing, options.ownership())?;
        let layers = stack::of(self, image, options.ownership())
            .map_err(|source| Error::Store { path: self.path().to_owned(), source })?;
        // What is put on top for the sake of some images is one more.
        check_count(image, layers.len())?;
        Ok(Unpacked { layers, notes: notes.sentences() })
    }

    fn unpack_all(&self, missing: &[&Layer], ownership: Ownership) -> Result<Notes> {
        if missing.is_empty() {
            return Ok(Notes::default());
        }
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        let results = Mutex::new(BTreeMap::new());
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(layer) = missing.get(index) else { break };
                let result = self.unpack_layer(layer, ownership);
                stop.fetch_or(result.is_err(), Ordering::Relaxed);
                if let Ok(mut results) = results.lock() {
                    results.insert(index, result);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..missing.len().min(cores) {
                scope.spawn(work);
            }
            work();
        });
        let mut notes = Notes::default();
        for result in results.into_inner().unwrap_or_default().into_values() {
            notes.merge(result?);
        }
        Ok(notes)
    }

    fn unpack_layer(&self, layer: &Layer, ownership: Ownership) -> Result<Notes> {
        let failed = |source| Error::Store { path: self.path().to_owned(), source };
        let place = self.layer(&layer.diff_id, ownership);
        let _lock = self.lock_layer(&layer.diff_id).map_err(failed)?;
        if place.exists() {
            return Ok(Notes::default());
        }
        let temporary = self.temporary().map_err(failed)?;
        let root = temporary.subdirectory("fs").map_err(failed)?;
        let mut extractor = Extractor::new(root, ownership).map_err(failed)?;
        let label = layer.label();
        pipeline::run(layer, |stream| extractor.entries(stream, &label))?;
        let extracted = extractor.finish(&label)?;
        if !extracted.implied.is_empty() {
            let path = temporary.path().join("implied");
            let content =
                extracted.implied.iter().flat_map(|name| [&name[..], b"\0"]).collect::<Vec<_>>().concat();
            let mut options = std::fs::File::options();
            let file = options.write(true).create_new(true).open(&path);
            file.and_then(|mut file| file.write_all(&content))
                .call(|| format!("write({path:?})"))
                .map_err(failed)?;
        }
        temporary.rename(&place).map_err(failed)?;
        Ok(extracted.notes)
    }
}
