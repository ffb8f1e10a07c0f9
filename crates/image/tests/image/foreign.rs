//! Images that other programs made, and trees that other programs unpacked.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::*;
use holm_image::{Platform, Reference, Store, UnpackOptions};

/// Runs a shell script; `None` if a program that it needs is not there.
fn run(needs: &[&str], script: &str) -> Option<String> {
    for program in needs {
        let found =
            Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
        if !found.unwrap().success() {
            skip(&format!("there is no {program}"));
            return None;
        }
    }
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What a file is, but for its content's bytes: they are hashed.
type Facts = (u32, u32, u32, i64, i64, u64, String, Vec<(String, Vec<u8>)>);

fn facts(path: &Path) -> Facts {
    let meta = fs::symlink_metadata(path).unwrap();
    let content = match meta.file_type() {
        kind if kind.is_symlink() => fs::read_link(path).unwrap().display().to_string(),
        kind if kind.is_file() => holm_image::Digest::of(&fs::read(path).unwrap()).to_string(),
        _ => String::new(),
    };
    let mut list = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut list[..]).unwrap();
    let names = String::from_utf8(list[..length].to_vec()).unwrap();
    let xattrs = names.split('\0').filter(|name| !name.is_empty()).map(|name| {
        let mut value = vec![0; 4096];
        let length = rustix::fs::lgetxattr(path, name, &mut value[..]).unwrap();
        (name.to_owned(), value[..length].to_vec())
    });
    let mut xattrs: Vec<_> = xattrs.collect();
    xattrs.sort();
    (meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec(), meta.rdev(), content, xattrs)
}

/// Every file of a tree with its facts, and the groups of names that are one file.
fn scan(root: &Path) -> (BTreeMap<PathBuf, Facts>, Vec<Vec<PathBuf>>) {
    let mut files = BTreeMap::new();
    let mut inodes: BTreeMap<u64, Vec<PathBuf>> = BTreeMap::new();
    for path in everything(root).into_iter().chain([root.to_owned()]) {
        let name = path.strip_prefix(root).unwrap().to_owned();
        inodes.entry(fs::symlink_metadata(&path).unwrap().ino()).or_default().push(name.clone());
        files.insert(name, facts(&path));
    }
    let mut links: Vec<Vec<PathBuf>> = inodes.into_values().filter(|names| names.len() > 1).collect();
    links.iter_mut().for_each(|names| names.sort());
    links.sort();
    (files, links)
}

fn assert_same(ours: &Path, theirs: &Path) {
    let ((our_files, our_links), (their_files, their_links)) = (scan(ours), scan(theirs));
    assert_eq!(our_links, their_links);
    let names: Vec<_> = our_files.keys().chain(their_files.keys()).collect();
    for name in names {
        assert_eq!(our_files.get(name), their_files.get(name), "{}", name.display());
    }
}

/// A tree with a file of every kind.
const TREE: &str = r#"
mkdir -p tree/etc tree/tmp tree/usr/bin tree/empty; chmod 1777 tree/tmp; chmod 2750 tree/empty
echo text >tree/etc/file; printf %0200000d 1 >tree/etc/big; : >tree/etc/nothing
ln tree/etc/file tree/usr/bin/hard; ln -s ../etc/file tree/usr/bin/soft; ln -s /nowhere tree/dangling; ln tree/usr/bin/soft tree/usr/softer
cp /bin/true tree/usr/bin/suid; chmod 6755 tree/usr/bin/suid; mkfifo -m 640 tree/fifo
truncate -s 5M tree/sparse; printf data | dd of=tree/sparse bs=1 seek=2000000 conv=notrunc status=none; printf 'start' | dd of=tree/sparse conv=notrunc status=none
long=$(printf %0180d 0); mkdir -p tree/$long/$long; echo deep >tree/$long/$long/$long; ln -s $long/$long/$long tree/longlink
touch -d '1969-12-31 23:59:58.5 UTC' tree/etc/old; touch -d '2040-01-01 00:00:00.123456789 UTC' tree/etc/future
"#;

/// What only root can make.
const ROOTS: &str = r#"
mknod -m 666 tree/null c 1 3; mknod -m 600 tree/block b 7 200
chown 1000:1001 tree/etc/file; chown -h 5:6 tree/dangling; chown 65534:65533 tree/empty; chown 3000000:3000000 tree/etc/big
setcap cap_net_raw+ep tree/usr/bin/suid 2>/dev/null || true
"#;

fn script(place: &Place, rest: &str) -> String {
    let roots = if can_chown() && is_real_root() { ROOTS } else { "" };
    format!("umask 022; cd {}; {TREE}{roots}{rest}", place.directory.path().display())
}

fn unpack(place: &Place, reference: &str) -> Vec<PathBuf> {
    let store = Store::open(&place.path("store")).unwrap();
    let reference = Reference::parse(reference).unwrap();
    let image = store.resolve(&reference, &Platform::host()).unwrap_or_else(|error| panic!("{error}"));
    let options = UnpackOptions { single_id: !is_real_root() };
    store.unpack(&image, &options).unwrap_or_else(|error| panic!("{error}")).layers
}

