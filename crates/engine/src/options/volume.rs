//! `--volume SRC:DST[:OPTIONS]` and `--tmpfs DST[:OPTIONS]`.

use std::path::PathBuf;

use super::mount::{BindOptions, careful_words, destination, tmpfs_option};
use super::{Invalid, MountKind, RequestedMount};

const FORM: &str =
    "write SRC:DST or SRC:DST:OPTIONS, such as ./src:/src:ro; for a path with a colon take --mount";

/// Reads a volume.
///
/// # Errors
///
/// For a volume by name or without a source, a destination that is not absolute, an unknown option.
pub fn parse_volume(text: &str) -> Result<RequestedMount, Invalid> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, words) = match parts.as_slice() {
        [source, target] => (*source, *target, ""),
        [source, target, words] => (*source, *target, *words),
        [only] if only.starts_with('/') => {
            return Err(Invalid::new("a volume without a source is not kept anywhere")
                .with_hint(format!("for room that goes with the container: --tmpfs {only}")));
        }
        _ => return Err(Invalid::new(format!("{text:?} has not the form of a volume")).with_hint(FORM)),
    };
    let mut options = BindOptions::default();
    words.split(',').filter(|word| !word.is_empty()).try_for_each(|word| options.add(word))?;
    Ok(RequestedMount {
        destination: destination(target)?,
        kind: MountKind::Bind(source_path(source)?),
        options: options.into_words(),
    })
}

/// A name without a slash is that of a volume to Docker and Podman: taking it for a directory would surprise.
fn source_path(source: &str) -> Result<PathBuf, Invalid> {
    if source.is_empty() || source.contains('\0') {
        return Err(Invalid::new("the source of the volume is missing").with_hint(FORM));
    }
    if source.contains('/') || source == "." || source == ".." {
        return Ok(PathBuf::from(source));
    }
    Err(Invalid::new(format!("{source:?} is a volume by name, of which there are none"))
        .with_hint(format!("for the directory of that name: ./{source}")))
}

/// Reads a tmpfs.
///
/// # Errors
///
/// For a destination that is not absolute, an unknown option.
pub fn parse_tmpfs(text: &str) -> Result<RequestedMount, Invalid> {
    let (target, words) = text.split_once(':').unwrap_or((text, ""));
    let asked =
        words.split(',').filter(|word| !word.is_empty()).map(tmpfs_option).collect::<Result<Vec<_>, _>>()?;
    Ok(RequestedMount {
        destination: destination(target)?,
        kind: MountKind::FileSystem("tmpfs"),
        options: careful_words(asked),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Vec<String> {
        parse_volume(text).unwrap().options
    }

    #[test]
    fn a_volume_is_recursive_private_and_writable_unless_said() {
        let volume = parse_volume("./src:/dst").unwrap();
        assert_eq!(volume.kind, MountKind::Bind("./src".into()));
        assert_eq!(volume.destination, PathBuf::from("/dst"));
        assert_eq!(volume.options, ["rbind", "rprivate"]);
    }

    #[test]
    fn options_become_those_of_the_specification() {
        assert_eq!(options("/a:/b:ro"), ["rbind", "rro", "rprivate"]);
        assert_eq!(options("/a:/b:ro,bind"), ["bind", "ro", "rprivate"]);
        assert_eq!(
            options("/a:/b:rslave,nosuid,nodev,idmap"),
            ["rbind", "nosuid", "nodev", "rslave", "idmap"]
        );
        assert_eq!(options("/a:/b:"), ["rbind", "rprivate"]);
    }

    #[test]
    fn what_is_no_volume_is_refused_with_a_way_out() {
        let hint = |text: &str| parse_volume(text).unwrap_err().hint().unwrap_or_default().to_owned();
        assert!(hint("data:/dst").contains("./data"));
        assert!(hint("/data").contains("--tmpfs /data"));
        assert!(hint("/a:/b:Z").contains("leave it out"));
        for text in [
            "",
            ":",
            "/a:",
            ":/b",
            "/a:b",
            "/a:/",
            "/a:/b:ro:rw",
            "/a:/b:ro,rw",
            "/a:/b:shared,slave",
            "/a:/b:x",
        ] {
            assert!(parse_volume(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_tmpfs_has_a_size_and_a_mode() {
        let tmpfs = parse_tmpfs("/run:size=64m,mode=1777,exec").unwrap();
        assert_eq!(tmpfs.options, ["nosuid", "nodev", "size=67108864", "mode=1777", "exec"]);
        assert_eq!(parse_tmpfs("/run").unwrap().options, ["nosuid", "nodev", "noexec"]);
        assert!(parse_tmpfs("run").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = (parse_volume(&text), parse_tmpfs(&text));
        }

        #[test]
        fn no_options_panic(words in "[a-z=0-9,%:]*") {
            let _ = (parse_volume(&format!("/a:/b:{words}")), parse_tmpfs(&format!("/a:{words}")));
        }
    }
}
