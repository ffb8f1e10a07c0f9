//! The platform that an image is for, by the names of the image specification (GOOS, GOARCH).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operating system, an architecture and its variant.
///
/// Displays as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system, such as `linux`.
    pub os: String,
    /// The architecture by its name in Go, such as `amd64`.
    pub architecture: String,
    /// The variant of the architecture, such as `v8`, where the image or the host has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// The platform that this program was built for.
    pub fn host() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", Some("v8")),
            "arm" => ("arm", Some("v7")),
            "powerpc64" => ("ppc64le", None),
            other => (other, None),
        };
        Self { os: "linux".into(), architecture: architecture.into(), variant: variant.map(Into::into) }
    }

    /// How well an image for `self` suits `wanted`: `None` if it does not, else the smaller the better.
    pub(crate) fn distance(&self, wanted: &Self) -> Option<u32> {
        if self.os != wanted.os || self.architecture != wanted.architecture {
            return None;
        }
        match (level(&self.variant), level(&wanted.variant)) {
            (own, other) if own == other => Some(0),
            // An image without a variant is for the lowest one.
            (None, _) => Some(1),
            // Nothing is known of the host: the lower the demand, the safer. amd64 is v1 where nothing is said.
            (Some(own), None) if own <= 1 => Some(1),
            (Some(own), None) => Some(own + 1),
            (Some(own), Some(other)) => other.checked_sub(own).map(|below| below + 1),
        }
    }
}

fn level(variant: &Option<String>) -> Option<u32> {
    variant.as_deref()?.trim_start_matches('v').parse().ok().filter(|level| *level < 1000)
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os.escape_debug(), self.architecture.escape_debug())?;
        match &self.variant {
            Some(variant) => write!(f, "/{}", variant.escape_debug()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        Platform { os: parts.next().unwrap(), architecture: parts.next().unwrap(), variant: parts.next() }
    }

    #[test]
    fn the_nearest_variant_below_is_best() {
        let host = platform("linux/arm/v7");
        let best = ["linux/arm/v5", "linux/arm/v6", "linux/arm64", "linux/arm/v8"]
            .iter()
            .filter_map(|text| Some((platform(text).distance(&host)?, *text)))
            .min();
        assert_eq!(best.unwrap().1, "linux/arm/v6");
    }

    #[test]
    fn another_system_or_architecture_never_fits() {
        assert_eq!(platform("windows/amd64").distance(&platform("linux/amd64")), None);
        assert_eq!(platform("linux/arm64").distance(&platform("linux/amd64")), None);
    }

    #[test]
    fn a_plain_image_is_preferred_to_one_for_newer_processors() {
        let host = platform("linux/amd64");
        assert!(platform("linux/amd64").distance(&host) < platform("linux/amd64/v3").distance(&host));
        assert_eq!(platform("linux/arm64").distance(&platform("linux/arm64/v8")), Some(1));
    }

    #[test]
    fn the_host_is_linux() {
        assert_eq!(Platform::host().os, "linux");
    }
}
