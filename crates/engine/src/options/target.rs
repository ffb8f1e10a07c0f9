//! What a container is made of and what it runs, out of the words of the command line.

use std::path::PathBuf;

use super::Invalid;

/// The transports of image references that Holm reads.
const TRANSPORTS: [&str; 3] = ["oci:", "oci-archive:", "docker-archive:"];
/// Those of skopeo(1) that it does not.
const FOREIGN: [&str; 7] =
    ["docker://", "docker-daemon:", "containers-storage:", "dir:", "ostree:", "sif:", "tarball:"];

/// Where a container's root comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootSource {
    /// This machine's own root, copy-on-write.
    Host,
    /// A directory, used as it is.
    Directory(PathBuf),
    /// An image, by a reference with its transport.
    Image(String),
}

/// A root and a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where the root comes from.
    pub root: RootSource,
    /// The command and its arguments; empty when none was said.
    pub command: Vec<String>,
}

impl Target {
    /// Takes `words` apart: with `--rootfs` all of them are the command; else the first is an image when it has a
    /// transport, and the command otherwise.
    ///
    /// # Errors
    ///
    /// For a transport that Holm does not read, and a `--rootfs` without a command.
    pub fn from_words(rootfs: Option<PathBuf>, mut words: Vec<String>) -> Result<Self, Invalid> {
        if let Some(directory) = rootfs {
            if words.is_empty() {
                return Err(Invalid::new("a root directory says no command of its own")
                    .with_hint("say it after --: holm run --rootfs DIRECTORY -- /bin/sh"));
            }
            return Ok(Self { root: RootSource::Directory(directory), command: words });
        }
        let Some(first) = words.first() else { return Ok(Self { root: RootSource::Host, command: words }) };
        if first.is_empty() {
            return Err(Invalid::new("the name of the image or command is empty").with_hint(
                "a variable of the shell may be unset; without any word the shell of this machine is run",
            ));
        }
        if let Some(transport) = FOREIGN.iter().find(|transport| first.starts_with(**transport)) {
            return Err(
                Invalid::new(format!("images are not read from {transport}")).with_hint(copy_hint(first))
            );
        }
        if !TRANSPORTS.iter().any(|transport| first.starts_with(transport)) {
            return Ok(Self { root: RootSource::Host, command: words });
        }
        let image = words.remove(0);
        if words.first().is_some_and(|word| word == "--") {
            words.remove(0);
        }
        Ok(Self { root: RootSource::Image(image), command: words })
    }
}

/// What to say when `word` was not found as a command but looks like the name of an image in a registry.
pub fn registry_hint(word: &str) -> Option<String> {
    let (path, tag) = word.rsplit_once(':').map_or((word, None), |(path, tag)| (path, Some(tag)));
    let name = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'/' | b':' | b'@')
    };
    let plausible = !path.is_empty()
        && !path.starts_with(['/', '.', '-'])
        && path.bytes().all(name)
        && tag.is_none_or(|tag| !tag.is_empty() && !tag.contains('/'));
    plausible.then(|| copy_hint(word))
}

fn copy_hint(word: &str) -> String {
    let name = word.strip_prefix("docker://").unwrap_or(word);
    let source = if FOREIGN.iter().any(|transport| word.starts_with(transport)) {
        word.to_owned()
    } else {
        format!("docker://{name}")
    };
    format!(
        "to run an image of that name, copy it first: skopeo copy {source} oci:./image:latest, then holm run oci:./image:latest"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Target {
        Target::from_words(None, words.iter().map(ToString::to_string).collect()).unwrap()
    }

    #[test]
    fn the_first_word_with_a_transport_is_the_image() {
        assert_eq!(read(&["oci:./l:t", "id", "-u"]).root, RootSource::Image("oci:./l:t".into()));
        assert_eq!(read(&["oci:./l:t", "--", "id"]).command, ["id"]);
        assert_eq!(read(&["docker-archive:x.tar"]).command, Vec::<String>::new());
    }

    #[test]
    fn every_other_word_is_the_command() {
        assert_eq!(
            read(&["sh", "-c", "oci:x"]),
            Target { root: RootSource::Host, command: vec!["sh".into(), "-c".into(), "oci:x".into()] }
        );
        assert_eq!(read(&[]).root, RootSource::Host);
        assert!(Target::from_words(None, vec![String::new()]).unwrap_err().cause().contains("empty"));
    }

    #[test]
    fn with_a_root_directory_all_words_are_the_command() {
        let target = Target::from_words(Some("r".into()), vec!["oci:x".into()]).unwrap();
        assert_eq!(target, Target { root: RootSource::Directory("r".into()), command: vec!["oci:x".into()] });
        assert!(Target::from_words(Some("r".into()), Vec::new()).is_err());
    }

    #[test]
    fn a_registry_is_reached_through_skopeo() {
        let invalid = Target::from_words(None, vec!["docker://alpine".into()]).unwrap_err();
        assert!(invalid.hint().unwrap().contains("skopeo copy docker://alpine oci:"));
        assert!(registry_hint("alpine:latest").unwrap().contains("docker://alpine:latest"));
        assert!(registry_hint("ghcr.io/a/b").is_some());
        for word in ["/bin/x", "./x", "-x", "Foo", "a:", ""] {
            assert_eq!(registry_hint(word), None, "{word}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_words_panic(words in proptest::collection::vec("\\PC*", 0..4)) {
            words.first().map(|word| registry_hint(word));
            let _ = Target::from_words(None, words);
        }
    }
}
