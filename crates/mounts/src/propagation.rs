//! How mount events travel between peer groups.

use std::fmt;
use std::str::FromStr;

/// The propagation of a mount, as mount_namespaces(7) names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// Events neither leave nor arrive.
    Private,
    /// Events arrive from the master, none go back.
    Slave,
    /// Events travel both ways within the peer group.
    Shared,
    /// Private, and cannot be bind-mounted.
    Unbindable,
}

impl Propagation {
    /// The `MS_*` flag of mount(2) and mount_setattr(2).
    pub fn bits(self) -> u64 {
        match self {
            Self::Unbindable => 1 << 17,
            Self::Private => 1 << 18,
            Self::Slave => 1 << 19,
            Self::Shared => 1 << 20,
        }
    }

    /// The word, such as `slave`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Slave => "slave",
            Self::Shared => "shared",
            Self::Unbindable => "unbindable",
        }
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Propagation {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "private" => Ok(Self::Private),
            "slave" => Ok(Self::Slave),
            "shared" => Ok(Self::Shared),
            "unbindable" => Ok(Self::Unbindable),
            _ => Err(()),
        }
    }
}
