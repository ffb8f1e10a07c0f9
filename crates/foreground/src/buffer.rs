//! Bytes on their way.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;

const CAPACITY: usize = 8192;

/// What became of a read or a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Bytes moved, or will later.
    Open,
    /// The other side is gone, or said its last.
    Ended,
}

/// Bytes that were read and are not written yet. Nothing is read while there are some, so that who writes too much
/// waits for who reads too slowly.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Box<[u8; CAPACITY]>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(super) fn new() -> Self {
        Self { bytes: Box::new([0; CAPACITY]), start: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The last byte that was read.
    pub(super) fn last(&self) -> Option<u8> {
        self.end.checked_sub(1).and_then(|at| self.bytes.get(at)).copied()
    }

    /// Reads once. A terminal whose other side is closed answers `EIO`.
    pub(super) fn read(&mut self, from: BorrowedFd<'_>) -> Flow {
        match rustix::io::read(from, &mut self.bytes[..]) {
            Ok(0) => Flow::Ended,
            Ok(length) => {
                (self.start, self.end) = (0, length);
                Flow::Open
            }
            Err(Errno::AGAIN | Errno::INTR) => Flow::Open,
            Err(_) => Flow::Ended,
        }
    }

    /// Puts `bytes` in, when it is empty.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(..bytes.len()).filter(|_| self.start == self.end) {
            room.copy_from_slice(bytes);
            (self.start, self.end) = (0, bytes.len());
        }
    }

    /// Writes once, at most `limit` bytes.
    pub(super) fn write(&mut self, to: BorrowedFd<'_>, limit: usize) -> Flow {
        let end = self.end.min(self.start.saturating_add(limit));
        let Some(pending) = self.bytes.get(self.start..end).filter(|pending| !pending.is_empty()) else {
            return Flow::Open;
        };
        match rustix::io::write(to, pending) {
            Ok(length) => {
                self.start += length;
                Flow::Open
            }
            Err(Errno::AGAIN | Errno::INTR) => Flow::Open,
            Err(_) => {
                self.start = self.end;
                Flow::Ended
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_read_is_written_in_pieces() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let (out_reader, out_writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"hello").unwrap();
        let mut buffer = Buffer::new();
        assert_eq!(buffer.read(reader.as_fd()), Flow::Open);
        assert_eq!(buffer.last(), Some(b'o'));
        assert_eq!(buffer.write(out_writer.as_fd(), 2), Flow::Open);
        assert!(!buffer.is_empty());
        buffer.write(out_writer.as_fd(), 100);
        assert!(buffer.is_empty());
        let mut read = [0; 16];
        assert_eq!(rustix::io::read(&out_reader, &mut read).unwrap(), 5);
        drop(writer);
        assert_eq!(buffer.read(reader.as_fd()), Flow::Ended);
    }
}
