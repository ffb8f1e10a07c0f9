//! An image, as far as it is known before a layer is touched.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::document::{Configuration, PlatformDocument};
use crate::{Config, Digest, Error, Platform, Reference, Result};

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) reference: &'a Reference,
    pub(crate) platform: &'a Platform,
}

/// An image that was found: its configuration, and where its layers lie. It can be handed to another process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// What it was asked for by.
    pub reference: Reference,
    /// The digest of its manifest; of its configuration if it comes from an archive of Docker, which has no manifest.
    pub digest: Digest,
    /// The platform that it is for.
    pub platform: Platform,
    /// What its containers run.
    pub config: Config,
    /// The layers, the lowest first.
    pub layers: Vec<Layer>,
}

/// A layer of an image, packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// The digest of the blob; `None` in an archive of Docker that does not tell it.
    pub digest: Option<Digest>,
    /// The digest of the tar archive within the blob.
    pub diff_id: Digest,
    /// The media type; empty in an archive of Docker, where the content itself tells.
    pub media_type: String,
    /// Where the bytes are.
    pub blob: Blob,
}

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The file.
    pub path: PathBuf,
    /// Where the blob begins in it, in bytes.
    pub offset: u64,
    /// How long the blob is, in bytes.
    pub size: u64,
}

impl Layer {
    /// What the layer is called in errors.
    pub(crate) fn label(&self) -> String {
        format!("layer {}", self.digest.unwrap_or(self.diff_id))
    }
}

impl From<PlatformDocument> for Platform {
    fn from(document: PlatformDocument) -> Self {
        Self {
            os: document.os,
            architecture: document.architecture,
            variant: document.variant.filter(|variant| !variant.is_empty()),
        }
    }
}

impl Image {
    /// Puts an image together of its configuration and layers, if it is one for `wanted`.
    pub(crate) fn new(
        request: &Request,
        digest: Digest,
        document: Configuration,
        layers: Vec<Layer>,
    ) -> Result<Self> {
        let Configuration { os, architecture, variant, config, .. } = document;
        let platform = Platform::from(PlatformDocument { os, architecture, variant });
        // Images that are put together by hand often do not say.
        let says = !platform.os.is_empty() && !platform.architecture.is_empty();
        if says && platform.distance(request.platform).is_none() {
            let (image, wanted) = (request.reference.path.clone(), request.platform.clone());
            return Err(Error::NoPlatform { image, wanted, available: vec![platform] });
        }
        let config = config.unwrap_or_default().into();
        Ok(Self { reference: request.reference.clone(), digest, platform, config, layers })
    }
}