fn manifest_of_tar(place: &Place) -> Vec<u8> {
    let tar = fs::read(place.path("layer.tar")).unwrap();
    place.image([(GZIP, gzip(&tar), holm_image::Digest::of(&tar))], &serde_json::json!({}))
}

#[test]
fn archives_of_gnu_tar_come_out_as_they_went_in() {
    for format in ["pax", "gnu", "posix --pax-option=delete=atime,delete=ctime"] {
        let mut place = Place::new();
        let rest = format!("setfattr -n user.note -v some tree/etc/file 2>/dev/null || true
            tar --format={format} --numeric-owner --sparse --xattrs --xattrs-include='*' -C tree -cf layer.tar .");
        if run(&["tar", "mkfifo"], &script(&place, &rest)).is_none() {
            return;
        }
        let manifest = manifest_of_tar(&place);
        place.tag(&manifest, "latest");
        let layers = unpack(&place, &format!("oci:{}", place.path("layout").display()));
        if format == "gnu" {
            // Which knows neither fractions of seconds nor attributes.
            let content = |root: &Path| fs::read(root.join("sparse")).unwrap();
            assert!(content(&layers[0]) == content(&place.path("tree")));
        } else {
            assert_same(&layers[0], &place.path("tree"));
        }
        assert!(
            fs::metadata(layers[0].join("sparse")).unwrap().blocks() < 1000,
            "{format}: the holes are gone"
        );
    }
}

#[test]
fn a_tree_is_unpacked_as_umoci_does() {
    let place = Place::new();
    let rootless = if is_real_root() { "" } else { "--rootless" };
    let rest = format!(
        "tar --format=pax --numeric-owner --xattrs --xattrs-include='*' -C tree -cf layer.tar .
        umoci init --layout oci; umoci new --image oci:made; umoci raw add-layer --image oci:made layer.tar
        umoci unpack {rootless} --image oci:made bundle"
    );
    if run(&["tar", "umoci"], &script(&place, &rest)).is_none() {
        return;
    }
    let layers = unpack(&place, &format!("oci:{}:made", place.path("oci").display()));
    if is_real_root() {
        assert_same(&layers[0], &place.path("bundle/rootfs"));
    }
    assert_same(&layers[0], &place.path("tree"));
}

#[test]
fn what_skopeo_copies_is_the_same_image() {
    let mut place = Place::new();
    let rest = "tar --format=pax --numeric-owner --xattrs --xattrs-include='*' -C tree -cf layer.tar .";
    if run(&["tar", "skopeo"], &script(&place, rest)).is_none() {
        return;
    }
    let manifest = manifest_of_tar(&place);
    place.tag(&manifest, "made");
    let copy = format!(
        "cd {}; export HOME=$PWD; for to in docker-archive:d.tar:example.org/a/b:c oci-archive:o.tar:made oci:o:made; do
            skopeo --insecure-policy --tmpdir . copy -q oci:layout:made $to; done
        skopeo --insecure-policy --tmpdir . copy -q --format v2s2 oci:layout:made oci:v2s2:made || true",
        place.directory.path().display()
    );
    if run(&["skopeo"], &copy).is_none() {
        return;
    }
    for name in
        ["docker-archive:d.tar", "docker-archive:d.tar:example.org/a/b:c", "oci-archive:o.tar:made", "oci:o"]
    {
        let (transport, rest) = name.split_once(':').unwrap();
        fs::remove_dir_all(place.path("store")).ok();
        let layers = unpack(&place, &format!("{transport}:{}", place.path(rest).display()));
        assert_same(&layers[0], &place.path("tree"));
    }
}

#[test]
fn a_layer_that_umoci_repacks_has_whiteouts() {
    let place = Place::new();
    let rootless = if is_real_root() { "" } else { "--rootless" };
    let rest = format!(
        "tar --format=pax --numeric-owner --xattrs --xattrs-include='*' -C tree -cf layer.tar .
        umoci init --layout oci; umoci new --image oci:made; umoci raw add-layer --image oci:made layer.tar
        umoci unpack {rootless} --image oci:made bundle
        rm -r bundle/rootfs/etc bundle/rootfs/usr/bin/soft; echo new >bundle/rootfs/tmp/new
        umoci repack --image oci:made bundle"
    );
    if run(&["tar", "umoci"], &script(&place, &rest)).is_none() {
        return;
    }
    let layers = unpack(&place, &format!("oci:{}:made", place.path("oci").display()));
    let upper = &layers[1];
    for gone in ["etc", "usr/bin/soft"] {
        assert_eq!(fs::symlink_metadata(upper.join(gone)).unwrap().rdev(), 0, "{gone}");
    }
    assert!(upper.join("tmp/new").exists());
}
