//! What the runtime that the containers are given to can do: everything, when it is Holm's own.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::{binary, runtime};

/// Something that tests are about, and that not every runtime can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ability {
    /// Makes and joins time namespaces.
    TimeNamespaces,
    /// Sets the domain name, which the specification has from 1.1 on.
    DomainName,
    /// Makes user namespaces in which there is no id 0.
    MapsWithoutRoot,
    /// Joins a user namespace, whose maps it is not told.
    JoinUserNamespace,
    /// Gives an ordinary user's process more groups than one.
    RootlessGroups,
    /// Stacks the layers of a root by itself, in the user namespace of an ordinary user's container.
    RootlessLayers,
    /// Makes the directory read-only in which the cgroups of v1 are mounted, and not these alone.
    ReadOnlyCgroupDirectory,
}

/// What another runtime says of itself.
struct Other {
    /// `PROGRAM features`; null when it is older than the question.
    features: Value,
    /// `PROGRAM --version`.
    version: String,
}

impl Ability {
    /// Whether the runtime has it.
    pub fn is_there(self) -> bool {
        other().is_none_or(|other| other.has(self))
    }

    fn what(self) -> &'static str {
        match self {
            Self::TimeNamespaces => "knows no time namespaces",
            Self::DomainName => "sets no domain name",
            Self::MapsWithoutRoot => "makes no user namespace without an id 0",
            Self::JoinUserNamespace => "joins no user namespace without being told its maps",
            Self::RootlessGroups => "gives an ordinary user's process no additional groups",
            Self::ReadOnlyCgroupDirectory => {
                "lets the directory be written to in which it mounts cgroups of v1"
            }
            Self::RootlessLayers => "stacks no layers for an ordinary user",
        }
    }
}

/// Whether the runtime has an ability; says what is skipped when it has not. That is no failure where skips are.
pub fn able(ability: Ability) -> bool {
    let there = ability.is_there();
    if let (false, Some(other)) = (there, other()) {
        let name = other.version.lines().next().unwrap_or_default();
        holm_testing::announce_omission(&format!("{name} {}", ability.what()));
    }
    there
}

impl Other {
    fn ask(name: &str) -> Self {
        let path = if name.contains('/') { Some(name.into()) } else { binary::find_program(name) };
        let path = path.unwrap_or_else(|| panic!("RUNTIME is {name}, which is not on this machine"));
        let version = answer(&path, "--version").expect("a runtime says its version");
        let features = answer(&path, "features").and_then(|text| serde_json::from_str(&text).ok());
        Self { features: features.unwrap_or_default(), version }
    }

    fn has(&self, ability: Ability) -> bool {
        match ability {
            Ability::TimeNamespaces => {
                let known = self.features["linux"]["namespaces"].as_array();
                known.is_some_and(|kinds| kinds.iter().any(|kind| kind == "time"))
            }
            // runc takes a user namespace without maps from 1.2 on, which is its first of the specification's 1.1.
            Ability::DomainName | Ability::JoinUserNamespace => self.specification() >= (1, 1),
            Ability::MapsWithoutRoot | Ability::RootlessGroups => !self.version.starts_with("runc "),
            // It is the caller who has to mount layers for any runtime but Holm's.
            Ability::RootlessLayers | Ability::ReadOnlyCgroupDirectory => false,
        }
    }

    /// The newest version of the specification that it knows, major and minor.
    fn specification(&self) -> (u32, u32) {
        let version = self.features["ociVersionMax"].as_str().unwrap_or_default();
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }
}

/// It is asked once.
fn other() -> Option<&'static Other> {
    static OTHER: OnceLock<Option<Other>> = OnceLock::new();
    OTHER.get_or_init(|| runtime().map(|name| Other::ask(&name))).as_ref()
}

fn answer(program: &Path, word: &str) -> Option<String> {
    let output = Command::new(program).arg(word).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
