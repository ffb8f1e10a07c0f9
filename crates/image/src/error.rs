//! What can go wrong with an image, and what to do about it.

use std::fmt;
use std::path::PathBuf;

use holm_sys::Errno;

use crate::{Digest, Platform};

/// The result of an operation on images.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation on an image that failed: what was tried, on what, and why it did not work.
///
/// Text that comes from an image is escaped, so that it cannot command a terminal. [`Error::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text that is not the name of an image.
    #[error("{text:?} is not the name of an image: {reason}")]
    Reference {
        /// What was written.
        text: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The image cannot be opened or read.
    #[error("cannot read the image {}: {source}", path.display())]
    Read {
        /// The directory or archive.
        path: PathBuf,
        /// The call that failed.
        source: holm_sys::Error,
    },
    /// Something else lies where the image should.
    #[error("{} is not {expected}: {reason}", path.display())]
    NotAnImage {
        /// The directory or archive.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is missing or different.
        reason: String,
    },
    /// A JSON document that cannot be understood.
    #[error("cannot understand {document} of {}: {reason}", image.display())]
    Document {
        /// Which document: `index.json`, or a digest with its role.
        document: String,
        /// The directory or archive.
        image: PathBuf,
        /// What is wrong, with line and column where it is the syntax.
        reason: String,
    },
    /// No image of that tag or digest, or none was named and there is no way to tell.
    #[error("no image {wanted} in {}: there is {}", image.display(), Listed(available))]
    UnknownTag {
        /// The directory or archive.
        image: PathBuf,
        /// What was looked for.
        wanted: String,
        /// The tags there are.
        available: Vec<String>,
    },
    /// The image does not exist for the platform.
    #[error("{} has no image for {wanted}: there is {}", image.display(), Listed(available))]
    NoPlatform {
        /// The directory or archive.
        image: PathBuf,
        /// The platform that was asked for.
        wanted: Platform,
        /// The platforms there are.
        available: Vec<Platform>,
    },
    /// Content that is not what its name says.
    #[error("{what} has the digest {found}, but {expected} was promised")]
    DigestMismatch {
        /// The content, with the image or layer that it belongs to.
        what: String,
        /// What the document that refers to it says.
        expected: Digest,
        /// What it has.
        found: Digest,
    },
    /// Content that is longer or shorter than it should be.
    #[error("{what} has {found} bytes, but {expected} were promised")]
    SizeMismatch {
        /// The content, with the image or layer that it belongs to.
        what: String,
        /// Bytes, as the document that refers to it says.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A document or layer of a kind that is not known here.
    #[error("{what} is {kind}, which is not supported")]
    Unsupported {
        /// The content, with the image or layer that it belongs to.
        what: String,
        /// Its media type or kind.
        kind: String,
    },
    /// A layer that cannot be decompressed or is no tar archive, or ends too early.
    #[error("{layer} is damaged: {reason}")]
    Corrupt {
        /// The layer.
        layer: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// An image of more layers than can be stacked.
    #[error("the image {} is of {count} layers, more than the {most} that overlayfs stacks", image.display())]
    TooManyLayers {
        /// The directory or archive.
        image: PathBuf,
        /// How many there are, none counted twice.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// An entry of a layer that would reach out of the layer.
    #[error("{layer} is refused: its entry {entry} {reason}")]
    Outside {
        /// The layer.
        layer: String,
        /// The name of the entry.
        entry: String,
        /// How it would get out.
        reason: String,
    },
    /// An entry of a layer that no file can be made from.
    #[error("{layer} is refused: its entry {entry} {reason}")]
    Entry {
        /// The layer.
        layer: String,
        /// The name of the entry.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel did not let a file of a layer be made.
    #[error("cannot unpack {entry} of {layer}: {source}")]
    Unpack {
        /// The layer.
        layer: String,
        /// The name of the entry.
        entry: String,
        /// The call that failed.
        source: holm_sys::Error,
    },
    /// A file of a layer belongs to an id that does not exist in this user namespace.
    #[error("cannot unpack {entry} of {layer}: it belongs to {kind} {id}, which is not mapped here", kind = if *group { "gid" } else { "uid" })]
    UnmappedId {
        /// The layer.
        layer: String,
        /// The name of the entry.
        entry: String,
        /// The id that is not mapped.
        id: u32,
        /// Whether it is a group id.
        group: bool,
    },
    /// The content store cannot be used.
    #[error("cannot use the image store {}: {source}", path.display())]
    Store {
        /// The directory of the store.
        path: PathBuf,
        /// The call that failed.
        source: holm_sys::Error,
    },
    /// A file of the unpacked image cannot be read.
    #[error("cannot read {name:?} of the image: {source}")]
    File {
        /// The file, from the root of the image.
        name: String,
        /// The call that failed.
        source: holm_sys::Error,
    },
    /// The user that a container should run as cannot be found out.
    #[error(transparent)]
    User(#[from] crate::UserError),
}

impl Error {
    /// What to do about it, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Reference { .. } => Some(REFERENCE_HINT.into()),
            Self::Read { path, source } => read_hint(path, source.errno()),
            Self::NotAnImage { expected, .. } => Some(format!(
                "give {expected}; `skopeo copy docker://NAME oci:DIR:TAG` makes a layout, `docker save` an archive"
            )),
            Self::UnknownTag { available, .. } if !available.is_empty() => {
                Some("put the tag behind the path, after a colon".into())
            }
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::Corrupt { .. } => {
                Some("the image is damaged or was tampered with; fetch it again".into())
            }
            Self::Unpack { source, .. } | Self::Store { source, .. } => call_hint(source.errno()),
            Self::UnmappedId { .. } => Some(SUBUID_HINT.into()),
            Self::TooManyLayers { .. } => {
                Some("squash it: build it again with fewer steps, or with --squash".into())
            }
            Self::User(error) => error.hint(),
            _ => None,
        }
    }

    /// The error number of the kernel, where a call failed.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Read { source, .. }
            | Self::Unpack { source, .. }
            | Self::Store { source, .. }
            | Self::File { source, .. } => Some(source.errno()),
            _ => None,
        }
    }

    /// Whether the content of a layer is at fault, rather than the machine.
    pub(crate) fn blames_content(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. }
                | Self::Outside { .. }
                | Self::Entry { .. }
                | Self::Unpack { .. }
                | Self::UnmappedId { .. }
        )
    }
}

