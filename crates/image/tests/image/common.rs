//! Images made by hand: tar archives with any entry one can think of, and layouts around them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use holm_image::{Digest, Error, Image, Platform, Reference, Store, UnpackOptions, Unpacked};
use tar::{EntryType, Header};

pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
pub const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Says why a test does not run; where all should, that is a failure.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("HOLM_TEST_NO_SKIP").is_none(), "skipped: {reason}");
    eprintln!("skipped: {reason}");
}

/// Whether files may be given to any id below 65536.
pub fn can_chown() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap();
    let fields: Vec<u64> = map.split_whitespace().map(|field| field.parse().unwrap()).collect();
    is_root() && fields[2] >= 65536
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Whether this process has privileges over the machine.
pub fn is_real_root() -> bool {
    is_root()
        && fs::read_to_string("/proc/self/uid_map").unwrap().split_whitespace().nth(2) == Some("4294967295")
}

pub fn options() -> UnpackOptions {
    UnpackOptions { single_id: !can_chown() }
}

/// An entry under construction.
pub struct Made {
    pub header: Header,
    pub data: Vec<u8>,
    pax: Vec<u8>,
}

/// The bytes of a layer.
#[derive(Default)]
pub struct Layer(pub Vec<u8>);

pub fn entry(kind: EntryType, name: &str) -> Made {
    let mut header = Header::new_ustar();
    assert!(name.len() <= 100, "a longer name needs an extended header");
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000);
    header.set_size(0);
    Made { header, data: Vec::new(), pax: Vec::new() }
}

pub fn file(name: &str, data: &str) -> Made {
    entry(EntryType::Regular, name).data(data.as_bytes())
}

pub fn directory(name: &str) -> Made {
    entry(EntryType::Directory, name)
}

pub fn link(kind: EntryType, name: &str, target: &str) -> Made {
    let mut made = entry(kind, name);
    made.header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    made
}

pub fn symlink(name: &str, target: &str) -> Made {
    link(EntryType::Symlink, name, target)
}

pub fn hard_link(name: &str, target: &str) -> Made {
    link(EntryType::Link, name, target)
}

impl Made {
    pub fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        self.header.set_size(data.len() as u64);
        self
    }

    pub fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.header.set_uid(uid);
        self.header.set_gid(gid);
        self
    }

    pub fn pax(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.pax.extend(pax_record(key, value.as_ref()));
        self
    }

    pub fn device(mut self, major: u32, minor: u32) -> Self {
        self.header.set_device_major(major).unwrap();
        self.header.set_device_minor(minor).unwrap();
        self
    }
}

pub fn pax_record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

impl Layer {
    pub fn of(entries: impl IntoIterator<Item = Made>) -> Self {
        entries.into_iter().fold(Self::default(), Self::with).end()
    }

    pub fn with(mut self, mut made: Made) -> Self {
        if !made.pax.is_empty() {
            let records = std::mem::take(&mut made.pax);
            self = self.with(entry(EntryType::XHeader, "PaxHeaders/x").data(&records));
        }
        made.header.set_cksum();
        self.0.extend_from_slice(made.header.as_bytes());
        self.0.extend_from_slice(&made.data);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }

    pub fn end(mut self) -> Self {
        self.0.extend_from_slice(&[0; 1024]);
        self
    }
}

pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(content: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(content, ruzstd::encoding::CompressionLevel::Fastest)
}

/// A place with a layout and a store.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub manifests: Vec<serde_json::Value>,
}

pub fn descriptor(media_type: &str, content: &[u8]) -> serde_json::Value {
    serde_json::json!({"mediaType": media_type, "digest": Digest::of(content).to_string(), "size": content.len()})
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("layout/blobs/sha256")).unwrap();
        fs::write(directory.path().join("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let place = Self { directory, manifests: Vec::new() };
        place.write_index();
        place
    }

    /// A layout with one image of these layers.
    pub fn with_layers<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Self {
        let mut place = Self::new();
        let packed = layers.into_iter().map(|layer| (PLAIN, layer.0.clone(), Digest::of(&layer.0)));
        let manifest = place.image(packed, &serde_json::json!({}));
        place.tag(&manifest, "latest");
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn blob_path(&self, content: &[u8]) -> PathBuf {
        self.path("layout/blobs/sha256").join(Digest::of(content).hex())
    }

    pub fn blob(&self, content: &[u8]) -> PathBuf {
        let path = self.blob_path(content);
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes blobs, configuration and manifest; the answer is the manifest.
    pub fn image(
        &self,
        layers: impl IntoIterator<Item = (&'static str, Vec<u8>, Digest)>,
        config: &serde_json::Value,
    ) -> Vec<u8> {
        let host = Platform::host();
        let mut descriptors = Vec::new();
        let mut diff_ids = Vec::new();
        for (media_type, blob, diff_id) in layers {
            self.blob(&blob);
            descriptors.push(descriptor(media_type, &blob));
            diff_ids.push(diff_id.to_string());
        }
        let config = serde_json::json!({"os": "linux", "architecture": host.architecture, "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids}});
        let config = config.to_string().into_bytes();
        self.blob(&config);
        let manifest = serde_json::json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config), "layers": descriptors});
        let manifest = manifest.to_string().into_bytes();
        self.blob(&manifest);
        manifest
    }

    pub fn tag(&mut self, manifest: &[u8], tag: &str) {
        let mut descriptor = descriptor(MANIFEST, manifest);
        descriptor["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": tag});
        self.manifests.push(descriptor);
        self.write_index();
    }

    pub fn write_index(&self) {
        let index = serde_json::json!({"schemaVersion": 2, "manifests": self.manifests});
        fs::write(self.path("layout/index.json"), index.to_string()).unwrap();
    }

    pub fn store(&self) -> Store {
        Store::open(&self.path("store")).unwrap()
    }

    pub fn resolve(&self, selector: &str) -> Result<Image, Error> {
        let text = format!("oci:{}{selector}", self.path("layout").display());
        self.store().resolve(&Reference::parse(&text)?, &Platform::host())
    }

    pub fn unpack(&self) -> Result<Unpacked, Error> {
        self.store().unpack(&self.resolve("")?, &options())
    }

    /// That the store holds nothing but its frame.
    pub fn assert_store_is_empty(&self) {
        let kept = ["layers", "layers/sha256", "corrections", "corrections/sha256"];
        let frame: Vec<String> = ["", "single-id/"]
            .iter()
            .flat_map(|prefix| kept.iter().map(move |name| format!("{prefix}{name}")))
            .chain(["lock", "locks", "tmp", "single-id"].map(str::to_owned))
            .collect();
        let store = self.path("store");
        for path in everything(&store) {
            let name = path.strip_prefix(&store).unwrap().to_str().unwrap();
            assert!(frame.iter().any(|known| known == name), "{name} was left in the store");
        }
    }
}

/// All paths below a directory.
pub fn everything(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(everything(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

/// Unpacks one layer and hands out its tree.
pub fn unpack_one(layer: &Layer) -> (Place, PathBuf, Vec<String>) {
    let place = Place::with_layers([layer]);
    let unpacked = place.unpack().unwrap_or_else(|error| panic!("{error}"));
    let tree = unpacked.layers.last().unwrap().clone();
    (place, tree, unpacked.notes)
}

/// Unpacks a layer that has to fail.
pub fn refuse_one(layer: &Layer) -> Error {
    let place = Place::with_layers([layer]);
    let error = place.unpack().expect_err("this layer should be refused");
    place.assert_store_is_empty();
    error
}
