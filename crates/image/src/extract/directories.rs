//! The directories of a layer. Their attributes are set when all is in them: before, a mode could lock oneself out, a
//! set-group-ID bit would be inherited, and a time would not last.

use std::collections::BTreeMap;

use super::Attributes;
use super::tree::is_at_or_below;

/// The directories that were made, by name; the root is the empty name.
#[derive(Debug, Default)]
pub(super) struct Directories(BTreeMap<Vec<u8>, Directory>);

/// What a directory will be given.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// What its entry says; `None` as long as there is none.
    pub(super) attributes: Option<Attributes>,
    /// Whether it hides what lower layers have in it.
    pub(super) opaque: bool,
}

impl Directories {
    /// A directory that is needed by an entry below it.
    pub(super) fn imply(&mut self, name: &[u8], opaque: bool) {
        self.0.insert(name.to_vec(), Directory { attributes: None, opaque });
    }

    /// A directory with an entry of its own.
    pub(super) fn describe(&mut self, name: &[u8], attributes: Attributes) {
        self.0.entry(name.to_vec()).or_default().attributes = Some(attributes);
    }

    pub(super) fn make_opaque(&mut self, name: &[u8]) {
        self.0.entry(name.to_vec()).or_default().opaque = true;
    }

    /// `name` and all below it are gone.
    pub(super) fn forget(&mut self, name: &[u8]) {
        let below = self.0.range(name.to_vec()..).map(|(known, _)| known);
        // Names such as `a-b` come between `a` and `a/b`.
        let gone: Vec<_> = below
            .take_while(|known| known.starts_with(name))
            .filter(|known| is_at_or_below(known, name))
            .cloned()
            .collect();
        for name in gone {
            self.0.remove(&name);
        }
    }

    /// The names without an entry of their own; the root among them if it has none.
    pub(super) fn implied(&self) -> Vec<Vec<u8>> {
        let root = self.0.get(&b""[..]).is_none_or(|root| root.attributes.is_none());
        let below =
            self.0.iter().filter(|(name, directory)| directory.attributes.is_none() && !name.is_empty());
        root.then(Vec::new).into_iter().chain(below.map(|(name, _)| name.clone())).collect()
    }

    /// All of them and the root, each after those that lie in it.
    pub(super) fn take_deepest_first(&mut self) -> impl Iterator<Item = (Vec<u8>, Directory)> + use<> {
        self.0.entry(Vec::new()).or_default();
        std::mem::take(&mut self.0).into_iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_forgotten_and_nothing_else() {
        let mut directories = Directories::default();
        ["a", "a-b", "a/b", "a/b/c", "ab", "b"]
            .iter()
            .for_each(|name| directories.imply(name.as_bytes(), false));
        directories.forget(b"a");
        let left: Vec<_> =
            directories.take_deepest_first().map(|(name, _)| String::from_utf8(name).unwrap()).collect();
        assert_eq!(left, ["b", "ab", "a-b", ""]);
    }
}
