//! Archives of images: the documents in one of `docker save` or of an OCI layout, in parts; and an archive
//! that is nothing but bytes.
#![no_main]

use std::io::Write;

use holm_image::{Platform, Reference, resolve};
use libfuzzer_sys::fuzz_target;
use tempfile::NamedTempFile;

const MEMBERS: [&str; 5] = ["manifest.json", "index.json", "oci-layout", "config.json", "layer.tar"];

fuzz_target!(|bytes: &[u8]| {
    resolve_all(bytes);
    let mut archive = tar::Builder::new(Vec::new());
    for (name, document) in MEMBERS.iter().zip(holm_fuzz::parts::<5>(bytes)) {
        let mut header = tar::Header::new_ustar();
        header.set_size(document.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, document).unwrap();
    }
    resolve_all(&archive.into_inner().unwrap());
});

fn resolve_all(archive: &[u8]) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    for transport in ["docker-archive", "oci-archive"] {
        let reference = Reference::parse(&format!("{transport}:{}", file.path().display())).unwrap();
        if let Err(error) = resolve(&reference, &Platform::host()) {
            let _ = (error.to_string(), error.hint());
        }
    }
}
