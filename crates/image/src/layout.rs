//! OCI image layouts: from `index.json` to the one image that is meant.

use crate::document::{CONTAINERD_NAME, Configuration, Descriptor, Index, Manifest, MediaKind, REF_NAME};
use crate::error::{Error, Result, quoted};
use crate::image::{Image, Layer, Request};
use crate::source::{Source, check_size, not_a_layout};
use crate::{Platform, Selector, docker};

/// An index within an index within an index... ends here.
const DEEPEST: usize = 8;

/// Finds the image that is looked for in a layout.
pub(crate) fn resolve(source: &Source, request: &Request) -> Result<Image> {
    if source.piece("oci-layout")?.is_none() {
        return Err(not_a_layout(source.path(), "it has no file oci-layout".into()));
    }
    let index: Index = source
        .undescribed("index.json")?
        .ok_or_else(|| not_a_layout(source.path(), "it has no index.json".into()))?;
    let tagged = index.manifests.unwrap_or_default();
    let candidates = select(source, tagged, &request.reference.selector)?;
    let descriptor = choose(source, candidates, request.platform, 0)?;
    image(source, request, &descriptor)
}

/// The entries of `index.json` that the selector means: several if they differ by platform alone.
fn select(source: &Source, entries: Vec<Descriptor>, selector: &Selector) -> Result<Vec<Descriptor>> {
    let tags: Vec<String> =
        entries.iter().filter_map(tag).map(|tag| tag.escape_debug().to_string()).collect();
    let same_tag =
        |entries: &[Descriptor]| entries.windows(2).all(|pair| matches!(pair, [a, b] if tag(a) == tag(b)));
    let (wanted, found): (_, Vec<_>) = match selector {
        Selector::Digest(digest) => {
            (format!("@{digest}"), entries.into_iter().filter(|entry| entry.digest == *digest).collect())
        }
        Selector::Tag(wanted) => (
            format!("tagged {wanted:?}"),
            entries.into_iter().filter(|entry| is_tagged(entry, wanted)).collect(),
        ),
        Selector::Default if same_tag(&entries) => ("at all".to_owned(), entries),
        Selector::Default => (
            "tagged \"latest\", and none was named".to_owned(),
            entries.into_iter().filter(|entry| is_tagged(entry, "latest")).collect(),
        ),
    };
    if found.is_empty() {
        return Err(Error::UnknownTag { image: source.path().to_owned(), wanted, available: tags });
    }
    Ok(found)
}

fn tag(entry: &Descriptor) -> Option<&str> {
    entry.annotation(REF_NAME).or_else(|| entry.annotation(CONTAINERD_NAME))
}

fn is_tagged(entry: &Descriptor, wanted: &str) -> bool {
    let full = entry.annotation(CONTAINERD_NAME);
    entry.annotation(REF_NAME) == Some(wanted)
        || full.is_some_and(|name| docker::full_name(name) == docker::full_name(wanted))
}

/// The manifest for the platform, through indexes if need be.
fn choose(
    source: &Source,
    mut entries: Vec<Descriptor>,
    platform: &Platform,
    depth: usize,
) -> Result<Descriptor> {
    let (image, wanted) = (source.path().to_owned(), platform.clone());
    let available: Vec<Platform> =
        entries.iter().filter_map(|entry| entry.platform.clone()).map(Into::into).collect();
    // One alone is taken for what it is: its configuration tells more than its descriptor.
    let chosen = if entries.len() == 1 && available.is_empty() {
        entries.pop()
    } else {
        let distance = |entry: &Descriptor| Platform::from(entry.platform.clone()?).distance(platform);
        let best = entries.iter().filter_map(distance).min();
        match entries.iter().position(|entry| best.is_some() && distance(entry) == best) {
            Some(index) => Some(entries.swap_remove(index)),
            None => {
                entries.retain(|entry| entry.platform.is_none());
                entries.pop().filter(|_| entries.is_empty())
            }
        }
    };
    let Some(chosen) = chosen else { return Err(Error::NoPlatform { image, wanted, available }) };
    match MediaKind::of(&chosen.media_type) {
        MediaKind::Manifest => Ok(chosen),
        MediaKind::Index if depth < DEEPEST => choose(source, nested(source, &chosen)?, platform, depth + 1),
        MediaKind::Index => {
            Err(source.malformed("index.json", format!("indexes are nested more than {DEEPEST} deep")))
        }
        _ => Err(Error::Unsupported {
            what: format!("the manifest {} of {}", chosen.digest, source.path().display()),
            kind: quoted(chosen.media_type.as_bytes()),
        }),
    }
}

fn nested(source: &Source, descriptor: &Descriptor) -> Result<Vec<Descriptor>> {
    let index: Index = source.described(descriptor, "index")?;
    let name = format!("the index {}", descriptor.digest);
    if index.layers.is_some() || index.config.is_some() {
        return Err(source.malformed(&name, "it is an index and a manifest at once".into()));
    }
    same_media_type(source, &name, index.media_type.as_deref(), &descriptor.media_type)?;
    Ok(index.manifests.unwrap_or_default())
}

fn same_media_type(source: &Source, name: &str, own: Option<&str>, described: &str) -> Result<()> {
    match own {
        Some(own) if !own.is_empty() && own != described => {
            Err(source.malformed(name, format!("it says to be {own:?}, but was described as {described:?}")))
        }
        _ => Ok(()),
    }
}

/// Reads manifest and configuration.
fn image(source: &Source, request: &Request, descriptor: &Descriptor) -> Result<Image> {
    let manifest: Manifest = source.described(descriptor, "manifest")?;
    let name = format!("the manifest {}", descriptor.digest);
    if manifest.manifests.is_some() {
        return Err(source.malformed(&name, "it is an index and a manifest at once".into()));
    }
    same_media_type(source, &name, manifest.media_type.as_deref(), &descriptor.media_type)?;
    if MediaKind::of(&manifest.config.media_type) != MediaKind::Configuration {
        return Err(Error::Unsupported {
            what: format!("{name} of {}", source.path().display()),
            kind: format!(
                "no container image but has a configuration of type {:?}",
                manifest.config.media_type
            ),
        });
    }
    let configuration: Configuration = source.described(&manifest.config, "configuration")?;
    let blobs = manifest.layers.unwrap_or_default();
    let diff_ids = configuration.rootfs.diff_ids.as_deref().unwrap_or_default();
    if diff_ids.len() != blobs.len() {
        let reason =
            format!("it has {} layers, but its configuration {} diff_ids", blobs.len(), diff_ids.len());
        return Err(source.malformed(&name, reason));
    }
    let layers = blobs.iter().zip(diff_ids).map(|(blob, diff_id)| layer(source, blob, *diff_id));
    let layers = layers.collect::<Result<Vec<_>>>()?;
    Image::new(request, descriptor.digest, configuration, layers)
}

fn layer(source: &Source, descriptor: &Descriptor, diff_id: crate::Digest) -> Result<Layer> {
    let blob = source.blob(&descriptor.digest)?;
    check_size(
        &format!("layer {} of {}", descriptor.digest, source.path().display()),
        descriptor.size,
        blob.size,
    )?;
    Ok(Layer { digest: Some(descriptor.digest), diff_id, media_type: descriptor.media_type.clone(), blob })
}
