//! What a person should know about a layer that was unpacked otherwise than it says.

use std::collections::BTreeMap;

use crate::error::quoted;

/// Names that are listed before only their number is told.
const LISTED: usize = 4;

/// What was left out or changed, gathered by kind.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<Kind, (Vec<String>, usize)>);

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
        let (names, count) = self.0.entry(kind).or_default();
        *count += 1;
        if names.len() < LISTED {
            names.push(quoted(name));
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, (names, count)) in other.0 {
            let known = self.0.entry(kind).or_default();
            known.1 += count;
            let room = LISTED.saturating_sub(known.0.len());
            known.0.extend(names.into_iter().take(room));
        }
    }

    /// One sentence for each kind.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.0.iter().map(|(kind, (names, count))| sentence(kind, names, *count)).collect()
    }
}

fn sentence(kind: &Kind, names: &[String], count: usize) -> String {
    let mut list = names.join(", ");
    if let more @ 1.. = count.saturating_sub(names.len()) {
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
    fn a_long_list_is_counted() {
        let mut notes = Notes::default();
        (0..9).for_each(|number| notes.add(Kind::Device, format!("dev/{number}").as_bytes()));
        let sentences = notes.sentences();
        assert_eq!(sentences.len(), 1);
        assert!(sentences[0].contains("\"dev/3\" and 5 more"), "{sentences:?}");
    }
}
