//! From tar entries to files, without ever leaving the directory of the layer.

mod attributes;
mod content;
mod directories;
mod entries;
mod name;
mod tree;
mod whiteout;

use std::os::fd::OwnedFd;

use crate::error::{Error, Result, quoted};
use crate::notes::Notes;
use crate::tar::{Input, Reader, TarError};

pub(crate) use attributes::Ownership;
pub(crate) use whiteout::{is_whiteout, set_opaque};

use attributes::{Attributes, Defaults, Setter};
use directories::Directories;
use name::Target;
use tree::Tree;

/// Why an entry was not unpacked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It would reach out of the layer.
    Outside(String),
    /// It makes no sense.
    Invalid(String),
    /// A call failed.
    Call(holm_sys::Error),
    /// Its owner does not exist here.
    Unmapped { id: u32, group: bool },
    /// Its data cannot be read.
    Tar(TarError),
}

impl From<holm_sys::Error> for Refusal {
    fn from(error: holm_sys::Error) -> Self {
        Self::Call(error)
    }
}

impl Refusal {
    pub(crate) fn of(self, layer: &str, entry: &[u8]) -> Error {
        let (layer, entry) = (layer.to_owned(), quoted(entry));
        match self {
            Self::Outside(reason) => Error::Outside { layer, entry, reason },
            Self::Invalid(reason) => Error::Entry { layer, entry, reason },
            Self::Call(source) => Error::Unpack { layer, entry, source },
            Self::Unmapped { id, group } => Error::UnmappedId { layer, entry, id, group },
            Self::Tar(error) => Error::Corrupt { layer, reason: format!("{error} (entry {entry})") },
        }
    }
}

/// Makes the files of one layer.
pub(crate) struct Extractor {
    tree: Tree,
    directories: Directories,
    setter: Setter,
}

/// What is known when all files of a layer exist.
pub(crate) struct Extracted {
    pub(crate) notes: Notes,
    /// Directories that have no entry in the layer but are needed by others, by their names.
    pub(crate) implied: Vec<Vec<u8>>,
}

impl Extractor {
    /// Extracts into `root`, an empty directory that nobody else may enter.
    pub(crate) fn new(root: OwnedFd, ownership: Ownership) -> holm_sys::Result<Self> {
        let defaults = Defaults::probe(&root)?;
        let setter = Setter { ownership, defaults, notes: Notes::default() };
        Ok(Self { tree: Tree::new(root), directories: Directories::default(), setter })
    }

    /// Makes the files of all entries, and reads the archive to the end of its stream.
    pub(crate) fn entries(&mut self, input: impl Input, layer: &str) -> Result<()> {
        let mut reader = Reader::new(input);
        let broken = |error: TarError| Error::Corrupt { layer: layer.to_owned(), reason: error.to_string() };
        while let Some(entry) = reader.next().map_err(broken)? {
            let made = match Target::of(&entry.name) {
                Ok(target) => self.target(&target, &entry, &mut reader),
                Err(refusal) => Err(refusal),
            };
            made.map_err(|refusal| refusal.of(layer, &entry.name))?;
        }
        reader.drain().map_err(broken)
    }

    /// Gives the directories what their entries say, which would have been in the way before.
    pub(crate) fn finish(mut self, layer: &str) -> Result<Extracted> {
        let implied = self.directories.implied();
        for (name, directory) in self.directories.take_deepest_first() {
            self.finish_directory(&name, &directory).map_err(|refusal| refusal.of(layer, &name))?;
        }
        Ok(Extracted { notes: self.setter.notes, implied })
    }
}
