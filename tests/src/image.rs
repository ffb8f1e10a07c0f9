//! Images made by hand: layers of any entries one can think of, and a layout or an archive around them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// One entry of a layer.
pub struct Entry {
    header: Header,
    data: Vec<u8>,
    extended: Vec<u8>,
}

/// What an image is made of, before it is written in one form or another.
pub struct Image {
    /// `config` of the image's configuration: Entrypoint, Cmd, Env and so on.
    pub config: Value,
    /// As in GOARCH.
    pub architecture: String,
    layers: Vec<Vec<u8>>,
}

/// An OCI layout in a directory.
pub struct Layout {
    /// The directory.
    pub path: PathBuf,
    manifests: Vec<Value>,
}

impl Entry {
    /// An entry of some type; names of up to 100 bytes are written as they are, longer ones in an extended header.
    pub fn new(kind: EntryType, name: &str, mode: u32) -> Self {
        let mut header = Header::new_ustar();
        let mut extended = Vec::new();
        if name.len() > 100 {
            extended = record("path", name.as_bytes());
        }
        let length = name.len().min(100);
        header.as_old_mut().name[..length].copy_from_slice(&name.as_bytes()[..length]);
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000);
        header.set_size(0);
        Self { header, data: Vec::new(), extended }
    }

    /// A file.
    pub fn file(name: &str, data: impl AsRef<[u8]>) -> Self {
        let mut entry = Self::new(EntryType::Regular, name, 0o644);
        entry.data = data.as_ref().to_vec();
        entry.header.set_size(entry.data.len() as u64);
        entry
    }

    /// A directory.
    pub fn directory(name: &str) -> Self {
        Self::new(EntryType::Directory, name, 0o755)
    }

    /// A symbolic or hard link.
    pub fn link(kind: EntryType, name: &str, target: &str) -> Self {
        let mut entry = Self::new(kind, name, 0o777);
        entry.header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        entry
    }

    /// The node of a device.
    pub fn device(kind: EntryType, name: &str, major: u32, minor: u32) -> Self {
        let mut entry = Self::new(kind, name, 0o666);
        entry.header.set_device_major(major).expect("it has the form of ustar");
        entry.header.set_device_minor(minor).expect("it has the form of ustar");
        entry
    }

    /// Gives it another mode.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.header.set_mode(mode);
        self
    }

    /// Gives it an owner.
    #[must_use]
    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        self.header.set_uid(uid);
        self.header.set_gid(gid);
        self
    }

    /// Adds a record to its extended header: `SCHILY.xattr.user.x` and the like.
    #[must_use]
    pub fn extended(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.extended.extend(record(key, value.as_ref()));
        self
    }

    fn write(mut self, tar: &mut Vec<u8>) {
        if !self.extended.is_empty() {
            let records = std::mem::take(&mut self.extended);
            let mut header = Self::file("PaxHeaders/x", records);
            header.header.set_entry_type(EntryType::XHeader);
            header.write(tar);
        }
        self.header.set_cksum();
        tar.extend_from_slice(self.header.as_bytes());
        tar.extend_from_slice(&self.data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

/// The bytes of a layer or of an archive.
fn tar_of(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let mut tar = Vec::new();
    entries.into_iter().for_each(|entry| entry.write(&mut tar));
    tar.extend_from_slice(&[0; 1024]);
    tar
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// Compresses as gzip(1) does.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Image {
    /// An image of the files of `rootfs`, for this machine.
    pub fn of(rootfs: &Path) -> Self {
        let mut entries = Vec::new();
        gather(rootfs, Path::new(""), &mut entries);
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self { config: json!({}), architecture: architecture.to_owned(), layers: vec![tar_of(entries)] }
    }

    /// Adds a layer.
    #[must_use]
    pub fn layer(mut self, entries: impl IntoIterator<Item = Entry>) -> Self {
        self.layers.push(tar_of(entries));
        self
    }

    /// Adds a layer of bytes that are an archive already, or should be one.
    #[must_use]
    pub fn raw_layer(mut self, bytes: Vec<u8>) -> Self {
        self.layers.push(bytes);
        self
    }

    /// Sets the configuration.
    #[must_use]
    pub fn config(mut self, config: Value) -> Self {
        self.config = config;
        self
    }

    /// Makes it one for another machine.
    #[must_use]
    pub fn architecture(mut self, architecture: &str) -> Self {
        architecture.clone_into(&mut self.architecture);
        self
    }

    fn configuration(&self) -> Vec<u8> {
        let digests: Vec<String> = self.layers.iter().map(|layer| digest(layer)).collect();
        let configuration = json!({"os": "linux", "architecture": self.architecture, "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": digests}});
        configuration.to_string().into_bytes()
    }

    /// As `docker save` writes it, with a name.
    pub fn docker_archive(&self, path: &Path, name: &str) {
        let configuration = self.configuration();
        let names: Vec<String> = (0..self.layers.len()).map(|number| format!("{number}/layer.tar")).collect();
        let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": names}]);
        let layers = names.iter().zip(&self.layers).map(|(name, layer)| Entry::file(name, layer));
        let rest = [("config.json", configuration), ("manifest.json", manifest.to_string().into_bytes())];
        let rest = rest.into_iter().map(|(name, bytes)| Entry::file(name, bytes));
        fs::write(path, tar_of(layers.chain(rest))).expect("an archive");
    }
}

/// The files below `directory`, as entries: regular ones, directories and symbolic links.
fn gather(root: &Path, below: &Path, entries: &mut Vec<Entry>) {
    use std::os::unix::fs::PermissionsExt;
    let mut children: Vec<_> = fs::read_dir(root.join(below)).unwrap().flatten().collect();
    children.sort_by_key(fs::DirEntry::file_name);
    for child in children {
        let path = below.join(child.file_name());
        let (name, kind) = (path.to_str().unwrap(), child.file_type().unwrap());
        if kind.is_symlink() {
            let target = fs::read_link(child.path()).unwrap();
            entries.push(Entry::link(EntryType::Symlink, name, target.to_str().unwrap()));
            continue;
        }
        let mode = child.metadata().unwrap().permissions().mode() & 0o7777;
        if kind.is_dir() {
            entries.push(Entry::directory(name).mode(mode));
            gather(root, &path, entries);
        } else {
            entries.push(Entry::file(name, fs::read(child.path()).unwrap()).mode(mode));
        }
    }
}

impl Layout {
    /// An empty one.
    pub fn new(path: PathBuf) -> Self {
        fs::create_dir_all(path.join("blobs/sha256")).expect("a directory");
        fs::write(path.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("a file");
        Self { path, manifests: Vec::new() }
    }

    /// A layout with `image` in it as `latest`.
    pub fn with(path: PathBuf, image: &Image) -> Self {
        let mut layout = Self::new(path);
        layout.add(image, "latest", <[u8]>::to_vec, "");
        layout
    }

    /// Adds an image under a tag, with its layers packed by `pack`, which `suffix` of their media type tells of.
    pub fn add(&mut self, image: &Image, tag: &str, pack: fn(&[u8]) -> Vec<u8>, suffix: &str) {
        let packed: Vec<Vec<u8>> = image.layers.iter().map(|layer| pack(layer)).collect();
        let configuration = image.configuration();
        packed.iter().for_each(|layer| drop(self.blob(layer)));
        self.blob(&configuration);
        let media_type = format!("{LAYER}{suffix}");
        let layers: Vec<Value> = packed.iter().map(|layer| descriptor(&media_type, layer)).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &configuration), "layers": layers});
        let manifest = manifest.to_string().into_bytes();
        self.blob(&manifest);
        let mut told = descriptor(MANIFEST, &manifest);
        told["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        told["platform"] = json!({"os": "linux", "architecture": image.architecture});
        self.manifests.push(told);
        self.write_index();
    }

    /// Puts all that there is into an index of its own, which is tagged `latest` alone.
    pub fn nest(&mut self) {
        let inner = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        let inner = inner.to_string().into_bytes();
        self.blob(&inner);
        let mut told = descriptor(INDEX, &inner);
        told["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
        self.manifests = vec![told];
        self.write_index();
    }

    fn write_index(&self) {
        let index = json!({"schemaVersion": 2, "manifests": self.manifests});
        fs::write(self.path.join("index.json"), index.to_string()).expect("a file");
    }

    fn blob(&self, bytes: &[u8]) -> PathBuf {
        let path = self.path.join("blobs").join(digest(bytes).replace(':', "/"));
        fs::write(&path, bytes).expect("a blob");
        path
    }

    /// The file of a layer of an image, the lowest being 0.
    pub fn layer_blob(&self, image: &Image, number: usize) -> PathBuf {
        self.path.join("blobs").join(digest(&image.layers[number]).replace(':', "/"))
    }

    /// The whole layout as one archive.
    pub fn archive(&self, path: &Path) {
        let mut entries = Vec::new();
        gather(&self.path, Path::new(""), &mut entries);
        fs::write(path, tar_of(entries)).expect("an archive");
    }

    /// How it is named on a command line.
    pub fn reference(&self) -> String {
        format!("oci:{}", self.path.display())
    }
}
