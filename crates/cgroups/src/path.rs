//! The cgroups path of a container, as OCI's `linux.cgroupsPath`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// NAME_MAX and PATH_MAX of Linux (the latter with room for a mount point and a file's name).
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 3072;

/// Where a path begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Base {
    /// At the mount point of each hierarchy.
    Top,
    /// At the group that the calling process is in.
    Own,
    /// At the one above that.
    Beside,
}

/// A checked cgroups path: one or more plain names, absolute or relative.
///
/// An absolute one starts at the mount point of each hierarchy; a relative one below the group that the calling
/// process is in, in each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CgroupPath {
    base: Base,
    /// The names, joined by `/`, without a leading one.
    names: String,
}

impl CgroupPath {
    /// Reads a path such as `/holm/name` or `name`.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] when it is empty or the root, has an empty name, `.` or `..` in it, a control character (the
    /// kernel takes no newline), or is too long.
    pub fn parse(path: &str) -> Result<Self> {
        let (base, names) = match path.strip_prefix('/') {
            Some(names) => (Base::Top, names),
            None => (Base::Own, path),
        };
        let problem = if names.is_empty() {
            Some("it names no group")
        } else if names.len() > LONGEST_PATH {
            Some("it is too long")
        } else {
            names.split('/').find_map(problem_of)
        };
        match problem {
            Some(problem) => Err(Error::Path { path: path.to_owned(), problem }),
            None => Ok(Self { base, names: names.to_owned() }),
        }
    }

    /// True when it starts at the mount points, false when it starts at the caller's own groups.
    pub fn is_absolute(&self) -> bool {
        self.base == Base::Top
    }

    /// A relative path that begins beside the group that the calling process is in, and not below it: a group of version 2
    /// with processes of its own hands no controllers down ("no internal processes"). Another one as it is.
    #[must_use]
    pub fn beside(self) -> Self {
        match self.base {
            Base::Top => self,
            Base::Own | Base::Beside => Self { base: Base::Beside, ..self },
        }
    }

    /// Where it begins.
    pub(crate) fn base(&self) -> Base {
        self.base
    }

    /// The names, joined by `/`, without a leading one.
    pub fn names(&self) -> &str {
        &self.names
    }
}

fn problem_of(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it has an empty name in it"),
        "." | ".." => Some("\".\" and \"..\" are not allowed in it"),
        _ if name.len() > LONGEST_NAME => Some("one of its names is longer than 255 bytes"),
        _ if name.contains(char::is_control) => Some("control characters are not allowed in it"),
        _ => None,
    }
}

impl FromStr for CgroupPath {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        Self::parse(path)
    }
}

impl TryFrom<String> for CgroupPath {
    type Error = Error;

    fn try_from(path: String) -> Result<Self> {
        match path.strip_prefix("../") {
            Some(names) => Self::parse(names).map(Self::beside),
            None => Self::parse(&path),
        }
    }
}

impl From<CgroupPath> for String {
    fn from(path: CgroupPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = match self.base {
            Base::Top => "/",
            Base::Own => "",
            Base::Beside => "../",
        };
        write!(f, "{base}{}", self.names)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain_is_taken() {
        for path in ["/holm/a", "a", "a/b/c", "/kubepods/besteffort/pod1/x", "system.slice:cri:1", "/a b/ü"]
        {
            assert_eq!(CgroupPath::parse(path).unwrap().to_string(), path);
        }
    }

    #[test]
    fn a_path_beside_the_own_group_is_written_as_such_and_read_again() {
        let beside = CgroupPath::parse("a/b").unwrap().beside();
        assert_eq!(beside.to_string(), "../a/b");
        assert_eq!(CgroupPath::try_from(beside.to_string()).unwrap(), beside);
        assert!(CgroupPath::try_from("../../a".to_owned()).is_err());
        assert_eq!(CgroupPath::parse("/a").unwrap().beside(), CgroupPath::parse("/a").unwrap());
    }

    #[test]
    fn what_is_odd_is_refused() {
        let long = "a".repeat(256);
        let deep = "a/".repeat(3000) + "a";
        for path in
            ["", "/", "//", "a//b", "a/", "/a/", "..", "/..", "a/../b", "./a", "a\nb", "a\0b", &long, &deep]
        {
            assert!(CgroupPath::parse(path).is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn no_accepted_path_leaves_its_base(path in "(/|\\.|\\.\\.|[a-c]|\\n|\\PC){0,12}") {
            if let Ok(parsed) = CgroupPath::parse(&path) {
                prop_assert!(!parsed.names().starts_with('/'));
                for name in parsed.names().split('/') {
                    prop_assert!(!name.is_empty() && name != "." && name != ".." && !name.contains(['\n', '\0']));
                }
                prop_assert_eq!(CgroupPath::parse(&parsed.to_string()).unwrap(), parsed);
            }
        }
    }
}
