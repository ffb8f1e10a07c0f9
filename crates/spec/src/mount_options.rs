//! The options of a mount, from words to flags.

use holm_mounts::{FsOption, MountAttr, Propagation};

/// Attributes to set and to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AttributeChange {
    /// To set.
    pub set: MountAttr,
    /// To clear.
    pub clear: MountAttr,
}

/// A change of propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PropagationChange {
    /// To what.
    pub propagation: Propagation,
    /// For all mounts below as well.
    pub recursive: bool,
}

/// What becomes of a symbolic link that is the source of a bind mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceLink {
    /// What it leads to is mounted.
    #[default]
    Follow,
    /// It is mounted itself (`src-nofollow`).
    Mount,
    /// The same link is made at the destination (`copy-symlink`).
    Copy,
}

/// What the words of `options` come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MountOptions {
    /// `bind` (false) or `rbind` (true), when one was given.
    pub bind: Option<bool>,
    /// For this mount.
    pub attributes: AttributeChange,
    /// For this mount and all below it (`rro`, `rnosuid`, ...).
    pub recursive: AttributeChange,
    /// Propagation, in the order given.
    pub propagation: Vec<PropagationChange>,
    /// `idmap` (false) or `ridmap` (true).
    pub idmap: Option<bool>,
    /// The maps that were written after `idmap=` or `ridmap=`.
    pub idmap_words: Option<String>,
    /// `remount`.
    pub remount: bool,
    /// `tmpcopyup`.
    pub copy_up: bool,
    /// `src-nofollow`, `copy-symlink`.
    pub source_link: SourceLink,
    /// `dest-nofollow`.
    pub covers_link: bool,
    /// Flags of a file system that mount(8) knows, whatever the file system.
    pub superblock: Vec<FsOption>,
    /// What the file system itself is told.
    pub data: Vec<FsOption>,
}

impl MountOptions {
    /// Reads the words; those that nobody knows are for the file system.
    pub fn parse<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Self {
        let mut options = Self::default();
        words.into_iter().for_each(|word| options.take(word.as_ref()));
        options
    }

    /// All that a file system is told.
    pub(crate) fn of_filesystem(&self) -> Vec<FsOption> {
        self.superblock.iter().chain(&self.data).cloned().collect()
    }

    fn take(&mut self, word: &str) {
        if let Some((set, mask)) = attribute(word) {
            return self.attributes.apply(set, mask);
        }
        if let Some((set, mask)) = word.strip_prefix('r').and_then(attribute).filter(|_| word != "relatime") {
            return self.recursive.apply(set, mask);
        }
        if let Some(change) = propagation(word) {
            return self.propagation.push(change);
        }
        match word {
            "bind" => self.bind = Some(self.bind.unwrap_or(false)),
            "rbind" => self.bind = Some(true),
            "remount" => self.remount = true,
            "tmpcopyup" => self.copy_up = true,
            "src-nofollow" => self.source_link = SourceLink::Mount,
            "copy-symlink" => self.source_link = SourceLink::Copy,
            "dest-nofollow" => self.covers_link = true,
            "sync" | "async" | "dirsync" | "lazytime" | "nolazytime" | "mand" | "nomand" | "acl"
            | "noacl" | "iversion" | "noiversion" => self.superblock.push(FsOption::flag(word)),
            // No option at all; what they take back is the default; what the kernel logs.
            "defaults" | "" | "norelatime" | "nostrictatime" | "rnorelatime" | "rnostrictatime"
            | "silent" | "loud" => {}
            _ => self.take_with_value(word),
        }
    }

    fn take_with_value(&mut self, word: &str) {
        match word.split_once('=') {
            None if word == "idmap" || word == "ridmap" => self.take_idmap(word),
            Some((key @ ("idmap" | "ridmap"), maps)) => {
                self.take_idmap(key);
                self.idmap_words = Some(maps.to_owned());
            }
            Some((key, value)) => self.data.push(FsOption::pair(key, value)),
            None => self.data.push(FsOption::flag(word)),
        }
    }

    fn take_idmap(&mut self, word: &str) {
        self.idmap = Some(word == "ridmap" || self.idmap.unwrap_or(false));
    }
}

impl AttributeChange {
    /// Makes the bits of `mask` those of `set`; a later word wins over an earlier.
    fn apply(&mut self, set: MountAttr, mask: MountAttr) {
        self.set = (self.set - mask) | set;
        // The settings of the access time are one field, which is cleared whole whenever it changes.
        let cleared = if mask == MountAttr::ATIME { mask } else { mask - set };
        self.clear = (self.clear - mask) | cleared;
    }

    /// Whether there is anything to change.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }
}

