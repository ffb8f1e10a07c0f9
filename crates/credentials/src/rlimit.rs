//! Resource limits (getrlimit(2)).

use std::fmt;
use std::str::FromStr;

use holm_sys::{Context, Result};
use rustix::process::{Resource as Kernel, Rlimit as KernelLimit, setrlimit};
use serde::{Deserialize, Serialize};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resource(usize);

/// The name without `RLIMIT_`, and the kernel's resource.
const TABLE: [(&str, Kernel); 16] = [
    ("AS", Kernel::As),
    ("CORE", Kernel::Core),
    ("CPU", Kernel::Cpu),
    ("DATA", Kernel::Data),
    ("FSIZE", Kernel::Fsize),
    ("LOCKS", Kernel::Locks),
    ("MEMLOCK", Kernel::Memlock),
    ("MSGQUEUE", Kernel::Msgqueue),
    ("NICE", Kernel::Nice),
    ("NOFILE", Kernel::Nofile),
    ("NPROC", Kernel::Nproc),
    ("RSS", Kernel::Rss),
    ("RTPRIO", Kernel::Rtprio),
    ("RTTIME", Kernel::Rttime),
    ("SIGPENDING", Kernel::Sigpending),
    ("STACK", Kernel::Stack),
];

impl Resource {
    /// Its name, such as `RLIMIT_NOFILE`.
    pub fn name(self) -> String {
        format!("RLIMIT_{}", TABLE.get(self.0).map_or("", |(name, _)| name))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl Serialize for Resource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A word that names no resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no resource with a limit; setrlimit(2) has their names, such as RLIMIT_NOFILE or nofile")]
pub struct UnknownResource(pub String);

impl FromStr for Resource {
    type Err = UnknownResource;

    /// As the kernel has it (`RLIMIT_NOFILE`) or as Docker has it (`nofile`).
    fn from_str(word: &str) -> std::result::Result<Self, UnknownResource> {
        let upper = word.to_ascii_uppercase();
        let short = upper.strip_prefix("RLIMIT_").unwrap_or(&upper);
        let found = TABLE.iter().position(|(name, _)| *name == short);
        found.map(Resource).ok_or_else(|| UnknownResource(word.to_owned()))
    }
}

/// The limits of a resource; `u64::MAX` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// What counts.
    pub soft: u64,
    /// Up to where the soft one may be raised.
    pub hard: u64,
}

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |limit: u64| if limit == u64::MAX { "unlimited".to_owned() } else { limit.to_string() };
        write!(f, "{}:{}", number(self.soft), number(self.hard))
    }
}

/// A resource with its limits, as `nofile=1024:2048` gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResourceLimit {
    /// Which.
    pub resource: Resource,
    /// The limits.
    pub limit: Rlimit,
}

/// Text that gives no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// The resource.
    #[error(transparent)]
    Resource(#[from] UnknownResource),
    /// The numbers.
    #[error(
        "{0:?} gives no limit; one looks like nofile=1024 or nofile=1024:2048, with unlimited or -1 for none"
    )]
    Number(String),
    /// The order.
    #[error("{0:?} has a soft limit above the hard one")]
    Order(String),
}

impl FromStr for ResourceLimit {
    type Err = LimitError;

    fn from_str(text: &str) -> std::result::Result<Self, LimitError> {
        let number = |part: &str| match part {
            "unlimited" | "-1" => Ok(u64::MAX),
            digits if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| LimitError::Number(text.to_owned()))
            }
            _ => Err(LimitError::Number(text.to_owned())),
        };
        let (name, limits) = text.split_once('=').ok_or_else(|| LimitError::Number(text.to_owned()))?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let limit = Rlimit { soft: number(soft)?, hard: number(hard)? };
        if limit.soft > limit.hard {
            return Err(LimitError::Order(text.to_owned()));
        }
        Ok(Self { resource: name.parse()?, limit })
    }
}

/// Sets the limits of the calling process; setrlimit(2).
///
/// # Errors
///
/// `EPERM` for raising a hard limit without `CAP_SYS_RESOURCE`.
pub fn set_rlimit(resource: Resource, limit: Rlimit) -> Result<()> {
    let call = || format!("setrlimit({resource}, {limit})");
    let number = |limit: u64| (limit != u64::MAX).then_some(limit);
    let Some((_, kernel)) = TABLE.get(resource.0) else {
        return Err(holm_sys::Error::new(call(), holm_sys::Errno::INVAL));
    };
    setrlimit(*kernel, KernelLimit { current: number(limit.soft), maximum: number(limit.hard) }).call(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_as_docker_and_the_kernel_name_them() {
        let limit: ResourceLimit = "nofile=1024:2048".parse().unwrap();
        assert_eq!(limit.resource.name(), "RLIMIT_NOFILE");
        assert_eq!(limit.limit, Rlimit { soft: 1024, hard: 2048 });
        assert_eq!("RLIMIT_CORE=-1".parse::<ResourceLimit>().unwrap().limit.soft, u64::MAX);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in
            ["", "nofile", "nofile=", "files=1", "nofile=2:1", "nofile=1:2:3", "nofile=-2", "nofile=1k", "=1"]
        {
            assert!(text.parse::<ResourceLimit>().is_err(), "{text:?}");
        }
    }
}
