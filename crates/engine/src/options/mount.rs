//! What is mounted into a container: the form that `--volume`, `--mount` and `--tmpfs` have in common.

use std::path::{Component, Path, PathBuf};

use super::{Invalid, Size};

/// A mount that was asked for. The options are those of the OCI runtime specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedMount {
    /// Where it is seen in the container: an absolute path.
    pub destination: PathBuf,
    /// What is mounted.
    pub kind: MountKind,
    /// With what.
    pub options: Vec<String>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountKind {
    /// A file or directory of the caller; a relative path is one from the caller's working directory.
    Bind(PathBuf),
    /// A new instance of a file system.
    FileSystem(&'static str),
}

/// The words with which the propagation of a mount is said.
const PROPAGATION: [&str; 6] = ["private", "rprivate", "slave", "rslave", "shared", "rshared"];

/// The options of a bind mount while they are being read.
#[derive(Debug, Default)]
pub(super) struct BindOptions {
    single: bool,
    readonly: Option<bool>,
    propagation: Option<&'static str>,
    idmap: Option<&'static str>,
    flags: Vec<&'static str>,
}

impl BindOptions {
    /// Takes one word.
    ///
    /// # Errors
    ///
    /// When it is no option of a bind mount, or contradicts another.
    pub(super) fn add(&mut self, word: &str) -> Result<(), Invalid> {
        if let Some(known) = PROPAGATION.iter().find(|known| **known == word) {
            return set_once(&mut self.propagation, known, "propagation");
        }
        match word {
            "ro" => set_once(&mut self.readonly, true, "access (ro, rw)"),
            "rw" => set_once(&mut self.readonly, false, "access (ro, rw)"),
            "rbind" => Ok(()),
            "bind" => {
                self.single = true;
                Ok(())
            }
            "idmap" => set_once(&mut self.idmap, "idmap", "idmap"),
            "ridmap" => set_once(&mut self.idmap, "ridmap", "idmap"),
            "z" | "Z" => {
                Err(Invalid::new(format!("{word} asks for an SELinux label, which is not set here"))
                    .with_hint("leave it out; to label the files yourself: chcon -t container_file_t"))
            }
            "U" => Err(Invalid::new("the owner of a volume is not changed").with_hint(
                "take idmap instead: the owners appear as those of the container, and stay as they are",
            )),
            _ => {
                self.flags.push(mount_flag(word).ok_or_else(|| unknown_word(word))?);
                Ok(())
            }
        }
    }

    /// The options in the words of the OCI specification. A recursive bind is read-only all the way down.
    pub(super) fn into_words(self) -> Vec<String> {
        let bind = if self.single { "bind" } else { "rbind" };
        let access = self.readonly.unwrap_or(false).then_some(if self.single { "ro" } else { "rro" });
        let words = [Some(bind), access].into_iter().flatten().chain(self.flags);
        let propagation = self.propagation.unwrap_or("rprivate");
        words.chain([propagation]).chain(self.idmap).map(str::to_owned).collect()
    }
}

/// The attributes that every mount can have.
pub(super) fn mount_flag(word: &str) -> Option<&'static str> {
    const FLAGS: [&str; 11] = [
        "nosuid",
        "suid",
        "nodev",
        "dev",
        "noexec",
        "exec",
        "noatime",
        "nodiratime",
        "relatime",
        "strictatime",
        "nosymfollow",
    ];
    FLAGS.into_iter().find(|flag| *flag == word)
}

/// One option of a tmpfs, checked, with sizes in bytes.
pub(super) fn tmpfs_option(word: &str) -> Result<String, Invalid> {
    match word.split_once('=') {
        Some(("size", size)) if size.ends_with('%') => Ok(format!("size={size}")),
        Some(("size", size)) => Ok(format!("size={}", size.parse::<Size>()?)),
        Some(("mode", mode)) => octal(mode).map(|mode| format!("mode={mode}")),
        Some((key @ ("uid" | "gid" | "nr_inodes"), number)) => match number.parse::<u32>() {
            Ok(number) => Ok(format!("{key}={number}")),
            Err(_) => Err(Invalid::new(format!("{key}={number}: that is not a number"))),
        },
        None if matches!(word, "ro" | "rw" | "noswap") => Ok(word.to_owned()),
        None => mount_flag(word).map(str::to_owned).ok_or_else(|| unknown_word(word)),
        Some(_) => Err(unknown_word(word)),
    }
}

/// Those asked for over the careful ones, which a contrary word takes away.
pub(super) fn careful_words(asked: Vec<String>) -> Vec<String> {
    let careful = [("nosuid", "suid"), ("nodev", "dev"), ("noexec", "exec")];
    let mut words: Vec<String> = Vec::with_capacity(asked.len() + careful.len());
    for (flag, contrary) in careful {
        if !asked.iter().any(|word| word == flag || word == contrary) {
            words.push(flag.to_owned());
        }
    }
    words.extend(asked);
    words
}

/// Reads a mode in octal, and writes it as four digits.
pub(super) fn octal(text: &str) -> Result<String, Invalid> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o7777 && !text.starts_with('+') => Ok(format!("{mode:04o}")),
        _ => {
            Err(Invalid::new(format!("{text:?} is not a mode in octal")).with_hint("write one such as 1777"))
        }
    }
}

/// Checks a place in the container, and takes what says nothing (`//`, `/./`) out of it.
pub(super) fn destination(text: &str) -> Result<PathBuf, Invalid> {
    let path = Path::new(text);
    let up = path.components().any(|component| component == Component::ParentDir);
    if !path.is_absolute() || up || text.contains('\0') {
        return Err(Invalid::new(format!(
            "{text:?} is not an absolute path in the container without \"..\""
        )));
    }
    let clean: PathBuf = path.components().collect();
    if clean == Path::new("/") {
        return Err(Invalid::new("nothing is mounted on the root of the container")
            .with_hint("to choose the root itself take --rootfs"));
    }
    Ok(clean)
}

pub(super) fn unknown_word(word: &str) -> Invalid {
    Invalid::new(format!("there is no option {word:?} here"))
}

/// Sets what may be said only once.
pub(super) fn set_once<T>(slot: &mut Option<T>, value: T, what: &str) -> Result<(), Invalid> {
    if slot.replace(value).is_some() {
        return Err(Invalid::new(format!("{what} is said twice")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_absolute_clean_and_not_the_root() {
        assert_eq!(destination("/a//b/./c/").unwrap(), Path::new("/a/b/c"));
        for text in ["", "a", "/", "//", "/.", "/a/../b", "/a\0"] {
            assert!(destination(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_tmpfs_is_careful_unless_told_otherwise() {
        assert_eq!(
            careful_words(vec!["exec".into(), "size=1".into()]),
            ["nosuid", "nodev", "exec", "size=1"]
        );
    }

    #[test]
    fn tmpfs_options_are_checked() {
        assert_eq!(tmpfs_option("size=64m").unwrap(), "size=67108864");
        assert_eq!(tmpfs_option("size=50%").unwrap(), "size=50%");
        assert_eq!(tmpfs_option("mode=777").unwrap(), "mode=0777");
        for word in ["", "size=", "mode=8", "mode=+7", "uid=x", "tmpcopyup", "x=y"] {
            assert!(tmpfs_option(word).is_err(), "{word}");
        }
    }
}
