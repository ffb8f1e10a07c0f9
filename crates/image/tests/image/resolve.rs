//! From a reference to an image: tags, platforms, digests, and documents that lie.

use std::fs;

use crate::common::*;
use holm_image::{Digest, Error, Platform, Reference};
use serde_json::json;

fn sample() -> (Place, Vec<u8>) {
    let layer = Layer::of([file("a", "x")]);
    let place = Place::new();
    let config = json!({"Entrypoint": ["/bin/tini", "--"], "Cmd": ["sh"], "Env": ["A=b"], "WorkingDir": "/srv",
        "User": "www:extra", "StopSignal": "SIGINT", "Volumes": {"/data": {}}, "ExposedPorts": {"80/tcp": {}},
        "Labels": {"k": "v"}});
    let manifest = place.image([(PLAIN, layer.0.clone(), Digest::of(&layer.0))], &config);
    (place, manifest)
}

#[test]
fn the_configuration_is_read() {
    let (mut place, manifest) = sample();
    place.tag(&manifest, "v1");
    let image = place.resolve(":v1").unwrap();
    assert_eq!(image.digest, Digest::of(&manifest));
    assert_eq!(
        (&image.config.entrypoint[..], &image.config.cmd[..]),
        (&["/bin/tini".to_owned(), "--".into()][..], &["sh".to_owned()][..])
    );
    assert_eq!((&image.config.user[..], &image.config.working_dir[..]), ("www:extra", "/srv"));
    assert_eq!(
        (image.config.stop_signal.as_deref(), &image.config.volumes[0][..]),
        (Some("SIGINT"), "/data")
    );
    assert_eq!((&image.config.exposed_ports[0][..], &image.config.labels["k"][..]), ("80/tcp", "v"));
    // It can be handed to another process.
    let text = serde_json::to_string(&image).unwrap();
    assert_eq!(serde_json::from_str::<holm_image::Image>(&text).unwrap(), image);
}

#[test]
fn tags_choose_and_without_one_the_only_or_latest_is_taken() {
    let (mut place, manifest) = sample();
    let other = place.image([], &json!({"Cmd": ["other"]}));
    place.tag(&manifest, "v1");
    assert_eq!(place.resolve("").unwrap().digest, Digest::of(&manifest));
    place.tag(&other, "v2");
    let error = place.resolve("").unwrap_err();
    assert!(error.to_string().contains("v1, v2") && error.hint().is_some(), "{error}");
    assert!(place.resolve(":v3").unwrap_err().to_string().contains("tagged \"v3\""));
    assert_eq!(place.resolve(":v2").unwrap().config.cmd, ["other"]);
    assert_eq!(place.resolve(&format!("@{}", Digest::of(&other))).unwrap().config.cmd, ["other"]);
    place.tag(&manifest, "latest");
    assert_eq!(place.resolve("").unwrap().digest, Digest::of(&manifest));
}

fn platform_entry(content: &[u8], media_type: &str, os: &str, architecture: &str) -> serde_json::Value {
    let mut entry = descriptor(media_type, content);
    entry["platform"] = json!({"os": os, "architecture": architecture});
    entry
}

#[test]
fn an_index_in_an_index_leads_to_the_platform() {
    let (mut place, manifest) = sample();
    let foreign = place.image([], &json!({"Cmd": ["foreign"]}));
    let host = Platform::host();
    let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        platform_entry(&foreign, MANIFEST, "linux", "alien"),
        platform_entry(&foreign, MANIFEST, "unknown", "unknown"),
        platform_entry(&manifest, MANIFEST, "linux", &host.architecture)]});
    let inner = inner.to_string().into_bytes();
    place.blob(&inner);
    let outer =
        json!({"schemaVersion": 2, "manifests": [descriptor(INDEX, &inner)]}).to_string().into_bytes();
    place.blob(&outer);
    place.manifests = vec![descriptor(INDEX, &outer)];
    place.write_index();
    assert_eq!(place.resolve("").unwrap().digest, Digest::of(&manifest));
    let wanted = Platform { os: "linux".into(), architecture: "martian".into(), variant: None };
    let reference = Reference::parse(&format!("oci:{}", place.path("layout").display())).unwrap();
    let error = place.store().resolve(&reference, &wanted).unwrap_err();
    assert!(
        error.to_string().contains("linux/martian: there is linux/alien, unknown/unknown, linux/"),
        "{error}"
    );
}

#[test]
fn an_image_for_another_platform_is_refused_though_no_index_says_so() {
    let mut place = Place::new();
    let config = json!({"os": "linux", "architecture": "martian", "rootfs": {"diff_ids": []}}).to_string();
    place.blob(config.as_bytes());
    let manifest = json!({"config": descriptor(CONFIG, config.as_bytes()), "layers": []}).to_string();
    place.blob(manifest.as_bytes());
    place.tag(manifest.as_bytes(), "latest");
    assert!(matches!(place.resolve("").unwrap_err(), Error::NoPlatform { .. }));
}

