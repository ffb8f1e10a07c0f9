//! Names of entries: what they are allowed to be, and what the ones of whiteouts mean.

use super::Refusal;

/// Levels of directories; bounds the recursion of whoever walks the tree. Builds stay below fifty.
const DEEPEST: usize = 128;
/// A path that the kernel takes in one piece, with its NUL (PATH_MAX), and one component of it (NAME_MAX).
const LONGEST_PATH: usize = 4095;
const LONGEST_COMPONENT: usize = 255;

const WHITEOUT: &[u8] = b".wh.";
/// What aufs kept for itself.
const META: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

/// A name below the root of the layer: components joined by `/`, none of them empty, `.` or `..`; empty for the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// Checks a name as an archive writes it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Refusal> {
        // The root alone may be called by its absolute name, as umoci does: it leads nowhere else.
        if text.starts_with(b"/") && text.iter().any(|byte| *byte != b'/') {
            return Err(Refusal::Outside("has an absolute name".into()));
        }
        if text.contains(&0) {
            return Err(Refusal::Invalid("has a NUL in its name".into()));
        }
        let mut name = Vec::with_capacity(text.len());
        let mut depth = 0;
        for component in text.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => continue,
                b".." => return Err(Refusal::Outside("has \"..\" in its name".into())),
                long if long.len() > LONGEST_COMPONENT => {
                    return Err(Refusal::Invalid(format!(
                        "has a component of more than {LONGEST_COMPONENT} bytes"
                    )));
                }
                component => {
                    if depth > 0 {
                        name.push(b'/');
                    }
                    name.extend_from_slice(component);
                    depth += 1;
                }
            }
        }
        if depth > DEEPEST || name.len() > LONGEST_PATH {
            return Err(Refusal::Invalid(format!(
                "lies more than {DEEPEST} directories or {LONGEST_PATH} bytes deep"
            )));
        }
        Ok(Self(name))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory and the last component; `None` for the root.
    pub(super) fn split(&self) -> Option<(&[u8], &[u8])> {
        if self.0.is_empty() {
            return None;
        }
        Some(match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (self.0.get(..at)?, self.0.get(at + 1..)?),
            None => (b"", &self.0),
        })
    }
}

/// What an entry is about, by its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The file of this name.
    File(Name),
    /// The file of this name, which lower layers have, is gone.
    Whiteout(Name),
    /// All that lower layers have in the directory of this name is gone.
    Opaque(Name),
    /// A matter of aufs.
    Ignored,
}

impl Target {
    pub(super) fn of(text: &[u8]) -> Result<Self, Refusal> {
        let name = Name::parse(text)?;
        let Some((directory, last)) = name.split() else { return Ok(Self::File(name)) };
        if last == OPAQUE && !reserved(directory) {
            return Ok(Self::Opaque(Name(directory.to_vec())));
        }
        if name.as_bytes().split(|byte| *byte == b'/').any(|component| component.starts_with(META)) {
            return Ok(Self::Ignored);
        }
        if reserved(directory) {
            return Err(Refusal::Invalid("lies below a whiteout".into()));
        }
        match last.strip_prefix(WHITEOUT) {
            None => Ok(Self::File(name)),
            Some(b"" | b"." | b"..") => {
                Err(Refusal::Outside("is a whiteout of no file of its directory".into()))
            }
            Some(hidden) if directory.is_empty() => Ok(Self::Whiteout(Name(hidden.to_vec()))),
            Some(hidden) => Ok(Self::Whiteout(Name([directory, b"/", hidden].concat()))),
        }
    }
}

/// Whether a component has a name that stands for something else.
pub(super) fn reserved(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'/').any(|component| component.starts_with(WHITEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &[u8]) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn names_are_normalized() {
        assert_eq!(name(b"./a//b/./c/").as_bytes(), b"a/b/c");
        assert_eq!(name(b"./").as_bytes(), b"");
        assert_eq!(name(b"a/b").split(), Some((&b"a"[..], &b"b"[..])));
        assert_eq!(name(b"a").split(), Some((&b""[..], &b"a"[..])));
        assert_eq!(name(b".").split(), None);
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for text in [&b".."[..], b"../x", b"a/../b", b"a/..", b"/etc/passwd", b"//x"] {
            assert!(matches!(Name::parse(text), Err(Refusal::Outside(_))), "{text:?}");
        }
        assert!(Name::parse(b"a\0b").is_err());
        assert!(Name::parse(&[b'x'; 256]).is_err());
        assert!(Name::parse(&b"d/".repeat(129)).is_err());
        assert!(Name::parse(b"...").is_ok());
        assert_eq!(Name::parse(b"/").unwrap(), Name::parse(b"./").unwrap());
    }

    #[test]
    fn whiteouts_are_told_by_their_names() {
        assert_eq!(Target::of(b"a/.wh.b").unwrap(), Target::Whiteout(name(b"a/b")));
        assert_eq!(Target::of(b".wh.b").unwrap(), Target::Whiteout(name(b"b")));
        assert_eq!(Target::of(b"a/.wh..wh..opq").unwrap(), Target::Opaque(name(b"a")));
        assert_eq!(Target::of(b".wh..wh..opq").unwrap(), Target::Opaque(name(b"")));
        assert_eq!(Target::of(b".wh..wh.plnk/1.2").unwrap(), Target::Ignored);
        assert_eq!(Target::of(b".wh..wh.aufs").unwrap(), Target::Ignored);
        for text in [&b".wh."[..], b".wh..", b".wh...", b"a/.wh...", b".wh.a/b", b".wh.a/.wh..wh..opq/../x"] {
            assert!(Target::of(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }
}
