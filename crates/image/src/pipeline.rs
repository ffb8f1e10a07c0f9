//! The stream of a layer: one thread reads, hashes and decompresses the blob, another takes what comes out.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::Digest;
use crate::compression::Compression;
use crate::digest::{Hasher, HashingReader};
use crate::error::{Error, Result};
use crate::image::Layer;
use crate::source::open_blob;
use crate::tar::Input;
use crate::tar::input::skip_by_reading;

/// Bytes of one buffer, and how many there are: enough to keep both threads busy, little enough for the cache.
const BUFFER: usize = 256 << 10;
const BUFFERS: usize = 8;

/// A filled buffer: the first so many bytes of it.
type Filled = io::Result<(Vec<u8>, usize)>;

/// The end of the stream at which a layer comes out decompressed.
pub(crate) struct Stream {
    filled: Receiver<Filled>,
    empty: SyncSender<Vec<u8>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// What went in and came out.
struct Passed {
    blob: Digest,
    size: u64,
    diff_id: Digest,
}

/// Streams `layer` to `consume`, and compares its digests when all of it went through.
///
/// The result of `consume` is handed out only if they are right.
pub(crate) fn run<T>(layer: &Layer, consume: impl FnOnce(&mut Stream) -> Result<T>) -> Result<T> {
    let (filled_sender, filled) = sync_channel(BUFFERS);
    let (empty, empty_receiver) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        // There is room for as many.
        let _ = empty.try_send(Vec::new());
    }
    let mut stream = Stream { filled, empty, buffer: Vec::new(), start: 0, end: 0 };
    let (passed, consumed) = thread::scope(|scope| {
        let feeder = scope.spawn(move || feed(layer, &filled_sender, &empty_receiver));
        let consumed = consume(&mut stream);
        // Lets the feeder end, if it has not.
        drop(stream);
        let passed = feeder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (passed, consumed)
    });
    match (passed, consumed) {
        // What the feeder could not read comes out of the stream as an error of the archive.
        (Err(error), _) | (Ok(_), Err(error)) => Err(explain(layer, error)),
        (Ok(passed), Ok(value)) => check(layer, &passed).map(|()| value),
    }
}

fn check(layer: &Layer, passed: &Passed) -> Result<()> {
    let what = layer.label();
    if passed.size != layer.blob.size {
        return Err(Error::SizeMismatch { what, expected: layer.blob.size, found: passed.size });
    }
    if let Some(expected) = layer.digest.filter(|digest| *digest != passed.blob) {
        return Err(Error::DigestMismatch { what, expected, found: passed.blob });
    }
    if passed.diff_id != layer.diff_id {
        let what = format!("the content of {what}");
        return Err(Error::DigestMismatch { what, expected: layer.diff_id, found: passed.diff_id });
    }
    Ok(())
}

/// A blob that is not what its digest says explains every error that its content led to.
fn explain(layer: &Layer, error: Error) -> Error {
    let Some(expected) = layer.digest.filter(|_| error.blames_content()) else { return error };
    let Ok(blob) = open_blob(&layer.blob) else { return error };
    let mut reader = HashingReader::new(blob);
    if io::copy(&mut reader, &mut io::sink()).is_err() {
        return error;
    }
    match reader.finish() {
        (found, _) if found != expected => Error::DigestMismatch { what: layer.label(), expected, found },
        _ => error,
    }
}

/// Reads the blob to its end, or until nobody takes what comes out.
fn feed(layer: &Layer, filled: &SyncSender<Filled>, empty: &Receiver<Vec<u8>>) -> Result<Passed> {
    let damaged = |error: &io::Error| match holm_sys::Errno::from_io_error(error) {
        Some(errno) => Error::Read {
            path: layer.blob.path.clone(),
            source: holm_sys::Error::new(format!("read({:?})", layer.blob.path), errno),
        },
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Error::Corrupt { layer: layer.label(), reason: "its compressed data ends too early".into() }
        }
        None => {
            Error::Corrupt { layer: layer.label(), reason: format!("it cannot be decompressed: {error}") }
        }
    };
    let mut blob = BufReader::with_capacity(BUFFER, HashingReader::new(open_blob(&layer.blob)?));
    let compression = compression(layer, blob.fill_buf().map_err(|error| damaged(&error))?)?;
    let mut content = Hasher::default();
    let mut decoder = compression.decoder(&mut blob);
    while let Ok(mut buffer) = empty.recv() {
        buffer.resize(BUFFER, 0);
        let result = fill(&mut decoder, &mut buffer);
        let count = match result {
            Ok(count) => count,
            Err(error) => {
                let reported = damaged(&error);
                // Whether anybody still listens does not matter.
                let _ = filled.send(Err(error));
                return Err(reported);
            }
        };
        content.update(buffer.get(..count).unwrap_or_default());
        if count == 0 || filled.send(Ok((buffer, count))).is_err() {
            break;
        }
    }
    drop(decoder);
    let (blob, size) = blob.into_inner().finish();
    let (diff_id, _) = content.finish();
    Ok(Passed { blob, size, diff_id })
}

/// Reads until the buffer is full or nothing more comes.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while let Some(rest) = buffer.get_mut(count..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

fn compression(layer: &Layer, start: &[u8]) -> Result<Compression> {
    let told = Compression::of_media_type(&layer.media_type).map_err(|()| Error::Unsupported {
        what: layer.label(),
        kind: format!("of type {:?}", layer.media_type),
    })?;
    let found = Compression::of_content(start);
    match told {
        Some(told) if told != found => Err(Error::Corrupt {
            layer: layer.label(),
            reason: format!(
                "its type {:?} means {}, but it is {}",
                layer.media_type,
                told.name(),
                found.name()
            ),
        }),
        _ => Ok(found),
    }
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            // The feeder is gone when all was sent.
            if let Ok(next) = self.filled.recv() {
                let (buffer, end) = next?;
                let used = std::mem::replace(&mut self.buffer, buffer);
                (self.start, self.end) = (0, end);
                // The first one was none of the buffers in turn.
                if !used.is_empty() {
                    let _ = self.empty.try_send(used);
                }
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl Input for &mut Stream {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        skip_by_reading(self, count)
    }
}
