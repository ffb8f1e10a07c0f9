//! The cgroups path of a container, as OCI's `linux.cgroupsPath`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// NAME_MAX and PATH_MAX of Linux (the latter with room for a mount point and a file's name).
const LONGEST_NAME: usize = 255;
const LONGEST_PATH: usize = 3072;

/// A checked cgroups path: one or more plain names, absolute or relative.
///
/// An absolute one starts at the mount point of each hierarchy; a relative one below the group that the calling
/// process is in, in each hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CgroupPath {
    absolute: bool,
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
        let (absolute, names) = match path.strip_prefix('/') {
            Some(names) => (true, names),
            None => (false, path),
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
            None => Ok(Self { absolute, names: names.to_owned() }),
        }
    }

    /// True when it starts at the mount points, false when it starts at the caller's own groups.
    pub fn is_absolute(&self) -> bool {
        self.absolute
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
        Self::parse(&path)
    }
}

impl From<CgroupPath> for String {
    fn from(path: CgroupPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for CgroupPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.absolute { "/" } else { "" }, self.names)
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
