//! `--security-opt`.

use std::path::PathBuf;
use std::str::FromStr;

use super::Invalid;

/// One option about security.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityOption {
    /// `no-new-privileges[=BOOL]`: exec never adds privileges (`PR_SET_NO_NEW_PRIVS`, prctl(2)).
    NoNewPrivileges(bool),
    /// `unmask=all` or paths: what is otherwise hidden or read-only in /proc and /sys is there as it is.
    Unmask(Unmask),
    /// `mask=PATH:...`: hidden as well.
    Mask(Vec<String>),
    /// `seccomp=unconfined`, `seccomp=builtin`, `seccomp=FILE`: the filter of system calls.
    Seccomp(SeccompChoice),
    /// `apparmor=unconfined`, `label=disable`: no label is set, so what is asked for is the case.
    Unconfined,
}

/// Which filter of system calls a container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeccompChoice {
    /// None.
    Unconfined,
    /// Holm's own.
    BuiltIn,
    /// A profile of Docker's form, or of the OCI configuration's.
    File(PathBuf),
}

/// What is not to be hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmask {
    /// Everything.
    All,
    /// These paths.
    Paths(Vec<String>),
}

impl FromStr for SecurityOption {
    type Err = Invalid;

    /// In Docker's and Podman's words.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (key, value) = match text.split_once(['=', ':']) {
            Some((key, value)) => (key, Some(value)),
            None => (text, None),
        };
        match (key, value) {
            ("no-new-privileges", None | Some("true")) => Ok(Self::NoNewPrivileges(true)),
            ("no-new-privileges", Some("false")) => Ok(Self::NoNewPrivileges(false)),
            ("systempaths", Some("unconfined")) | ("unmask", Some("all" | "ALL")) => {
                Ok(Self::Unmask(Unmask::All))
            }
            ("unmask", Some(paths)) => absolute_paths(paths).map(|paths| Self::Unmask(Unmask::Paths(paths))),
            ("mask", Some(paths)) => absolute_paths(paths).map(Self::Mask),
            ("seccomp", Some(word)) if !word.is_empty() => Ok(Self::Seccomp(match word {
                "unconfined" => SeccompChoice::Unconfined,
                "builtin" => SeccompChoice::BuiltIn,
                path => SeccompChoice::File(path.into()),
            })),
            ("apparmor", Some("unconfined")) | ("label", Some("disable")) => Ok(Self::Unconfined),
            ("apparmor" | "label", _) => {
                let nothing = if key == "label" { "label=disable" } else { "KEY=unconfined" };
                Err(Invalid::new(format!("{key} is not set by this version; a later one will"))
                    .with_hint(format!("leave it out, or take {}", nothing.replace("KEY", key))))
            }
            _ => Err(Invalid::new(format!("there is no option {text:?} here"))
                .with_hint("take no-new-privileges=BOOL, seccomp=FILE, seccomp=unconfined, unmask=all, unmask=PATH:PATH or mask=PATH:PATH")),
        }
    }
}

fn absolute_paths(text: &str) -> Result<Vec<String>, Invalid> {
    let paths: Vec<String> = text.split(':').map(str::to_owned).collect();
    match paths.iter().find(|path| !path.starts_with('/') || path.contains('\0')) {
        Some(path) => Err(Invalid::new(format!("{path:?} is not an absolute path"))),
        None => Ok(paths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_s_and_podman_s_words() {
        let read = |text: &str| text.parse::<SecurityOption>().unwrap();
        assert_eq!(read("no-new-privileges"), SecurityOption::NoNewPrivileges(true));
        assert_eq!(read("no-new-privileges:false"), SecurityOption::NoNewPrivileges(false));
        assert_eq!(read("systempaths=unconfined"), SecurityOption::Unmask(Unmask::All));
        assert_eq!(
            read("unmask=/proc/a:/sys/b"),
            SecurityOption::Unmask(Unmask::Paths(vec!["/proc/a".into(), "/sys/b".into()]))
        );
    }

    #[test]
    fn what_is_not_confined_may_be_asked_for() {
        let read = |text: &str| text.parse::<SecurityOption>().unwrap();
        assert_eq!(read("seccomp=unconfined"), SecurityOption::Seccomp(SeccompChoice::Unconfined));
        assert_eq!(read("seccomp:builtin"), SecurityOption::Seccomp(SeccompChoice::BuiltIn));
        assert_eq!(read("seccomp=a.json"), SecurityOption::Seccomp(SeccompChoice::File("a.json".into())));
        for text in ["apparmor=unconfined", "label=disable", "label:disable"] {
            assert_eq!(text.parse(), Ok(SecurityOption::Unconfined), "{text}");
        }
    }

    #[test]
    fn what_is_not_done_is_not_taken() {
        for text in [
            "",
            "seccomp=",
            "seccomp",
            "apparmor=p",
            "label=type:x",
            "mask=",
            "mask=a",
            "no-new-privileges=maybe",
        ] {
            assert!(text.parse::<SecurityOption>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<SecurityOption>();
        }
    }
}
