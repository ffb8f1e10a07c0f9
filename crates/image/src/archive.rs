//! Archives that hold an image: an index of their members, read in one pass over the headers.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::image::Blob;
use crate::source::open_regular;
use crate::tar::{Kind, Reader, TarError, input};

/// More members than this are not those of an image.
const MOST_MEMBERS: usize = 100_000;
/// Longer chains of links are circles.
const MOST_LINKS: usize = 16;

/// A tar archive of which members can be found by name.
#[derive(Debug)]
pub(crate) struct Archive {
    path: PathBuf,
    members: HashMap<Vec<u8>, Member>,
}

#[derive(Debug)]
enum Member {
    File {
        offset: u64,
        size: u64,
    },
    /// Another member, by its name from the top of the archive.
    Link(Vec<u8>),
}

impl Archive {
    /// Reads the headers of the archive at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (file, size) = open_regular(path)?;
        refuse_compressed(path, &file)?;
        let mut reader = Reader::new(input::Seekable::new(file, size));
        let mut members = HashMap::new();
        let broken = |error: TarError| Error::NotAnImage {
            path: path.to_owned(),
            expected: "a tar archive of an image",
            reason: error.to_string(),
        };
        while let Some(entry) = reader.next().map_err(broken)? {
            let Some(name) = normalized(&[], &entry.name) else { continue };
            let member = match entry.kind {
                Kind::File if entry.segments.is_none() => {
                    Member::File { offset: reader.position(), size: entry.size }
                }
                Kind::Symlink => {
                    let directory = name.rsplitn(2, |byte| *byte == b'/').nth(1).unwrap_or_default();
                    let Some(target) = normalized(directory, &entry.link) else { continue };
                    Member::Link(target)
                }
                Kind::HardLink => {
                    let Some(target) = normalized(&[], &entry.link) else { continue };
                    Member::Link(target)
                }
                _ => continue,
            };
            members.insert(name, member);
            if members.len() > MOST_MEMBERS {
                return Err(Error::NotAnImage {
                    path: path.to_owned(),
                    expected: "a tar archive of an image",
                    reason: format!("it has more than {MOST_MEMBERS} members"),
                });
            }
        }
        Ok(Self { path: path.to_owned(), members })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the member `name`, links followed.
    pub(crate) fn member(&self, name: &str) -> Option<Blob> {
        let mut name = normalized(&[], name.as_bytes())?;
        for _ in 0..MOST_LINKS {
            match self.members.get(&name)? {
                Member::File { offset, size } => {
                    return Some(Blob { path: self.path.clone(), offset: *offset, size: *size });
                }
                Member::Link(target) => name.clone_from(target),
            }
        }
        None
    }
}

fn refuse_compressed(path: &Path, mut file: &File) -> Result<()> {
    let mut magic = [0; 6];
    let count = file.read(&mut magic).unwrap_or(0);
    std::io::Seek::rewind(&mut file).map_err(|error| Error::Read {
        path: path.to_owned(),
        source: holm_sys::Error::from_io("lseek(image, 0, SEEK_SET)", &error),
    })?;
    let kind = match magic.get(..count).unwrap_or_default() {
        [0x1f, 0x8b, ..] => "gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
        [b'B', b'Z', b'h', ..] => "bzip2",
        _ => return Ok(()),
    };
    let what = path.display().to_string();
    Err(Error::Unsupported {
        what,
        kind: format!("an archive compressed as a whole (undo it first with {kind} -d)"),
    })
}

/// `name`, seen from `directory`, without `.` and `..`; `None` if it would leave the archive.
fn normalized(directory: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in directory.split(|byte| *byte == b'/').chain(name.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_archive() {
        assert_eq!(normalized(b"abc", b"../def/layer.tar").unwrap(), b"def/layer.tar");
        assert_eq!(normalized(b"", b"./a//b").unwrap(), b"a/b");
        assert_eq!(normalized(b"", b"../x"), None);
    }
}
