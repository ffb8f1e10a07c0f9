//! Reading tar archives: ustar, pax and GNU, as a stream, with bounds on everything that is kept in memory.
//!
//! The formats are those of [tar(5)](https://man.freebsd.org/cgi/man.cgi?tar(5)) and of the manual of GNU tar; where
//! implementations differ, this one reads what Go's `archive/tar` reads, for that wrote nearly all layers there are.

mod entry;
mod header;
pub(crate) mod input;
mod pax;
mod reader;
mod sparse;

pub(crate) use entry::{Entry, Kind};
pub(crate) use input::Input;
pub(crate) use reader::Reader;
pub(crate) use sparse::Segment;

use std::io;

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TarError {
    /// The bytes could not be had: from the file, or out of the compression.
    #[error("{0}")]
    Io(io::Error),
    /// It ends within a header or a file.
    #[error("it ends in the middle of {0}")]
    Truncated(&'static str),
    /// A header that makes no sense.
    #[error("{reason} in the tar header at byte {position}")]
    Malformed { position: u64, reason: &'static str },
}

impl TarError {
    /// An error of reading, within `what`.
    pub(crate) fn reading(error: io::Error, what: &'static str) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Truncated(what) } else { Self::Io(error) }
    }
}

pub(crate) type Result<T> = std::result::Result<T, TarError>;
