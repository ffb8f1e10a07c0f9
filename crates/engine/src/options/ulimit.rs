//! `--ulimit NAME=SOFT[:HARD]`.

use std::str::FromStr;

use oci_spec::runtime::PosixRlimitType;

use super::Invalid;

/// A resource limit; `u64::MAX` is none (`RLIM_INFINITY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// Which one.
    pub resource: PosixRlimitType,
    /// What holds.
    pub soft: u64,
    /// Up to what a process may raise it.
    pub hard: u64,
}

impl FromStr for Ulimit {
    type Err = Invalid;

    /// Names are those of getrlimit(2) in lower case, without `RLIMIT_`; `unlimited` or `-1` is no limit.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let form = || {
            Invalid::new(format!("{text:?} has not the form of a limit"))
                .with_hint("write NAME=SOFT or NAME=SOFT:HARD, such as nofile=1024:4096")
        };
        let (name, limits) = text.split_once('=').ok_or_else(form)?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let resource = format!("RLIMIT_{}", name.to_ascii_uppercase()).parse().map_err(|_| unknown(name))?;
        let (soft, hard) = (limit(soft).ok_or_else(form)?, limit(hard).ok_or_else(form)?);
        if soft > hard {
            return Err(Invalid::new(format!("the soft limit of {name} is above its hard limit")));
        }
        Ok(Self { resource, soft, hard })
    }
}

fn unknown(name: &str) -> Invalid {
    Invalid::new(format!("there is no limit {name:?}")).with_hint(
        "take as, core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, nproc, rss, rtprio, rttime, \
         sigpending or stack (getrlimit(2))",
    )
}

fn limit(text: &str) -> Option<u64> {
    match text {
        "unlimited" | "-1" => Some(u64::MAX),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_and_hard() {
        let read = |text: &str| text.parse::<Ulimit>().unwrap();
        let nofile = PosixRlimitType::RlimitNofile;
        assert_eq!(read("nofile=10:20"), Ulimit { resource: nofile, soft: 10, hard: 20 });
        assert_eq!(read("nofile=10"), Ulimit { resource: nofile, soft: 10, hard: 10 });
        assert_eq!(read("core=0:-1").hard, u64::MAX);
        assert_eq!(read("core=0:unlimited").hard, u64::MAX);
    }

    #[test]
    fn all_that_linux_has() {
        for name in [
            "as",
            "core",
            "cpu",
            "data",
            "fsize",
            "locks",
            "memlock",
            "msgqueue",
            "nice",
            "nofile",
            "nproc",
            "rss",
            "rtprio",
            "rttime",
            "sigpending",
            "stack",
        ] {
            assert!(format!("{name}=1").parse::<Ulimit>().is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "nofile",
            "nofile=",
            "nofile=2:1",
            "nofile=-2",
            "nofile=1:",
            "nofile=+1",
            "x=1",
            "nofile=1:2:3",
        ] {
            assert!(text.parse::<Ulimit>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Ulimit>();
        }
    }
}
