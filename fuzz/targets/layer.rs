//! A layer of entries that were thrown together, out of names that are good for trouble, is unpacked or refused: nothing
//! outside of its directory is touched. To be run as an ordinary user.
#![no_main]

use std::io::Write;
use std::path::Path;

use holm_image::{Platform, Reference, Store, UnpackOptions};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use tar::EntryType;

const PARTS: [&str; 14] = [
    "a",
    "b",
    "c",
    "..",
    ".",
    "",
    "outside",
    ".wh.a",
    ".wh..wh..opq",
    ".wh..",
    ".wh.",
    "etc",
    "\u{fc}",
    "a\n",
];
const KINDS: [EntryType; 10] = [
    EntryType::Regular,
    EntryType::Directory,
    EntryType::Symlink,
    EntryType::Link,
    EntryType::Char,
    EntryType::Block,
    EntryType::Fifo,
    EntryType::GNULongName,
    EntryType::XHeader,
    EntryType::GNUSparse,
];

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Unstructured::new(bytes);
    let mut layer = tar::Builder::new(Vec::new());
    while !bytes.is_empty() && entry(&mut bytes, &mut layer).is_ok() {}
    unpack(&layer.into_inner().unwrap());
});

fn entry(bytes: &mut Unstructured<'_>, layer: &mut tar::Builder<Vec<u8>>) -> Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(*bytes.choose(&KINDS)?);
    let (name, link) = (name(bytes)?, name(bytes)?);
    let fields = header.as_old_mut();
    for (field, text) in [(&mut fields.name, &name), (&mut fields.linkname, &link)] {
        field.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    }
    header.set_mode(u32::from(u16::arbitrary(bytes)?) & 0o7777);
    header.set_mtime(u64::arbitrary(bytes)? >> 20);
    header.set_device_major(1).unwrap();
    header.set_device_minor(3).unwrap();
    let data = match bytes.int_in_range(0..=3)? {
        0 => format!("{} path={link}\n", link.len() + 9),
        1 => link,
        _ => String::new(),
    };
    header.set_size(data.len() as u64);
    header.set_cksum();
    layer.append(&header, data.as_bytes()).unwrap();
    Ok(())
}

fn name(bytes: &mut Unstructured<'_>) -> Result<String> {
    let parts = (0..bytes.int_in_range(1..=4)?).map(|_| bytes.choose(&PARTS).copied());
    Ok(parts.collect::<Result<Vec<_>>>()?.join("/"))
}

fn unpack(layer: &[u8]) {
    let ground = tempfile::tempdir().unwrap();
    std::fs::write(ground.path().join("outside"), "untouched").unwrap();
    let archive = ground.path().join("image.tar");
    write_image(&archive, layer);
    let store = Store::open(&ground.path().join("store")).unwrap();
    let reference = Reference::parse(&format!("docker-archive:{}", archive.display())).unwrap();
    let image = store.resolve(&reference, &Platform::host()).unwrap();
    let unpacked = store.unpack(&image, &UnpackOptions { single_id: true });
    assert_eq!(std::fs::read_to_string(ground.path().join("outside")).unwrap(), "untouched");
    let mut names: Vec<_> =
        ground.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["image.tar", "outside", "store"]);
    if unpacked.is_err() {
        let left = ground.path().join("store/tmp").read_dir().unwrap().count();
        assert_eq!(left, 0, "a layer that is refused leaves nothing");
    }
    // What is unpacked may be closed to its owner.
    open(ground.path());
}

fn open(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700));
    for entry in directory.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open(&entry.path());
        }
    }
}

fn write_image(archive: &Path, layer: &[u8]) {
    let hex: String = Sha256::digest(layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let config = format!(
        r#"{{"os":"linux","architecture":"{architecture}","rootfs":{{"type":"layers","diff_ids":["sha256:{hex}"]}}}}"#
    );
    let manifest = r#"[{"Config":"config.json","Layers":["layer.tar"]}]"#;
    let mut builder = tar::Builder::new(std::fs::File::create(archive).unwrap());
    let members =
        [("manifest.json", manifest.as_bytes()), ("config.json", config.as_bytes()), ("layer.tar", layer)];
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content).unwrap();
    }
    builder.into_inner().unwrap().flush().unwrap();
}