/// The attribute of a word: its bits, and the mask of the field that they stand in.
fn attribute(word: &str) -> Option<(MountAttr, MountAttr)> {
    let flag = |attr| Some((attr, attr));
    let cleared = |attr| Some((MountAttr::empty(), attr));
    match word {
        "ro" => flag(MountAttr::RDONLY),
        "rw" => cleared(MountAttr::RDONLY),
        "nosuid" => flag(MountAttr::NOSUID),
        "suid" => cleared(MountAttr::NOSUID),
        "nodev" => flag(MountAttr::NODEV),
        "dev" => cleared(MountAttr::NODEV),
        "noexec" => flag(MountAttr::NOEXEC),
        "exec" => cleared(MountAttr::NOEXEC),
        "nodiratime" => flag(MountAttr::NODIRATIME),
        "diratime" => cleared(MountAttr::NODIRATIME),
        "nosymfollow" => flag(MountAttr::NOSYMFOLLOW),
        "symfollow" => cleared(MountAttr::NOSYMFOLLOW),
        "noatime" => Some((MountAttr::NOATIME, MountAttr::ATIME)),
        "strictatime" => Some((MountAttr::STRICTATIME, MountAttr::ATIME)),
        "relatime" | "atime" => Some((MountAttr::empty(), MountAttr::ATIME)),
        _ => None,
    }
}

fn propagation(word: &str) -> Option<PropagationChange> {
    if let Ok(propagation) = word.parse() {
        return Some(PropagationChange { propagation, recursive: false });
    }
    let propagation = word.strip_prefix('r')?.parse().ok()?;
    Some(PropagationChange { propagation, recursive: true })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn words_become_flags_and_the_rest_is_for_the_file_system() {
        let options =
            MountOptions::parse(["nosuid", "ro", "rw", "mode=755", "newinstance", "rslave", "rbind"]);
        assert_eq!(options.attributes.set, MountAttr::NOSUID);
        assert_eq!(options.attributes.clear, MountAttr::RDONLY);
        assert_eq!(options.data, [FsOption::pair("mode", "755"), FsOption::flag("newinstance")]);
        assert_eq!(
            options.propagation,
            [PropagationChange { propagation: Propagation::Slave, recursive: true }]
        );
        assert_eq!(options.bind, Some(true));
    }

    #[test]
    fn recursive_forms_are_kept_apart() {
        let options = MountOptions::parse(["rro", "rnosuid", "relatime", "ratime"]);
        assert_eq!(options.recursive.set, MountAttr::RDONLY | MountAttr::NOSUID);
        assert_eq!(options.recursive.clear, MountAttr::ATIME);
        assert_eq!(options.attributes, AttributeChange { set: MountAttr::empty(), clear: MountAttr::ATIME });
    }

    #[test]
    fn a_change_of_access_times_clears_the_whole_field() {
        let options = MountOptions::parse(["noatime"]);
        assert_eq!(options.attributes.set, MountAttr::NOATIME);
        assert_eq!(options.attributes.clear, MountAttr::ATIME);
    }

    /// Words of every kind, and what looks like them.
    fn word() -> impl Strategy<Value = String> {
        let known = select(vec![
            "ro",
            "rw",
            "rro",
            "rrw",
            "nosuid",
            "suid",
            "rdev",
            "rnodev",
            "noatime",
            "relatime",
            "rstrictatime",
            "rnorelatime",
            "bind",
            "rbind",
            "private",
            "rslave",
            "unbindable",
            "idmap",
            "ridmap",
            "tmpcopyup",
            "copy-symlink",
            "src-nofollow",
            "dest-nofollow",
            "remount",
            "sync",
            "lazytime",
            "acl",
            "defaults",
            "",
        ]);
        prop_oneof![known.prop_map(str::to_owned), "r?r?(no)?[a-z]{0,8}(=[^,]{0,8})?", "\\PC{0,12}"]
    }

    proptest! {
        #[test]
        fn no_attribute_is_set_and_cleared_and_nothing_is_lost(words in vec(word(), 0..12)) {
            let options = MountOptions::parse(&words);
            for change in [options.attributes, options.recursive] {
                // The access times are a field that is cleared before it is set.
                prop_assert!((change.set & (change.clear - MountAttr::ATIME)).is_empty(), "{change:?}");
            }
            // A word that alone is for the file system is so among others, and they stay in their order.
            let data = |words: &[String]| MountOptions::parse(words).data;
            let each: Vec<_> = words.iter().flat_map(|word| data(std::slice::from_ref(word))).collect();
            prop_assert_eq!(&options.data, &each);
        }

        #[test]
        fn of_two_opposites_the_later_holds(before in vec(word(), 0..6), after in select(vec!["ro", "rw"])) {
            let words: Vec<&str> = before.iter().map(String::as_str).chain([after]).collect();
            let attributes = MountOptions::parse(words).attributes;
            prop_assert_eq!(attributes.set.contains(MountAttr::RDONLY), after == "ro");
            prop_assert_eq!(attributes.clear.contains(MountAttr::RDONLY), after == "rw");
        }
    }
}
