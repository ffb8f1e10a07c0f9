//! `--device` and `--device-cgroup-rule`.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::Invalid;

/// A device of the host: `HOST[:CONTAINER][:rwm]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// Where it is on the host.
    pub host: PathBuf,
    /// Where it is in the container.
    pub container: PathBuf,
    /// What may be done with it, out of `rwm`.
    pub access: String,
}

impl FromStr for DeviceRequest {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let form = || {
            Invalid::new(format!("{text:?} has not the form of a device"))
                .with_hint("write HOST[:CONTAINER][:ACCESS], such as /dev/fuse or /dev/sda:/dev/xvda:r")
        };
        let mut parts = text.split(':');
        let (host, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let (container, access) = match (second, third) {
            (None, None) => (host, "rwm"),
            (Some(access), None) if is_access(access) => (host, access),
            (Some(container), None) => (container, "rwm"),
            (Some(container), Some(access)) if is_access(access) => (container, access),
            _ => return Err(form()),
        };
        let absolute = |path: &str| Path::new(path).is_absolute() && !path.contains('\0');
        let plain = !Path::new(container).components().any(|part| part == std::path::Component::ParentDir);
        if parts.next().is_some() || !absolute(host) || !absolute(container) || !plain {
            return Err(form());
        }
        Ok(Self { host: host.into(), container: container.into(), access: access.into() })
    }
}

/// A rule for devices: `TYPE MAJOR:MINOR ACCESS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRequest {
    /// `a`, `b` or `c`.
    pub kind: char,
    /// The first half of the number; `None` is any.
    pub major: Option<u32>,
    /// The second half.
    pub minor: Option<u32>,
    /// What may be done, out of `rwm`.
    pub access: String,
}

impl FromStr for RuleRequest {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let read = || {
            let mut words = text.split(' ');
            let (kind, number, access) = (words.next()?, words.next()?, words.next()?);
            let kind = kind.parse::<char>().ok().filter(|kind| matches!(kind, 'a' | 'b' | 'c'))?;
            let (major, minor) = number.split_once(':')?;
            let rule = Self { kind, major: half(major)?, minor: half(minor)?, access: access.to_owned() };
            (is_access(access) && words.next().is_none()).then_some(rule)
        };
        read().ok_or_else(|| {
            Invalid::new(format!("{text:?} has not the form of a rule for devices"))
                .with_hint("write TYPE MAJOR:MINOR ACCESS, such as 'c 10:229 rw' or 'b 8:* rmw'")
        })
    }
}

/// `*`, which is any, or a number.
fn half(text: &str) -> Option<Option<u32>> {
    match text {
        "*" => Some(None),
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Some),
        _ => None,
    }
}

/// Each letter of `rwm` at most once, and one at least.
fn is_access(text: &str) -> bool {
    let once = |letter: char| text.matches(letter).count() <= 1;
    !text.is_empty() && text.chars().all(|letter| "rwm".contains(letter) && once(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(text: &str) -> (String, String, String) {
        let device: DeviceRequest = text.parse().unwrap();
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        (path(device.host), path(device.container), device.access)
    }

    #[test]
    fn a_device_has_a_place_and_an_access() {
        let same = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(device("/dev/fuse"), same("/dev/fuse", "/dev/fuse", "rwm"));
        assert_eq!(device("/dev/fuse:rw"), same("/dev/fuse", "/dev/fuse", "rw"));
        assert_eq!(device("/dev/a:/dev/b"), same("/dev/a", "/dev/b", "rwm"));
        assert_eq!(device("/dev/a:/dev/b:r"), same("/dev/a", "/dev/b", "r"));
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for text in [
            "",
            "fuse",
            "/dev/a:b",
            "/dev/a:/dev/b:x",
            "/dev/a:/dev/b:r:",
            "/dev/a:/../b",
            ":/dev/b",
            "/dev/a:/b:rr",
        ] {
            assert!(text.parse::<DeviceRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_rule_is_of_three_words() {
        let rule: RuleRequest = "c 10:* rw".parse().unwrap();
        assert_eq!((rule.kind, rule.major, rule.minor, rule.access.as_str()), ('c', Some(10), None, "rw"));
        for text in ["", "c", "c 1 r", "d 1:2 r", "c 1:2 x", "c 1:2 r w", "c -1:2 r", "c +1:2 r", "c 1:2  r"]
        {
            assert!(text.parse::<RuleRequest>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<DeviceRequest>();
            let _ = text.parse::<RuleRequest>();
        }
    }
}
