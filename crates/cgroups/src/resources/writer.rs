//! Writing the files of a group, and taking back what was written when a later one fails.

use holm_sys::Errno;

use crate::directory::Directory;
use crate::{Error, Result};

/// A file as it was before it was written.
#[derive(Debug)]
struct Before<'a> {
    directory: &'a Directory,
    name: String,
    text: String,
}

/// What was written, for who wants to take it back.
#[derive(Debug, Default)]
pub(crate) struct Journal<'a> {
    before: Vec<Before<'a>>,
}

impl Journal<'_> {
    /// Writes the old values again, the last first. What cannot be put back stays: the error that led here is told.
    pub(crate) fn undo(self) {
        for before in self.before.into_iter().rev() {
            let _ = before.directory.write(&before.name, &before.text);
        }
    }
}

/// Writes files of one directory.
pub(crate) struct Writer<'w, 'a> {
    directory: &'a Directory,
    journal: Option<&'w mut Journal<'a>>,
}

impl<'w, 'a> Writer<'w, 'a> {
    pub(crate) fn new(directory: &'a Directory, journal: Option<&'w mut Journal<'a>>) -> Self {
        Self { directory, journal }
    }

    /// Writes `text` as one command.
    pub(crate) fn write(&mut self, name: &str, text: &str) -> Result<()> {
        if let Some(journal) = &mut self.journal
            && let Ok(old) = self.directory.read(name)
        {
            let text = old.trim_end().to_owned();
            journal.before.push(Before { directory: self.directory, name: name.to_owned(), text });
        }
        Ok(self.directory.write(name, text)?)
    }

    /// Writes a file that has a line for each key; `absent` is what a key has that has no line.
    pub(crate) fn write_keyed(&mut self, name: &str, key: &str, text: &str, absent: &str) -> Result<()> {
        if let Some(journal) = &mut self.journal
            && let Ok(old) = self.directory.read(name)
        {
            let line = old.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            let text = format!("{key} {}", line.unwrap_or(absent));
            journal.before.push(Before { directory: self.directory, name: name.to_owned(), text });
        }
        Ok(self.directory.write(name, &format!("{key} {text}"))?)
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        Ok(self.directory.read(name)?.trim().to_owned())
    }

    /// Reads a number; `max` is the largest.
    pub(crate) fn read_number(&self, name: &str) -> Result<u64> {
        Ok(self.directory.number(name)?)
    }

    /// Whether there is such a file.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.directory.has_file(name)
    }

    /// The error for what this version of the interface cannot do.
    pub(crate) fn unsupported(&self, what: &'static str) -> Error {
        Error::Unsupported { what, version: self.directory.record.version }
    }
}

/// Whether a file could not be written because it is not there.
pub(crate) trait Unavailable {
    /// ENOENT, or what the kernel says of a file that it keeps for the sake of old programs.
    fn is_unavailable(&self) -> bool;
    /// The number of a failed call.
    fn errno(&self) -> Option<Errno>;
}

impl Unavailable for Error {
    fn is_unavailable(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOENT | Errno::OPNOTSUPP))
    }

    fn errno(&self) -> Option<Errno> {
        match self {
            Self::Call(error) => Some(error.errno()),
            _ => None,
        }
    }
}
