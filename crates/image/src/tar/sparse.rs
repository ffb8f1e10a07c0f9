//! Files with holes, in the forms of GNU tar: its old header, and versions 0.0, 0.1 and 1.0 within pax.

use super::header::number;
use super::pax::decimal;

/// The most segments that one file may have: 16 MiB of them in memory.
pub(super) const MOST: usize = 1 << 20;

/// A piece of a sparse file that has data, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// What the `GNU.sparse.` records of an extended header say.
#[derive(Default)]
pub(super) struct PaxSparse {
    pub(super) name: Option<Vec<u8>>,
    pub(super) real_size: Option<u64>,
    pub(super) major: Option<u64>,
    numbers: Vec<u64>,
    listed: bool,
}

impl PaxSparse {
    pub(super) fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            b"name" => self.name = Some(value.to_vec()),
            b"size" | b"realsize" => self.real_size = Some(decimal(value)?),
            b"major" => self.major = Some(decimal(value)?),
            b"minor" if decimal(value)? != 0 => return Err("an unknown version of sparse files"),
            b"numblocks" => self.listed = true,
            b"offset" | b"numbytes" => self.push(decimal(value)?)?,
            b"map" => {
                self.numbers.clear();
                self.listed = true;
                let numbers = value.split(|byte| *byte == b',').filter(|digits| !digits.is_empty());
                numbers.map(decimal).try_for_each(|number| self.push(number?))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, number: u64) -> Result<(), &'static str> {
        if self.numbers.len() >= 2 * MOST {
            return Err("too many segments of a sparse file");
        }
        self.numbers.push(number);
        Ok(())
    }

    /// The segments, if this is a file of version 0.0 or 0.1.
    pub(super) fn segments(&self) -> Option<Result<Vec<Segment>, &'static str>> {
        (self.listed && self.major.unwrap_or(0) == 0).then(|| pairs(&self.numbers))
    }
}

/// Numbers taken as offset, length, offset, length...
pub(super) fn pairs(numbers: &[u64]) -> Result<Vec<Segment>, &'static str> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("half a segment of a sparse file");
    }
    Ok(pairs.iter().map(|[offset, length]| Segment { offset: *offset, length: *length }).collect())
}

/// Takes the segments of a GNU header or of the block behind it: 24 bytes each, ended by an empty one.
pub(super) fn take_gnu(segments: &mut Vec<Segment>, fields: &[u8]) -> Result<(), &'static str> {
    for field in fields.as_chunks::<24>().0 {
        let (offset, length) = field.split_at(12);
        if offset.first() == Some(&0) && length.first() == Some(&0) {
            break;
        }
        if segments.len() >= MOST {
            return Err("too many segments of a sparse file");
        }
        let value = |field| {
            number(field).and_then(|value| u64::try_from(value).ok()).ok_or("a malformed sparse segment")
        };
        segments.push(Segment { offset: value(offset)?, length: value(length)? });
    }
    Ok(())
}

/// Whether the segments are in order, within the file, and as long together as the data that the archive has.
pub(super) fn check(segments: &[Segment], real_size: u64, stored: u64) -> Result<(), &'static str> {
    let (mut end, mut total) = (0u64, 0u64);
    for segment in segments {
        if segment.offset < end {
            return Err("overlapping segments of a sparse file");
        }
        end = segment.offset.checked_add(segment.length).ok_or("an endless sparse file")?;
        total = total.checked_add(segment.length).ok_or("an endless sparse file")?;
    }
    if end > real_size || total != stored || i64::try_from(real_size).is_err() {
        return Err("a sparse file whose segments do not add up");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_must_add_up() {
        let segments = [Segment { offset: 0, length: 4 }, Segment { offset: 8, length: 4 }];
        assert!(check(&segments, 12, 8).is_ok());
        assert!(check(&segments, 11, 8).is_err());
        assert!(check(&segments, 12, 9).is_err());
        assert!(check(&[segments[1], segments[0]], 12, 8).is_err());
        assert!(check(&[Segment { offset: u64::MAX, length: 1 }], u64::MAX, 1).is_err());
    }

    #[test]
    fn a_map_of_version_0_1_is_read() {
        let mut sparse = PaxSparse::default();
        sparse.set(b"map", b"0,4,8,4").unwrap();
        let expected = [Segment { offset: 0, length: 4 }, Segment { offset: 8, length: 4 }];
        assert_eq!(sparse.segments().unwrap().unwrap(), expected);
        sparse.set(b"map", b"0,4,8").unwrap();
        assert!(sparse.segments().unwrap().is_err());
    }
}
