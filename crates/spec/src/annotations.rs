//! What Holm says in a configuration beyond the specification, as annotations.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;

/// `"true"`: the runtime stays as PID 1 of the container, forwards signals, reaps orphans and hands on the exit
/// status of the process; nothing has to be in the root for it.
pub const INIT: &str = "holm.init";

/// The process keeps the additional groups of who creates the container, as crun has it: to any value but an empty one
/// or `0`. Engines set it for `--group-add keep-groups`.
pub const KEEP_GROUPS: &str = "run.oci.keep_original_groups";

/// What the names of crun's annotations begin with (crun(1), "EXTENSIONS TO OCI").
const CRUN: &str = "run.oci.";

/// The root is an overlay: an [`OverlayRoot`] as JSON.
pub const OVERLAY: &str = "holm.rootfs.overlay";

/// A root that is stacked from directories, with a private tmpfs on top that takes what is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlayRoot {
    /// The layers, the topmost first; absolute paths. Without one the root itself is empty, and has the parts alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lower: Vec<PathBuf>,
    /// Directories of the host that are overlays of their own, each at its own place in the root, all over the one
    /// tmpfs: in a user namespace a directory that has mounts below it can be no layer, but its other children can.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PathBuf>,
    /// Symbolic links in a root of parts: where, and to what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(PathBuf, PathBuf)>,
    /// The size of the tmpfs, as tmpfs(5) has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
}

/// The names of those that crun would do something for, and Holm does not, in order.
pub(crate) fn foreign(annotations: &HashMap<String, String>) -> Vec<&str> {
    let names = annotations.keys().map(String::as_str);
    let mut foreign: Vec<&str> =
        names.filter(|name| name.starts_with(CRUN) && *name != KEEP_GROUPS).collect();
    foreign.sort_unstable();
    foreign
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
        let mut paths =
            overlay.lower.iter().chain(&overlay.parts).chain(overlay.links.iter().map(|(path, _)| path));
        // Without either it is an empty root, in which everything is a mount.
        let both = !overlay.lower.is_empty() && !overlay.parts.is_empty();
        if paths.any(|path| !path.is_absolute()) || both {
            return Err(Error::invalid(field, text, "absolute paths, in lower or in parts and not in both"));
        }
        Ok(Some(overlay))
    }
}

/// Reads [`KEEP_GROUPS`].
pub(crate) fn keep_groups(annotations: &HashMap<String, String>) -> bool {
    annotations.get(KEEP_GROUPS).is_some_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// Reads [`INIT`].
pub(crate) fn init(annotations: &HashMap<String, String>) -> Result<bool, Error> {
    match annotations.get(INIT).map(String::as_str) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Error::invalid(format!("annotations[{INIT:?}]"), other, "true, false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crun_s_own_are_told_of_but_for_the_one_that_is_understood() {
        let names = ["run.oci.handler", "run.oci.delegate-cgroup", KEEP_GROUPS, INIT, "org.example.colour"];
        let annotations = names.map(|name| (name.to_owned(), "x".to_owned())).into();
        assert_eq!(foreign(&annotations), ["run.oci.delegate-cgroup", "run.oci.handler"]);
    }
}
