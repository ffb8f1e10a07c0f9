//! Where an image lies: a directory or an archive, out of which documents are read and checked.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno};
use rustix::fs::{FileType, Mode, OFlags};
use serde::de::DeserializeOwned;

use crate::archive::Archive;
use crate::document::Descriptor;
use crate::error::{Error, Result};
use crate::image::Blob;
use crate::{Digest, Reference, Transport};

/// The largest document that is read, in bytes; registries have the same bound.
const LARGEST_DOCUMENT: u64 = 4 << 20;

/// A place with named pieces of an image.
#[derive(Debug)]
pub(crate) enum Source {
    Directory(PathBuf),
    Archive(Archive),
}

impl Source {
    pub(crate) fn open(reference: &Reference) -> Result<Self> {
        match reference.transport {
            Transport::OciArchive | Transport::DockerArchive => {
                Archive::open(&reference.path).map(Self::Archive)
            }
            Transport::Oci => {
                let path = &reference.path;
                let metadata = std::fs::metadata(path).call(|| format!("stat({path:?})"));
                let metadata = metadata.map_err(|source| Error::Read { path: path.clone(), source })?;
                if !metadata.is_dir() {
                    return Err(not_a_layout(path, "it is no directory".into()));
                }
                Ok(Self::Directory(path.clone()))
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Directory(path) => path,
            Self::Archive(archive) => archive.path(),
        }
    }

    /// The piece `name`, or `None` if there is none. `name` must not come from the image, unless out of an archive.
    pub(crate) fn piece(&self, name: &str) -> Result<Option<Blob>> {
        match self {
            Self::Archive(archive) => Ok(archive.member(name)),
            Self::Directory(directory) => {
                let path = directory.join(name);
                match open_regular(&path) {
                    Ok((_, size)) => Ok(Some(Blob { path, offset: 0, size })),
                    Err(Error::Read { source, .. }) if source.errno() == Errno::NOENT => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The blob of `digest` in an image layout.
    pub(crate) fn blob(&self, digest: &Digest) -> Result<Blob> {
        let name = format!("blobs/sha256/{}", digest.hex());
        self.piece(&name)?.ok_or_else(|| not_a_layout(self.path(), format!("it has no {name}")))
    }

    /// Reads the document that `descriptor` refers to, after its size and digest were found right.
    pub(crate) fn described<T: DeserializeOwned>(&self, descriptor: &Descriptor, role: &str) -> Result<T> {
        let blob = self.blob(&descriptor.digest)?;
        let what = format!("the {role} {} of {}", descriptor.digest, self.path().display());
        check_size(&what, descriptor.size, blob.size)?;
        let content = self.content(&blob, &what)?;
        check_digest(&what, &descriptor.digest, &content)?;
        self.parse(&content, &format!("the {role} {}", descriptor.digest))
    }

    /// Reads a document that nothing vouches for.
    pub(crate) fn undescribed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(blob) = self.piece(name)? else { return Ok(None) };
        let content = self.content(&blob, &format!("{name} of {}", self.path().display()))?;
        self.parse(&content, name).map(Some)
    }

    /// The bytes of a document.
    pub(crate) fn content(&self, blob: &Blob, what: &str) -> Result<Vec<u8>> {
        if blob.size > LARGEST_DOCUMENT {
            let kind = format!("a document of {} bytes, more than {LARGEST_DOCUMENT}", blob.size);
            return Err(Error::Unsupported { what: what.to_owned(), kind });
        }
        // With room for the one byte more that shows the end.
        let mut content = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default() + 1);
        open_blob(blob)?
            .read_to_end(&mut content)
            .call(|| format!("read({:?})", blob.path))
            .map_err(|source| Error::Read { path: blob.path.clone(), source })?;
        check_size(what, blob.size, content.len() as u64)?;
        Ok(content)
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self, content: &[u8], document: &str) -> Result<T> {
        serde_json::from_slice(content).map_err(|error| self.malformed(document, error.to_string()))
    }

    /// An error about a document of this image.
    pub(crate) fn malformed(&self, document: &str, reason: String) -> Error {
        Error::Document { document: document.to_owned(), image: self.path().to_owned(), reason }
    }
}

pub(crate) fn not_a_layout(path: &Path, reason: String) -> Error {
    Error::NotAnImage { path: path.to_owned(), expected: "an OCI image layout", reason }
}

pub(crate) fn check_size(what: &str, expected: u64, found: u64) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::SizeMismatch { what: what.to_owned(), expected, found })
}

pub(crate) fn check_digest(what: &str, expected: &Digest, content: &[u8]) -> Result<()> {
    match Digest::of(content) {
        found if found == *expected => Ok(()),
        found => Err(Error::DigestMismatch { what: what.to_owned(), expected: *expected, found }),
    }
}

/// Opens a regular file, without hanging on a FIFO, and tells its size.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64)> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    // NONBLOCK has no effect on a regular file.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .call(|| format!("open({path:?}, O_RDONLY|O_CLOEXEC)"))
        .map_err(failed)?;
    let stat = rustix::fs::fstat(&file).call(|| format!("fstat({path:?})")).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let errno = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            Errno::ISDIR
        } else {
            Errno::INVAL
        };
        return Err(failed(holm_sys::Error::new(format!("open({path:?})"), errno)));
    }
    Ok((file.into(), u64::try_from(stat.st_size).unwrap_or_default()))
}

/// Opens the file that a blob lies in, at the blob's beginning, bounded to its length.
pub(crate) fn open_blob(blob: &Blob) -> Result<Take<File>> {
    let (mut file, _) = open_regular(&blob.path)?;
    file.seek(SeekFrom::Start(blob.offset))
        .call(|| format!("lseek({:?}, {}, SEEK_SET)", blob.path, blob.offset))
        .map_err(|source| Error::Read { path: blob.path.clone(), source })?;
    Ok(file.take(blob.size))
}
