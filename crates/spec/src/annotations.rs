//! What Holm says in a configuration beyond the specification, as annotations.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;

/// `"true"`: the runtime stays as PID 1 of the container, forwards signals, reaps orphans and hands on the exit
/// status of the process; nothing has to be in the root for it.
pub const INIT: &str = "holm.init";

/// The root is an overlay: an [`OverlayRoot`] as JSON.
pub const OVERLAY: &str = "holm.rootfs.overlay";

/// A root that is stacked from directories, with a private tmpfs on top that takes what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlayRoot {
    /// The layers, the topmost first; absolute paths.
    pub lower: Vec<PathBuf>,
    /// The size of the tmpfs, as tmpfs(5) has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
}

impl OverlayRoot {
    /// The value of the annotation.
    pub fn to_annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it from a configuration's annotations.
    pub(crate) fn from_annotations(annotations: &HashMap<String, String>) -> Result<Option<Self>, Error> {
        let Some(text) = annotations.get(OVERLAY) else { return Ok(None) };
        let field = format!("annotations[{OVERLAY:?}]");
        let overlay: Self = serde_json::from_str(text)
            .map_err(|cause| Error::invalid(&field, cause, "{\"lower\": [paths], \"size\": \"1g\"}"))?;
        if overlay.lower.is_empty() || overlay.lower.iter().any(|path| !path.is_absolute()) {
            return Err(Error::invalid(field, format!("{:?}", overlay.lower), "one absolute path or more"));
        }
        Ok(Some(overlay))
    }
}

/// Reads [`INIT`].
pub(crate) fn init(annotations: &HashMap<String, String>) -> Result<bool, Error> {
    match annotations.get(INIT).map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Error::invalid(format!("annotations[{INIT:?}]"), other, "true, false")),
    }
}
