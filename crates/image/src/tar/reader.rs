//! The sequence of entries of an archive.

use super::header::{BLOCK, Header};
use super::pax::{self, Pax};
use super::sparse::{self, Segment};
use super::{Entry, Input, Kind, Result, TarError};

/// Reads an archive entry by entry. The data of an entry may be taken with [`Reader::chunk`] before the next one.
pub(crate) struct Reader<I> {
    input: I,
    position: u64,
    /// Bytes of data of the current entry that were not taken yet.
    left: u64,
    padding: u64,
}

impl<I: Input> Reader<I> {
    pub(crate) fn new(input: I) -> Self {
        Self { input, position: 0, left: 0, padding: 0 }
    }

    /// Where the next byte comes from, counted from the beginning of the archive.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next entry, or `None` at the end of the archive.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        let mut pax = Pax::default();
        let (mut name, mut link) = (None, None);
        loop {
            self.end_file()?;
            let at = self.position;
            let Some(block) = self.header()? else { return Ok(None) };
            let header = Header(&block);
            match header.kind() {
                b'x' => {
                    let records = self.extension(&header, at)?;
                    pax.extend(&records).map_err(|reason| TarError::Malformed { position: at, reason })?;
                }
                b'g' => self.data_of(unsigned(header.size(), at, SIZE)?),
                b'L' => name = Some(without_nul(self.extension(&header, at)?)),
                b'K' => link = Some(without_nul(self.extension(&header, at)?)),
                _ => {
                    pax.name = pax.name.or(name);
                    pax.link = pax.link.or(link);
                    return self.entry(&header, pax, at).map(Some);
                }
            }
        }
    }

    /// A header block; `None` at the end: two blocks of zeros, or simply no more.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let position = self.position;
        let Some(block) = self.block()? else { return Ok(None) };
        if Header(&block).is_zero() {
            return match self.block()? {
                Some(second) if !Header(&second).is_zero() => {
                    Err(TarError::Malformed { position, reason: "a lone block of zeros" })
                }
                _ => Ok(None),
            };
        }
        if !Header(&block).checksum_is_right() {
            return Err(TarError::Malformed { position, reason: "a wrong checksum" });
        }
        Ok(Some(block))
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        if self.input.fill_buf().map_err(TarError::Io)?.is_empty() {
            return Ok(None);
        }
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block).map_err(|error| TarError::reading(error, "a header"))?;
        self.position += BLOCK as u64;
        Ok(Some(block))
    }

    fn data_of(&mut self, size: u64) {
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
    }

    /// The data of an extended header, or of a long name.
    fn extension(&mut self, header: &Header, at: u64) -> Result<Vec<u8>> {
        let size = unsigned(header.size(), at, pax::LONGEST)?;
        self.data_of(size);
        let mut content = Vec::new();
        while let Some(chunk) = self.chunk(u64::MAX)? {
            content.extend_from_slice(chunk);
            let taken = chunk.len();
            self.consume(taken);
        }
        Ok(content)
    }

    fn entry(&mut self, header: &Header, pax: Pax, at: u64) -> Result<Entry> {
        let malformed = |reason| TarError::Malformed { position: at, reason };
        let stored = match pax.size {
            Some(size) if size <= SIZE => size,
            Some(_) => return Err(malformed("a size that is too large")),
            None => unsigned(header.size(), at, SIZE)?,
        };
        let name = pax.name.clone().unwrap_or_else(|| header.name());
        let kind = kind(header.kind(), &name);
        let (seconds, nanoseconds) = match pax.mtime {
            Some(mtime) => mtime,
            None => (in_range(header.mtime(), at, "a time that is too large")?, 0),
        };
        let mode: i64 = in_range(header.mode(), at, "a malformed mode")?;
        let mut entry = Entry {
            name,
            link: pax.link.clone().unwrap_or_else(|| header.link()),
            kind,
            mode: u32::try_from(mode & 0o7777).unwrap_or_default(),
            uid: id(pax.uid.or(header.uid())).ok_or_else(|| malformed("a malformed or too large uid"))?,
            gid: id(pax.gid.or(header.gid())).ok_or_else(|| malformed("a malformed or too large gid"))?,
            mtime: (seconds, nanoseconds),
            device: (0, 0),
            size: 0,
            segments: None,
            xattrs: Vec::new(),
        };
        // What links, devices, directories and FIFOs claim as their size is not there: so read Go, libarchive and star.
        if !matches!(header.kind(), b'1'..=b'6') {
            self.data_of(stored);
        }
        match kind {
            Kind::File => {
                entry.size = stored;
                self.sparse(&mut entry, header, &pax, at)?;
            }
            Kind::CharDevice | Kind::BlockDevice => {
                entry.device = device(header).ok_or_else(|| malformed("a malformed device number"))?;
            }
            _ => {}
        }
        entry.xattrs = pax.xattrs;
        Ok(entry)
    }

    /// Finds out where the data of a file belongs, if the file has holes.
    fn sparse(&mut self, entry: &mut Entry, header: &Header, pax: &Pax, at: u64) -> Result<()> {
        let malformed = |reason| TarError::Malformed { position: at, reason };
        let (segments, real_size) = if header.kind() == b'S' {
            if !header.is_gnu() {
                return Err(malformed("a sparse file of an unknown format"));
            }
            (self.gnu_segments(header, at)?, unsigned(header.gnu_real_size(), at, SIZE)?)
        } else if pax.sparse.major == Some(1) {
            (
                self.segments_in_data(at)?,
                pax.sparse.real_size.ok_or_else(|| malformed("a sparse file without size"))?,
            )
        } else if let Some(segments) = pax.sparse.segments() {
            let real_size = pax.sparse.real_size.ok_or_else(|| malformed("a sparse file without size"))?;
            (segments.map_err(malformed)?, real_size)
        } else if pax.sparse.major.is_some_and(|major| major > 1) {
            return Err(malformed("an unknown version of sparse files"));
        } else {
            return Ok(());
        };
        sparse::check(&segments, real_size, self.left).map_err(malformed)?;
        entry.size = real_size;
        entry.segments = Some(segments);
        if let Some(name) = &pax.sparse.name {
            entry.name.clone_from(name);
        }
        Ok(())
    }

    fn gnu_segments(&mut self, header: &Header, at: u64) -> Result<Vec<Segment>> {
        let mut segments = Vec::new();
        let (fields, mut more) = header.gnu_sparse();
        let malformed = |reason| TarError::Malformed { position: at, reason };
        sparse::take_gnu(&mut segments, fields).map_err(malformed)?;
        while more {
            let block = self.block()?.ok_or(TarError::Truncated("a sparse file's map"))?;
            let (fields, rest) = block.split_at(21 * 24);
            let before = segments.len();
            sparse::take_gnu(&mut segments, fields).map_err(malformed)?;
            more = rest.first().is_some_and(|byte| *byte != 0) && segments.len() > before;
        }
        Ok(segments)
    }

    /// The map of version 1.0: decimal lines before the data, filled up to a block.
    fn segments_in_data(&mut self, at: u64) -> Result<Vec<Segment>> {
        let malformed = |reason| TarError::Malformed { position: at, reason };
        let start = self.position;
        let count = usize::try_from(self.line(at)?).ok().filter(|count| *count <= sparse::MOST);
        let count = count.ok_or_else(|| malformed("too many segments of a sparse file"))?;
        let mut numbers = Vec::new();
        for _ in 0..count * 2 {
            numbers.push(self.line(at)?);
        }
        let read = self.position - start;
        let rest = read.next_multiple_of(BLOCK as u64) - read;
        let left = self.left.checked_sub(rest).ok_or(TarError::Truncated("a sparse file's map"))?;
        self.skip(rest, "a sparse file's map")?;
        self.left = left;
        sparse::pairs(&numbers).map_err(malformed)
    }

    /// One line with a number, out of the data.
    fn line(&mut self, at: u64) -> Result<u64> {
        let mut digits = Vec::new();
        loop {
            let byte = self.chunk(1)?.and_then(|chunk| chunk.first().copied());
            let byte = byte.ok_or(TarError::Truncated("a sparse file's map"))?;
            self.consume(1);
            match byte {
                b'\n' => break,
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Err(TarError::Malformed { position: at, reason: "a malformed sparse map" }),
            }
        }
        pax::decimal(&digits).map_err(|reason| TarError::Malformed { position: at, reason })
    }

    /// Some of the data of the current entry, at most `limit` bytes of it; `None` when all was consumed.
    pub(crate) fn chunk(&mut self, limit: u64) -> Result<Option<&[u8]>> {
        let limit = usize::try_from(self.left.min(limit)).unwrap_or(usize::MAX);
        if limit == 0 {
            return Ok(None);
        }
        let available = self.input.fill_buf().map_err(TarError::Io)?;
        if available.is_empty() {
            return Err(TarError::Truncated("a file"));
        }
        Ok(available.get(..limit.min(available.len())))
    }

    /// Takes `count` bytes that [`Reader::chunk`] showed.
    pub(crate) fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.position += count as u64;
        self.left = self.left.saturating_sub(count as u64);
    }

    /// Passes over what has not been read of a file. An archive may end with its last byte: umoci and others, who
    /// never close theirs, leave the rest of the block out.
    fn end_file(&mut self) -> Result<()> {
        self.skip(self.left, "a file")?;
        let ended = self.padding > 0 && self.input.fill_buf().map_err(TarError::Io)?.is_empty();
        if !ended {
            self.skip(self.padding, "a file")?;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    fn skip(&mut self, count: u64, what: &'static str) -> Result<()> {
        if count > 0 {
            self.input.skip(count).map_err(|error| TarError::reading(error, what))?;
            self.position += count;
        }
        Ok(())
    }

    /// The rest of the input, behind the end of the archive, read to its end.
    pub(crate) fn drain(&mut self) -> Result<()> {
        loop {
            let available = self.input.fill_buf().map_err(TarError::Io)?.len();
            if available == 0 {
                return Ok(());
            }
            self.input.consume(available);
        }
    }
}

/// No file is larger; leaves room for sums without overflow.
const SIZE: u64 = 1 << 60;

fn unsigned(number: Option<i128>, position: u64, limit: u64) -> Result<u64> {
    let value = number.and_then(|number| u64::try_from(number).ok());
    value
        .filter(|value| *value <= limit)
        .ok_or(TarError::Malformed { position, reason: "a malformed or too large size" })
}

fn in_range(number: Option<i128>, position: u64, reason: &'static str) -> Result<i64> {
    number.and_then(|number| i64::try_from(number).ok()).ok_or(TarError::Malformed { position, reason })
}

/// An id; the highest one means "none" in chown(2).
fn id(number: Option<i128>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok()).filter(|id| *id != u32::MAX)
}

fn device(header: &Header) -> Option<(u32, u32)> {
    let (major, minor) = header.device()?;
    Some((u32::try_from(major).ok()?, u32::try_from(minor).ok()?))
}

fn kind(flag: u8, name: &[u8]) -> Kind {
    match flag {
        // Before there was a type for directories, they were told by their name.
        b'0' | b'\0' if name.ends_with(b"/") => Kind::Directory,
        b'0' | b'\0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        other => Kind::Unknown(other),
    }
}

/// A name as GNU tar writes it, ended by a NUL.
fn without_nul(mut name: Vec<u8>) -> Vec<u8> {
    while name.last() == Some(&0) {
        name.pop();
    }
    name
}
