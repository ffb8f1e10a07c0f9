//! What a process writes, as it comes: collected by a thread, waited for with a deadline.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::PATIENCE;

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    ended: bool,
}

/// A stream that is being read.
#[derive(Clone)]
pub(crate) struct Stream(Arc<(Mutex<Collected>, Condvar)>);

impl Stream {
    pub(crate) fn of(mut reader: impl Read + Send + 'static) -> Self {
        let stream = Self(Arc::default());
        let filled = stream.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            loop {
                let read = reader.read(&mut buffer);
                let (lock, changed) = &*filled.0;
                let mut collected = lock.lock().unwrap();
                match read {
                    // The master of a terminal that nobody has open any more answers EIO.
                    Ok(0) | Err(_) => collected.ended = true,
                    Ok(length) => collected.bytes.extend_from_slice(&buffer[..length]),
                }
                changed.notify_all();
                if collected.ended {
                    return;
                }
            }
        });
        stream
    }

    /// Waits until `found` says where in what has come so far its sign ends, and takes everything up to there.
    pub(crate) fn take_until(&self, what: &str, found: impl Fn(&[u8]) -> Option<usize>) -> Vec<u8> {
        let (lock, changed) = &*self.0;
        let deadline = Instant::now() + PATIENCE;
        let mut collected = lock.lock().unwrap();
        loop {
            if let Some(end) = found(&collected.bytes) {
                return collected.bytes.drain(..end).collect();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let so_far = String::from_utf8_lossy(&collected.bytes).into_owned();
            assert!(!collected.ended, "the output ended before {what} came: {so_far:?}");
            assert!(!left.is_zero(), "{what} did not come in time: {so_far:?}");
            collected = changed.wait_timeout(collected, left).unwrap().0;
        }
    }

    /// Waits for the end, and takes what has not been taken.
    pub(crate) fn rest(&self) -> Vec<u8> {
        let (lock, changed) = &*self.0;
        let collected = lock.lock().unwrap();
        let (mut collected, timeout) =
            changed.wait_timeout_while(collected, PATIENCE, |collected| !collected.ended).unwrap();
        assert!(
            !timeout.timed_out(),
            "a stream did not end: {:?}",
            String::from_utf8_lossy(&collected.bytes)
        );
        std::mem::take(&mut collected.bytes)
    }
}

/// Where `sign` ends in `bytes`.
pub(crate) fn end_of(bytes: &[u8], sign: &[u8]) -> Option<usize> {
    bytes.windows(sign.len()).position(|window| window == sign).map(|at| at + sign.len())
}
