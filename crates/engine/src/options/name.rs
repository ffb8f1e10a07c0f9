//! Names of containers and hosts.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// The longest name of a container: it is a file name with room for what is put around it.
const LONGEST: usize = 128;
/// The longest host name, as sethostname(2) takes it.
const LONGEST_HOSTNAME: usize = 64;

/// The name of a container: letters, digits, `_`, `.` and `-`, the first of them a letter or digit. So it is a
/// single file name, and never `.` or `..` or an option.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerName(String);

impl ContainerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ContainerName> for String {
    fn from(name: ContainerName) -> Self {
        name.0
    }
}

impl TryFrom<String> for ContainerName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if first && rest && text.len() <= LONGEST {
            return Ok(Self(text));
        }
        Err(Invalid::new(format!("{text:?} cannot be the name of a container"))
            .with_hint("take at most 128 letters, digits, _, . and -, the first of them a letter or a digit"))
    }
}

impl FromStr for ContainerName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::try_from(text.to_owned())
    }
}

/// A host or domain name, of at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName(String);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host name that a container has when none is said: its own, as far as it fits into a label of the DNS.
    pub fn of(name: &ContainerName) -> Self {
        let label: String = name.as_str().chars().take(LONGEST_HOSTNAME - 1).collect();
        Self(label.trim_end_matches(['-', '.', '_']).to_owned())
    }
}

impl FromStr for HostName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let fits = (1..=LONGEST_HOSTNAME).contains(&text.len());
        if fits && text.bytes().all(allowed) && !text.starts_with(['-', '.']) && !text.contains("..") {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(format!("{text:?} is not a host name"))
            .with_hint("take at most 64 letters, digits, -, _ and ., as hostname(7) has them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_name() {
        for text in ["a", "web-1", "Web_1.test", "0"] {
            assert!(text.parse::<ContainerName>().is_ok(), "{text}");
        }
        for text in ["", ".", "..", "-a", "_a", "a/b", "a b", "a\0", "ä", "a\n"] {
            assert!(text.parse::<ContainerName>().is_err(), "{text}");
        }
        assert!("a".repeat(129).parse::<ContainerName>().is_err());
    }

    #[test]
    fn the_host_name_of_a_long_name_is_cut() {
        let name = format!("{}-{}", "a".repeat(62), "b".repeat(10)).parse().unwrap();
        assert_eq!(HostName::of(&name).as_str(), "a".repeat(62));
    }

    #[test]
    fn host_names() {
        for text in ["a", "a.example", "A-1"] {
            assert!(text.parse::<HostName>().is_ok(), "{text}");
        }
        for text in ["", "-a", ".a", "a..b", "a b", "a\n127.0.0.1 evil", "a/b"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_host_name_of_every_container_is_one(text in "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}") {
            let name: ContainerName = text.parse().unwrap();
            let host = HostName::of(&name);
            assert!((1..=63).contains(&host.as_str().len()));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (text.parse::<ContainerName>(), text.parse::<HostName>());
        }
    }
}
