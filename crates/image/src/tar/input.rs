//! Where an archive's bytes come from.

use std::io::{self, BufRead, BufReader, Read, Seek};

/// A buffered stream of bytes in which one can go forward without looking.
pub(crate) trait Input: BufRead {
    /// Passes over `count` bytes; an error of kind `UnexpectedEof` if there are fewer.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// A file that one can seek in: what is passed over is not read.
pub(crate) struct Seekable<F> {
    file: BufReader<F>,
    left: u64,
}

impl<F: Read + Seek> Seekable<F> {
    /// Reads `file`, of `size` bytes, from its beginning.
    pub(crate) fn new(file: F, size: u64) -> Self {
        Self { file: BufReader::with_capacity(16 << 10, file), left: size }
    }
}

impl<F: Read> Read for Seekable<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

impl<F: Read> BufRead for Seekable<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.left = self.left.saturating_sub(count as u64);
    }
}

impl<F: Read + Seek> Input for Seekable<F> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        let left = self.left.checked_sub(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        let distance = i64::try_from(count).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        self.file.seek_relative(distance)?;
        self.left = left;
        Ok(())
    }
}

/// Passes over `count` bytes of a stream by reading them.
pub(crate) fn skip_by_reading(input: &mut impl BufRead, mut count: u64) -> io::Result<()> {
    while count > 0 {
        let available = input.fill_buf()?.len();
        if available == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let step = usize::try_from(count).unwrap_or(usize::MAX).min(available);
        input.consume(step);
        count -= step as u64;
    }
    Ok(())
}

#[cfg(any(test, fuzzing))]
impl Input for &[u8] {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        skip_by_reading(self, count)
    }
}