#[test]
fn every_document_is_compared_with_its_digest() {
    let (mut place, manifest) = sample();
    place.tag(&manifest, "latest");
    let document: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let config = document["config"]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    for name in [Digest::of(&manifest).hex(), config] {
        let path = place.path("layout/blobs/sha256").join(name);
        let good = fs::read(&path).unwrap();
        let changed = String::from_utf8(good.clone())
            .unwrap()
            .replacen("linux", "Linux", 1)
            .replacen("schema", "Schema", 1);
        fs::write(&path, changed).unwrap();
        assert!(matches!(place.resolve("").unwrap_err(), Error::DigestMismatch { .. }));
        fs::write(&path, [&good[..], b" "].concat()).unwrap();
        assert!(matches!(place.resolve("").unwrap_err(), Error::SizeMismatch { .. }));
        fs::remove_file(&path).unwrap();
        assert!(place.resolve("").unwrap_err().to_string().contains("it has no blobs/sha256/"));
        fs::write(&path, good).unwrap();
    }
    place.resolve("").unwrap();
}

fn resolve_manifest(manifest: &serde_json::Value) -> Error {
    let mut place = Place::new();
    let manifest = manifest.to_string().into_bytes();
    place.blob(&manifest);
    place.tag(&manifest, "latest");
    place.resolve("").unwrap_err()
}

#[test]
fn documents_that_lie_are_refused() {
    let config = json!({"rootfs": {"diff_ids": []}}).to_string();
    let good = json!({"config": descriptor(CONFIG, config.as_bytes()), "layers": []});
    let with = |key: &str, value: serde_json::Value| {
        let mut changed = good.clone();
        changed[key] = value;
        resolve_manifest(&changed)
    };
    assert!(with("manifests", json!([])).to_string().contains("at once"));
    assert!(with("mediaType", json!(INDEX)).to_string().contains("described as"));
    let digest = json!({"mediaType": CONFIG, "digest": "sha256:../../../../etc/passwd", "size": 1});
    assert!(with("config", digest).to_string().contains("line 1 column"));
    let sha512 = json!({"mediaType": CONFIG, "digest": format!("sha512:{}", "0".repeat(128)), "size": 1});
    assert!(matches!(with("config", sha512), Error::Document { .. }));
    let negative = json!({"mediaType": CONFIG, "digest": Digest::of(b"").to_string(), "size": -1});
    assert!(matches!(with("config", negative), Error::Document { .. }));
    let helm = json!({"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": Digest::of(b"").to_string(), "size": 0});
    assert!(matches!(with("config", helm), Error::Unsupported { .. }));
    let nested = "[".repeat(100_000);
    let mut place = Place::new();
    place.blob(nested.as_bytes());
    place.tag(nested.as_bytes(), "latest");
    assert!(matches!(place.resolve("").unwrap_err(), Error::Document { .. }));
}

#[test]
fn layers_and_diff_ids_must_be_as_many() {
    let mut place = Place::new();
    let layer = Layer::of([file("a", "x")]);
    place.blob(&layer.0);
    let config = json!({"rootfs": {"diff_ids": []}}).to_string();
    place.blob(config.as_bytes());
    let manifest =
        json!({"config": descriptor(CONFIG, config.as_bytes()), "layers": [descriptor(PLAIN, &layer.0)]});
    let manifest = manifest.to_string().into_bytes();
    place.blob(&manifest);
    place.tag(&manifest, "latest");
    assert!(
        place.resolve("").unwrap_err().to_string().contains("1 layers, but its configuration 0 diff_ids")
    );
}

#[test]
fn a_document_that_is_too_large_is_not_read() {
    let mut place = Place::new();
    let huge = vec![b' '; (4 << 20) + 1];
    place.blob(&huge);
    place.tag(&huge, "latest");
    assert!(matches!(place.resolve("").unwrap_err(), Error::Unsupported { .. }));
}

#[test]
fn what_is_no_layout_is_told() {
    let place = Place::new();
    let resolve = |text: String| {
        place.store().resolve(&Reference::parse(&text).unwrap(), &Platform::host()).unwrap_err()
    };
    let error = resolve("oci:/nowhere/at/all".into());
    assert!(error.to_string().contains("ENOENT") && error.hint().is_some(), "{error}");
    let empty = tempfile::tempdir().unwrap();
    assert!(resolve(format!("oci:{}", empty.path().display())).to_string().contains("no file oci-layout"));
    let index = place.path("layout/index.json");
    assert!(resolve(format!("oci:{}", index.display())).to_string().contains("no directory"));
    fs::write(&index, "{\"manifests\":\n[,]}").unwrap();
    assert!(
        resolve(format!("oci:{}", place.path("layout").display())).to_string().contains("line 2 column 2")
    );
    fs::remove_file(&index).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &index, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    assert!(matches!(resolve(format!("oci:{}", place.path("layout").display())), Error::Read { .. }));
    assert!(resolve(format!("docker-archive:{}", empty.path().display())).to_string().contains("EISDIR"));
}
