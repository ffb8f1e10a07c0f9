//! One header block of 512 bytes.

pub(super) const BLOCK: usize = 512;

/// A header block. Fields are read when asked for; none is trusted to be text.
pub(super) struct Header<'a>(pub(super) &'a [u8; BLOCK]);

/// How the fields behind the link name are laid out.
#[derive(PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    fn field(&self, start: usize, length: usize) -> &'a [u8] {
        self.0.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    fn format(&self) -> Format {
        match self.field(257, 8) {
            b"ustar  \0" => Format::Gnu,
            magic if !magic.starts_with(b"ustar\0") => Format::V7,
            _ if self.field(508, 4) == b"tar\0" => Format::Star,
            _ => Format::Ustar,
        }
    }

    /// Whether the checksum is right, with the bytes taken as unsigned or, as some old programs did, as signed.
    pub(super) fn checksum_is_right(&self) -> bool {
        let Some(Ok(written)) = number(self.field(148, 8)).map(i64::try_from) else { return false };
        let with_blank =
            self.0.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let unsigned: i64 = with_blank.clone().map(i64::from).sum();
        let signed: i64 = with_blank.map(|byte| i64::from(byte.cast_signed())).sum();
        written == unsigned || written == signed
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        let prefix = match self.format() {
            Format::Ustar => text(self.field(345, 155)),
            Format::Star => text(self.field(345, 131)),
            Format::V7 | Format::Gnu => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(self.field(157, 100)).to_vec()
    }

    pub(super) fn kind(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or_default()
    }

    pub(super) fn mode(&self) -> Option<i128> {
        number(self.field(100, 8))
    }

    pub(super) fn uid(&self) -> Option<i128> {
        number(self.field(108, 8))
    }

    pub(super) fn gid(&self) -> Option<i128> {
        number(self.field(116, 8))
    }

    pub(super) fn size(&self) -> Option<i128> {
        number(self.field(124, 12))
    }

    pub(super) fn mtime(&self) -> Option<i128> {
        number(self.field(136, 12))
    }

    pub(super) fn device(&self) -> Option<(i128, i128)> {
        if self.format() == Format::V7 {
            return Some((0, 0));
        }
        Some((number(self.field(329, 8))?, number(self.field(337, 8))?))
    }

    /// The four sparse segments of a GNU header, and whether a block with more of them follows.
    pub(super) fn gnu_sparse(&self) -> (&'a [u8], bool) {
        (self.field(386, 96), self.field(482, 1) != [0])
    }

    /// The size of a GNU sparse file, holes included.
    pub(super) fn gnu_real_size(&self) -> Option<i128> {
        number(self.field(483, 12))
    }

    pub(super) fn is_gnu(&self) -> bool {
        self.format() == Format::Gnu
    }
}

/// What stands before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number in octal, or in base 256 if the first bit is set; an empty field is zero.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    if field.first().is_some_and(|first| first & 0x80 != 0) { base_256(field) } else { octal(field) }
}

fn octal(field: &[u8]) -> Option<i128> {
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if !rest.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0i128, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + i128::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big-endian, of which the first bit is the mark and the second the sign.
fn base_256(field: &[u8]) -> Option<i128> {
    let (first, rest) = field.split_first()?;
    let sign = if first & 0x40 == 0 { i128::from(first & 0x3f) } else { i128::from(first & 0x7f) - 0x80 };
    (rest.len() < 15).then(|| rest.iter().fold(sign, |value, byte| value << 8 | i128::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777"), Some(0o7777_7777));
        assert_eq!(number(b"\x80\0\0\0\x01\0\0\0"), Some(1 << 24));
        assert_eq!(number(b"\xff\xff\xff\xff\xff\xff\xff\xfe"), Some(-2));
        assert_eq!(number(b"12x\0"), None);
        assert_eq!(number(b"-1\0"), None);
        assert_eq!(number(b"1\x002\0"), None);
    }

    #[test]
    fn a_header_of_the_tar_crate_is_understood() {
        let mut header = ::tar::Header::new_ustar();
        header.set_path(format!("{}/{}", "p".repeat(120), "name")).unwrap();
        header.set_size(0o777);
        header.set_cksum();
        let parsed = Header(header.as_bytes());
        assert!(parsed.checksum_is_right());
        assert_eq!(parsed.name(), format!("{}/name", "p".repeat(120)).into_bytes());
        assert_eq!(parsed.size(), Some(0o777));
        let mut bytes = *header.as_bytes();
        bytes[0] ^= 1;
        assert!(!Header(&bytes).checksum_is_right());
    }
}
