//! Archives of Docker and of layouts, made by hand.

use std::fs;

use crate::common::*;
use holm_image::{Digest, Error, Image, Platform, Reference, Store};
use serde_json::json;

struct Archive {
    place: Place,
}

impl Archive {
    fn of(layer: &Layer) -> Self {
        let place = Place::new();
        fs::write(place.path("image.tar"), &layer.0).unwrap();
        Self { place }
    }

    fn resolve(&self, transport: &str, selector: &str) -> Result<Image, Error> {
        let reference = format!("{transport}:{}{selector}", self.place.path("image.tar").display());
        self.place.store().resolve(&Reference::parse(&reference)?, &Platform::host())
    }
}

fn config(layers: &[&Layer], cmd: &str) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(&layer.0).to_string()).collect();
    json!({"os": "linux", "architecture": Platform::host().architecture, "config": {"Cmd": [cmd]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}})
    .to_string()
    .into_bytes()
}

fn member(name: &str, data: &[u8]) -> Made {
    entry(tar::EntryType::Regular, "x").pax("path", name).data(data)
}

#[test]
fn layers_are_found_through_the_links_of_docker_and_podman() {
    let (one, two) = (Layer::of([file("a", "1")]), Layer::of([file("b", "2")]));
    let config = config(&[&one, &two, &one], "sh");
    let name = format!("{}.json", Digest::of(&config).hex());
    let manifest = json!([{"Config": name, "RepoTags": ["debian:12"], "Layers": ["x/layer.tar", "two.tar", "y/layer.tar"]}]);
    let archive = Archive::of(&Layer::of([
        member(&name, &config),
        member("x/layer.tar", &one.0),
        member("two.tar", &gzip(&two.0)),
        symlink("y/layer.tar", "../x/layer.tar"),
        member("manifest.json", manifest.to_string().as_bytes()),
    ]));
    for selector in ["", ":debian:12", ":docker.io/library/debian:12"] {
        let image = archive.resolve("docker-archive", selector).unwrap();
        assert_eq!((image.digest, &image.config.cmd[0][..]), (Digest::of(&config), "sh"));
        let unpacked = archive.place.store().unpack(&image, &options()).unwrap();
        // The layer that is there twice is stacked once, on top.
        assert_eq!(unpacked.layers.len(), 2);
        assert!(unpacked.layers[1].join("a").exists() && unpacked.layers[0].join("b").exists());
    }
    let error = archive.resolve("docker-archive", ":debian:13").unwrap_err();
    assert!(error.to_string().contains("debian:12"), "{error}");
}

#[test]
fn several_images_need_a_name() {
    let layer = Layer::of([file("a", "1")]);
    let (first, second) = (config(&[&layer], "1"), config(&[&layer], "2"));
    let manifest = json!([{"Config": "1.json", "RepoTags": ["a:1"], "Layers": ["l.tar"]},
        {"Config": "2.json", "RepoTags": null, "Layers": ["l.tar"]}]);
    let archive = Archive::of(&Layer::of([
        member("1.json", &first),
        member("2.json", &second),
        member("l.tar", &layer.0),
        member("manifest.json", manifest.to_string().as_bytes()),
    ]));
    assert_eq!(archive.resolve("docker-archive", ":a:1").unwrap().config.cmd, ["1"]);
    assert!(matches!(archive.resolve("docker-archive", "").unwrap_err(), Error::UnknownTag { .. }));
}

#[test]
fn an_archive_of_a_layout_is_read_by_both_transports() {
    let layer = Layer::of([file("a", "1")]);
    let source = Place::with_layers([&layer]);
    let mut members = Vec::new();
    for path in everything(&source.path("layout")).into_iter().filter(|path| path.is_file()) {
        let name = path.strip_prefix(source.path("layout")).unwrap().to_str().unwrap().to_owned();
        members.push(member(&name, &fs::read(&path).unwrap()));
    }
    let archive = Archive::of(&Layer::of(members));
    for transport in ["docker-archive", "oci-archive"] {
        let image = archive.resolve(transport, ":latest").unwrap();
        let unpacked = archive.place.store().unpack(&image, &options()).unwrap();
        assert_eq!(fs::read_to_string(unpacked.layers[0].join("a")).unwrap(), "1");
    }
}

#[test]
fn the_names_of_configurations_and_layers_are_promises() {
    let layer = Layer::of([file("a", "1")]);
    let config = config(&[&layer], "sh");
    let name = format!("blobs/sha256/{}", Digest::of(b"else").hex());
    let manifest = |config: &str, layer: &str| json!([{"Config": config, "Layers": [layer]}]).to_string();
    let archive = Archive::of(&Layer::of([
        member(&name, &config),
        member("l.tar", &layer.0),
        member("manifest.json", manifest(&name, "l.tar").as_bytes()),
    ]));
    assert!(matches!(archive.resolve("docker-archive", "").unwrap_err(), Error::DigestMismatch { .. }));
    let archive = Archive::of(&Layer::of([
        member("c.json", &config),
        member(&name, &layer.0),
        member("manifest.json", manifest("c.json", &name).as_bytes()),
    ]));
    let image = archive.resolve("docker-archive", "").unwrap();
    let error = archive.place.store().unpack(&image, &options()).unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    archive.place.assert_store_is_empty();
}

#[test]
fn archives_that_lead_out_or_in_circles_are_refused() {
    let layer = Layer::of([file("a", "1")]);
    let config = config(&[&layer], "sh");
    let manifest = json!([{"Config": "c.json", "Layers": ["l.tar"]}]).to_string();
    for link in [
        symlink("l.tar", "../../../../etc/passwd"),
        symlink("l.tar", "/etc/passwd"),
        symlink("l.tar", "l.tar"),
    ] {
        let archive = Archive::of(&Layer::of([
            member("c.json", &config),
            link,
            member("manifest.json", manifest.as_bytes()),
        ]));
        let error = archive.resolve("docker-archive", "").unwrap_err();
        assert!(error.to_string().contains("\"l.tar\", which is not there"), "{error}");
    }
}

#[test]
fn what_is_no_archive_of_an_image_is_told() {
    let tell = |layer: &Layer| Archive::of(layer).resolve("docker-archive", "").unwrap_err();
    assert!(tell(&Layer(b"no archive".repeat(100))).to_string().contains("checksum"));
    assert!(tell(&Layer::of([file("x", "x")])).to_string().contains("neither manifest.json nor index.json"));
    assert!(tell(&Layer(gzip(&Layer::of([file("x", "x")]).0))).to_string().contains("gzip -d"));
    let whole = Layer::of([member("manifest.json", &vec![b' '; 5000])]);
    assert!(tell(&Layer(whole.0[..3000].to_vec())).to_string().contains("in the middle of"));
    assert!(Store::open("/proc/nothing/here".as_ref()).unwrap_err().to_string().contains("mkdir"));
}
