//! Doors for the targets in `fuzz/`, which are compiled with `--cfg fuzzing`.

use crate::tar::Reader;

const BLOCK: usize = 512;
/// Where the sum of a header is.
const SUM: std::ops::Range<usize> = 148..156;

/// Reads an archive to its end, data and all.
pub fn read_tar(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while let Ok(Some(entry)) = reader.next() {
        assert!(reader.position() <= bytes.len() as u64, "{entry:?} is behind the end");
        while let Ok(Some(chunk)) = reader.chunk(u64::MAX) {
            let length = chunk.len();
            reader.consume(length);
        }
    }
}

/// The same bytes with the right sum in each block that could be a header: nobody guesses it.
pub fn with_sums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_owned();
    for block in bytes.chunks_exact_mut(BLOCK).filter(|block| block.iter().any(|byte| *byte != 0)) {
        block[SUM].fill(b' ');
        let sum: u32 = block.iter().copied().map(u32::from).sum();
        block[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}