const REFERENCE_HINT: &str =
    "images are named oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG]";

const SUBUID_HINT: &str = "have 65536 ids that are nobody's given to your user in /etc/subuid and /etc/subgid (as root: \
                           usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER), or unpack with a single id";

fn read_hint(path: &std::path::Path, errno: Errno) -> Option<String> {
    match errno {
        Errno::NOENT => {
            Some(format!("there is no {}; the path of an image ends at the first colon", path.display()))
        }
        Errno::ACCESS | Errno::PERM => Some("the file must be readable by the user that runs this".into()),
        _ => None,
    }
}

fn call_hint(errno: Errno) -> Option<String> {
    let hint = match errno {
        Errno::NOSPC => {
            "no space is left on the filesystem of the image store; free some, or say another place with HOLM_STORE=DIRECTORY"
        }
        Errno::DQUOT => "the disk quota is used up on the filesystem of the image store",
        Errno::PERM | Errno::ACCESS => {
            "unpacking needs root, or a user namespace in which one is root; the store must belong to that user"
        }
        Errno::OPNOTSUPP => {
            "the filesystem of the image store lacks extended attributes; say another place with HOLM_STORE=DIRECTORY"
        }
        Errno::ROFS => {
            "the filesystem of the image store is read-only; say another place with HOLM_STORE=DIRECTORY"
        }
        Errno::MFILE | Errno::NFILE => "too many files are open; raise the limit with `ulimit -n`",
        _ => return None,
    };
    Some(hint.into())
}

/// Prints what there is to choose from.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        if self.0.is_empty() {
            return write!(f, "none");
        }
        for (index, item) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{item}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A name out of an image, quoted and escaped, for a message.
pub(crate) fn quoted(name: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_out_of_an_image_cannot_command_a_terminal() {
        assert_eq!(quoted(b"a\x1b[2Jb"), "\"a\\u{1b}[2Jb\"");
    }

    #[test]
    fn a_full_disk_comes_with_a_hint() {
        let source = holm_sys::Error::new("write(5, ..., 4096)", Errno::NOSPC);
        let error = Error::Unpack { layer: "layer x".into(), entry: "\"a\"".into(), source };
        assert!(error.hint().unwrap().contains("no space"));
        assert!(
            error.to_string().ends_with("write(5, ..., 4096): ENOSPC (No space left on device)"),
            "{error}"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let tags: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        assert!(Listed(&tags).to_string().ends_with("19 and 5 more"));
    }
}
