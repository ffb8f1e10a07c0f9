//! Archives as `docker save`, `podman save` and `skopeo copy` write them.

use crate::document::{Configuration, DockerImage};
use crate::error::{Error, Result};
use crate::image::{Image, Layer, Request};
use crate::source::{Source, check_digest};
use crate::{Digest, Selector, layout};

/// Finds the image that is looked for in an archive: by `manifest.json`, or if there is none, as in an OCI layout.
pub(crate) fn resolve(source: &Source, request: &Request) -> Result<Image> {
    match source.undescribed::<Vec<DockerImage>>("manifest.json")? {
        Some(images) => image(source, request, &select(source, images, &request.reference.selector)?),
        None if source.piece("index.json")?.is_some() => layout::resolve(source, request),
        None => Err(Error::NotAnImage {
            path: source.path().to_owned(),
            expected: "an archive of docker save",
            reason: "it has neither manifest.json nor index.json".into(),
        }),
    }
}

fn select(source: &Source, mut images: Vec<DockerImage>, selector: &Selector) -> Result<DockerImage> {
    let tags = |image: &DockerImage| image.repo_tags.clone().unwrap_or_default();
    let available = images.iter().flat_map(tags).map(|tag| tag.escape_debug().to_string()).collect();
    let (wanted, position) = match selector {
        Selector::Tag(wanted) => {
            let name = full_name(wanted);
            let position =
                images.iter().position(|image| tags(image).iter().any(|tag| full_name(tag) == name));
            (format!("named {wanted:?}"), position)
        }
        Selector::Digest(digest) => (format!("@{digest}"), None),
        Selector::Default if images.len() == 1 => (String::new(), Some(0)),
        Selector::Default => {
            let latest = |image: &DockerImage| tags(image).iter().any(|tag| tag.ends_with(":latest"));
            let mut found = (0..images.len()).filter(|index| images.get(*index).is_some_and(latest));
            let only = found.next().filter(|_| found.next().is_none());
            ("that is the only one or the only latest one, and none was named".to_owned(), only)
        }
    };
    match position {
        Some(index) => Ok(images.swap_remove(index)),
        None => Err(Error::UnknownTag { image: source.path().to_owned(), wanted, available }),
    }
}

/// A name with registry and tag: `debian` is `docker.io/library/debian:latest`.
pub(crate) fn full_name(name: &str) -> String {
    let first = name.split_once('/').map(|(first, _)| first);
    let is_registry = |first: &str| first.contains(['.', ':']) || first == "localhost";
    let registry = match first {
        Some(first) if is_registry(first) => "",
        Some(_) => "docker.io/",
        None => "docker.io/library/",
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = if last.contains([':', '@']) { "" } else { ":latest" };
    format!("{registry}{name}{tag}")
}

fn image(source: &Source, request: &Request, listed: &DockerImage) -> Result<Image> {
    let missing = |name: &str| Error::NotAnImage {
        path: source.path().to_owned(),
        expected: "an archive of docker save",
        reason: format!("its manifest.json names {name:?}, which is not there"),
    };
    let blob = source.piece(&listed.config)?.ok_or_else(|| missing(&listed.config))?;
    let what = format!("the configuration {:?} of {}", listed.config, source.path().display());
    let content = source.content(&blob, &what)?;
    // The name of the file is the only promise of its digest that there is.
    if let Some(expected) = digest_in_name(&listed.config) {
        check_digest(&what, &expected, &content)?;
    }
    let configuration: Configuration =
        source.parse(&content, &format!("the configuration {:?}", listed.config))?;
    let names = listed.layers.as_deref().unwrap_or_default();
    let diff_ids = configuration.rootfs.diff_ids.as_deref().unwrap_or_default();
    if diff_ids.len() != names.len() {
        let reason =
            format!("it has {} layers, but its configuration {} diff_ids", names.len(), diff_ids.len());
        return Err(source.malformed("manifest.json", reason));
    }
    let layers = names.iter().zip(diff_ids).map(|(name, diff_id)| {
        let blob = source.piece(name)?.ok_or_else(|| missing(name))?;
        let digest = name.strip_prefix("blobs/sha256/").and_then(Digest::from_hex);
        Ok(Layer { digest, diff_id: *diff_id, media_type: String::new(), blob })
    });
    let layers = layers.collect::<Result<Vec<_>>>()?;
    Image::new(request, Digest::of(&content), configuration, layers)
}

/// The digest that `HEX.json` or `blobs/sha256/HEX` is called by.
fn digest_in_name(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix("blobs/sha256/").or_else(|| name.strip_suffix(".json"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stand_for_long_ones() {
        assert_eq!(full_name("debian"), "docker.io/library/debian:latest");
        assert_eq!(full_name("debian:12"), "docker.io/library/debian:12");
        assert_eq!(full_name("me/debian:12"), "docker.io/me/debian:12");
        assert_eq!(full_name("localhost:5000/debian"), "localhost:5000/debian:latest");
        assert_eq!(full_name("docker.io/library/debian:12"), "docker.io/library/debian:12");
    }
}
