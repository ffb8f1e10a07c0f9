//! What a person should know about a layer that was unpacked otherwise than it says.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::quoted;

/// Names that are listed before only their number is told.
const LISTED: usize = 4;

/// What was left out or changed, gathered by kind.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<Kind, BTreeSet<String>>);

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A device node that only root outside of user namespaces may make.
    Device,
    /// Owners that were not kept.
    Ownership,
    /// An attribute that overlayfs would obey.
    OverlayAttribute,
    /// An attribute that could not be set here.
    Attribute(String),
}

impl Notes {
    /// Notes one file.
    pub(crate) fn add(&mut self, kind: Kind, name: &[u8]) {
        self.0.entry(kind).or_default().insert(quoted(name));
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, names) in other.0 {
            self.0.entry(kind).or_default().extend(names);
        }
    }

    /// One sentence for each kind.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.0.iter().map(|(kind, names)| sentence(kind, names)).collect()
    }
}

fn sentence(kind: &Kind, names: &BTreeSet<String>) -> String {
    let mut list = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    if let more @ 1.. = names.len().saturating_sub(LISTED) {
        list.push_str(&format!(" and {more} more"));
    }
    match kind {
        Kind::Device => {
            format!("device nodes left out: {list}: they need privileges over the initial user namespace")
        }
        Kind::Ownership => format!("ownership was not kept, for there is a single id: {list}"),
        Kind::OverlayAttribute => format!("extended attributes that would steer overlayfs left out: {list}"),
        Kind::Attribute(name) => {
            format!(
                "extended attribute {name} left out: {list}: the filesystem or the user namespace does not allow it"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_several_entries_or_layers_is_listed_once() {
        let (mut lower, mut upper) = (Notes::default(), Notes::default());
        for name in [b"f", b"d", b"d"] {
            lower.add(Kind::Device, name);
            upper.add(Kind::Device, name);
        }
        lower.merge(upper);
        assert!(lower.sentences()[0].contains("out: \"d\", \"f\":"), "{:?}", lower.sentences());
    }

    #[test]
    fn a_long_list_is_counted() {
        let mut notes = Notes::default();
        (0..9).for_each(|number| notes.add(Kind::Device, format!("dev/{number}").as_bytes()));
        let sentences = notes.sentences();
        assert_eq!(sentences.len(), 1);
        assert!(sentences[0].contains("\"dev/3\" and 5 more"), "{sentences:?}");
    }
}
