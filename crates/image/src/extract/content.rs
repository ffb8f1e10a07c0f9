//! Regular files and what is in them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno};
use rustix::fs::{Mode, OFlags, ftruncate, openat};
use rustix::io::{pwrite, write};

use super::attributes::Subject;
use super::name::Name;
use super::{Attributes, Extractor, Refusal};
use crate::error::quoted;
use crate::tar::{Entry, Input, Reader, Segment};

impl Extractor {
    pub(super) fn file(
        &mut self,
        name: &Name,
        entry: &Entry,
        data: &mut Reader<impl Input>,
    ) -> Result<(), Refusal> {
        // Setting attributes needs the right to write, even on an open file.
        let mode = if entry.xattrs.is_empty() { entry.mode & 0o777 } else { 0o600 };
        let file = self.create(name, mode)?;
        let failed = |call, length| format!("{call}({}, ..., {length})", quoted(name.as_bytes()));
        match &entry.segments {
            None => copy(data, |chunk| write(&file, chunk).call(|| failed("write", chunk.len())))?,
            Some(segments) => {
                ftruncate(&file, entry.size).call(|| failed("ftruncate", 0))?;
                for segment in segments {
                    fill(&file, *segment, data, &failed)?;
                }
            }
        }
        let subject = Subject::Open(file.as_fd(), Some(mode));
        self.setter.set(&subject, &Attributes::from(entry), name.as_bytes())
    }

    /// Makes a file that was not there.
    fn create(&mut self, name: &Name, mode: u32) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |place: BorrowedFd, last: &[u8]| openat(place, last, flags, Mode::from_raw_mode(mode));
        self.place(name, |place, last| {
            open(place, last).map_err(|errno| (errno, format!("openat(O_CREAT|O_EXCL, 0{mode:o})")))
        })
    }

    /// Makes something new at `name` by `make`, which gets the directory and the last component; what an earlier entry
    /// left there makes room.
    pub(super) fn place<T>(
        &mut self,
        name: &Name,
        make: impl Fn(BorrowedFd, &[u8]) -> Result<T, (Errno, String)>,
    ) -> Result<T, Refusal> {
        let (directory, last) =
            name.split().ok_or_else(|| Refusal::Invalid("would replace the layer's root".into()))?;
        let place = self.tree.directory(directory, &mut self.directories)?;
        let result = match make(place, last) {
            Err((Errno::EXIST, _)) => {
                self.tree.displace(directory, last, &mut self.directories)?;
                make(self.tree.directory(directory, &mut self.directories)?, last)
            }
            result => result,
        };
        result.map_err(|(errno, call)| Refusal::Call(holm_sys::Error::new(call, errno)))
    }
}

/// Writes the rest of the data of an entry, as it comes.
fn copy(
    data: &mut Reader<impl Input>,
    mut write: impl FnMut(&[u8]) -> holm_sys::Result<usize>,
) -> Result<(), Refusal> {
    while let Some(chunk) = data.chunk(u64::MAX).map_err(Refusal::Tar)? {
        let count = write(chunk)?;
        data.consume(count);
    }
    Ok(())
}

/// Writes one segment of a sparse file.
fn fill(
    file: &OwnedFd,
    segment: Segment,
    data: &mut Reader<impl Input>,
    failed: &impl Fn(&'static str, usize) -> String,
) -> Result<(), Refusal> {
    let Segment { mut offset, mut length } = segment;
    while let Some(chunk) = data.chunk(length).map_err(Refusal::Tar)? {
        let count = pwrite(file, chunk, offset).call(|| failed("pwrite", chunk.len()))?;
        data.consume(count);
        offset += count as u64;
        length -= count as u64;
    }
    Ok(())
}
