//! The output of a command in the guest. It comes by ports that stay open: a mark that nobody knows before says that
//! it has ended.

use std::io::{Read, Write};

use crate::Result;

/// Copies what comes until the mark; returns the rest of the mark's line.
pub(super) fn copy_until(mark: &str, mut from: impl Read, mut to: impl Write) -> Result<String> {
    let mut held: Vec<u8> = Vec::new();
    let mut piece = [0; 65536];
    loop {
        let length = from.read(&mut piece)?;
        if length == 0 {
            to.write_all(&held)?;
            return Err("the machine has ended".into());
        }
        held.extend_from_slice(piece.get(..length).unwrap_or_default());
        if let Some(at) = find(&held, mark.as_bytes()) {
            let (output, rest) = held.split_at(at);
            to.write_all(output)?;
            to.flush()?;
            return line(rest.get(mark.len()..).unwrap_or_default().to_vec(), from);
        }
        let sure = held.len() - begun(&held, mark.as_bytes());
        to.write_all(&held.drain(..sure).collect::<Vec<_>>())?;
        to.flush()?;
    }
}

/// Up to the newline, some of which has been read.
fn line(mut read: Vec<u8>, mut from: impl Read) -> Result<String> {
    let mut byte = [0];
    while !read.contains(&b'\n') {
        from.read_exact(&mut byte)?;
        read.extend_from_slice(&byte);
    }
    Ok(String::from_utf8_lossy(&read).trim().to_owned())
}

/// How much of the end may be the beginning of the mark.
fn begun(text: &[u8], mark: &[u8]) -> usize {
    let longest = text.len().min(mark.len());
    (1..=longest)
        .rev()
        .find(|length| mark.get(..*length).is_some_and(|begin| text.ends_with(begin)))
        .unwrap_or(0)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a port gives it, in pieces of any size.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = &mut self.0[0];
            let length = piece.len().min(buffer.len());
            buffer[..length].copy_from_slice(&piece.drain(..length).collect::<Vec<_>>());
            if piece.is_empty() {
                self.0.remove(0);
            }
            Ok(length)
        }
    }

    #[test]
    fn the_mark_is_found_wherever_the_pieces_end() {
        let text = b"out without a newlineMARK 7\n";
        for size in 1..=text.len() {
            let pieces = Pieces(text.chunks(size).map(<[u8]>::to_vec).collect());
            let mut output = Vec::new();
            assert_eq!(copy_until("MARK", pieces, &mut output).unwrap(), "7", "{size}");
            assert_eq!(output, b"out without a newline", "{size}");
        }
    }

    #[test]
    fn an_end_without_a_mark_is_an_error_and_the_output_is_there() {
        let mut output = Vec::new();
        assert!(copy_until("MARK", Pieces(vec![b"panic: MAR".to_vec()]), &mut output).is_err());
        assert_eq!(output, b"panic: MAR");
    }
}
