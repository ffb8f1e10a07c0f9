//! The JSON documents of an image, as far as they matter here.
//!
//! They are read by own types and not by those of a crate that follows the specification to the letter, because
//! real documents do not: Docker writes `null` where a list should be and leaves required fields out.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::Digest;

pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// A reference to content by digest.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default)]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) annotations: Option<HashMap<String, Option<String>>>,
    pub(crate) platform: Option<PlatformDocument>,
}

impl Descriptor {
    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key)?.as_deref()
    }
}

/// The platform of a descriptor.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct PlatformDocument {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    pub(crate) variant: Option<String>,
}

/// An image index, or a manifest list of Docker.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) media_type: Option<String>,
    pub(crate) manifests: Option<Vec<Descriptor>>,
    /// What only a manifest has: a document that is both would be read differently by different programs.
    pub(crate) layers: Option<IgnoredAny>,
    pub(crate) config: Option<IgnoredAny>,
}

/// An image manifest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Option<Vec<Descriptor>>,
    /// What only an index has.
    pub(crate) manifests: Option<IgnoredAny>,
}

/// An image's configuration.
#[derive(Debug, Deserialize)]
pub(crate) struct Configuration {
    #[serde(default)]
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) architecture: String,
    pub(crate) variant: Option<String>,
    pub(crate) config: Option<ContainerConfig>,
    pub(crate) rootfs: RootFs,
}

/// The layers of an image, decompressed.
#[derive(Debug, Deserialize)]
pub(crate) struct RootFs {
    pub(crate) diff_ids: Option<Vec<Digest>>,
}

/// What a container of an image runs by default.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ContainerConfig {
    pub(crate) entrypoint: Option<Vec<String>>,
    pub(crate) cmd: Option<Vec<String>>,
    pub(crate) env: Option<Vec<String>>,
    pub(crate) working_dir: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) stop_signal: Option<String>,
    pub(crate) volumes: Option<BTreeMap<String, IgnoredAny>>,
    pub(crate) exposed_ports: Option<BTreeMap<String, IgnoredAny>>,
    pub(crate) labels: Option<BTreeMap<String, Option<String>>>,
}

/// One image of an archive of Docker, as its `manifest.json` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DockerImage {
    pub(crate) config: String,
    pub(crate) repo_tags: Option<Vec<String>>,
    pub(crate) layers: Option<Vec<String>>,
}

/// What a media type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaKind {
    Index,
    Manifest,
    Configuration,
    Other,
}

impl MediaKind {
    pub(crate) fn of(media_type: &str) -> Self {
        match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Self::Index,
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Self::Manifest,
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {
                Self::Configuration
            }
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_writes_is_read() {
        let text = r#"{"architecture":"amd64","os":"linux","created":null,"history":[{"empty_layer":true}],
            "config":{"Env":["A=b"],"Cmd":null,"Entrypoint":null,"Volumes":null,"Labels":{"a":null},"OnBuild":null,
            "ExposedPorts":{"80/tcp":{}},"ArgsEscaped":true},"rootfs":{"type":"layers","diff_ids":null}}"#;
        let document: Configuration = serde_json::from_str(text).unwrap();
        let config = document.config.unwrap();
        assert_eq!(config.env.unwrap(), ["A=b"]);
        assert_eq!(config.exposed_ports.unwrap().into_keys().collect::<Vec<_>>(), ["80/tcp"]);
        assert!(config.cmd.is_none() && document.rootfs.diff_ids.is_none());
    }

    #[test]
    fn a_digest_that_is_a_path_is_refused() {
        let text = r#"{"mediaType":"x","digest":"sha256:../../../etc/passwd","size":1}"#;
        assert!(serde_json::from_str::<Descriptor>(text).unwrap_err().to_string().contains("64"));
    }
}
