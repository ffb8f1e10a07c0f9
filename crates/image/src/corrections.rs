//! Directories that a layer needs but does not describe.
//!
//! A layer may have the entry `tmp/x` and none for `tmp`: the mode and owner of `tmp` are then those of the layers below.
//! Overlayfs however shows those of the topmost directory, which unpacking had to invent, for it does not know what
//! the layer will lie on. Where the invention is wrong, one more layer goes on top, with nothing in it but such
//! directories as they should be. It depends on all layers of the image, and is named by their chain id.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Result};
use rustix::fs::{
    FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, fchmod, fchown,
    fsetxattr, futimens, getxattr, listxattr, mkdirat, openat,
};

use crate::Store;
use crate::stack::{Beneath, Seen, look};

/// A directory as it should be.
struct Wanted {
    file: OwnedFd,
    stat: Stat,
}

/// A layer on top of `layers`, the lowest first, each the directory that has `fs` and `implied`; `None` if there is no
/// need. It is made at `place` unless it is there.
pub(crate) fn of(store: &Store, layers: &[PathBuf], place: &Path) -> Result<Option<PathBuf>> {
    let tree = place.join("fs");
    if tree.exists() {
        return Ok(Some(tree));
    }
    let layers: Vec<Layer> = layers.iter().rev().map(|path| Layer::open(path)).collect::<Result<_>>()?;
    let Some((_, above)) = layers.split_last() else { return Ok(None) };
    let mut wanted = BTreeMap::new();
    for name in above.iter().flat_map(|layer| &layer.implied) {
        let (shown, meant) = compare(&layers, name)?;
        if let (Some(shown), Some(meant)) = (shown, meant)
            && differ(&shown, &meant)
        {
            wanted.insert(name.clone(), meant);
        }
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    add_ancestors(&layers, &mut wanted)?;
    let temporary = store.temporary()?;
    make(&temporary.subdirectory("fs")?, &wanted)?;
    temporary.rename(place)?;
    Ok(Some(tree))
}

struct Layer {
    root: PathBuf,
    implied: Vec<Vec<u8>>,
}

impl Layer {
    fn open(path: &Path) -> Result<Self> {
        let list = path.join("implied");
        let content = match std::fs::read(&list) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            content => content.call(|| format!("read({list:?})"))?,
        };
        let mut implied: Vec<Vec<u8>> = content.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        // What is behind the last NUL is no name; the empty name is that of the root.
        implied.pop();
        Ok(Self { root: path.join("fs"), implied })
    }
}

/// The directory that overlayfs shows at `name`, and the topmost one that a layer describes. The layers are the topmost first.
fn compare(layers: &[Layer], name: &[u8]) -> Result<(Option<Wanted>, Option<Wanted>)> {
    let mut shown = None;
    for layer in layers {
        let (file, stat, opaque) = match look(&layer.root, name, Beneath::Layers)? {
            Seen::Below => continue,
            Seen::Here { file, stat, opaque } if is_directory(&stat) => (file, stat, opaque),
            Seen::Here { .. } | Seen::Hidden => break,
        };
        let found = Wanted { file, stat };
        if !layer.implied.iter().any(|implied| implied == name) {
            return Ok(match shown {
                None => (Some(found), None),
                shown => (shown, Some(found)),
            });
        }
        shown.get_or_insert(found);
        if opaque {
            break;
        }
    }
    Ok((shown, None))
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn differ(shown: &Wanted, meant: &Wanted) -> bool {
    let key = |stat: &Stat| (stat.st_mode, stat.st_uid, stat.st_gid);
    key(&shown.stat) != key(&meant.stat) || xattrs(&meant.file).is_ok_and(|xattrs| !xattrs.is_empty())
}

/// What lies above the directories must be there too, as it is seen now.
fn add_ancestors(layers: &[Layer], wanted: &mut BTreeMap<Vec<u8>, Wanted>) -> Result<()> {
    let names: Vec<Vec<u8>> = wanted.keys().cloned().collect();
    for mut name in names {
        while !name.is_empty() {
            name.truncate(name.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
            if wanted.contains_key(&name) {
                continue;
            }
            let (shown, meant) = compare(layers, &name)?;
            if let Some(found) = meant.or(shown) {
                wanted.insert(name.clone(), found);
            }
        }
    }
    Ok(())
}

fn make(root: &OwnedFd, wanted: &BTreeMap<Vec<u8>, Wanted>) -> Result<()> {
    let failed = |call: &str, name: &[u8]| format!("{call}({:?})", String::from_utf8_lossy(name));
    for name in wanted.keys().filter(|name| !name.is_empty()) {
        mkdirat(root, &name[..], Mode::RWXU).call(|| failed("mkdirat", name))?;
    }
    // The deepest first: a mode may forbid to go on.
    for (name, Wanted { file, stat }) in wanted.iter().rev() {
        let path = if name.is_empty() { &b"."[..] } else { name };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(root, path, flags, Mode::empty()).call(|| failed("openat", name))?;
        let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
        fchown(&made, Some(uid), Some(gid)).call(|| failed("fchown", name))?;
        for (key, value) in xattrs(file)? {
            fsetxattr(&made, &key[..], &value, XattrFlags::empty()).call(|| failed("fsetxattr", name))?;
        }
        fchmod(&made, Mode::from_raw_mode(stat.st_mode)).call(|| failed("fchmod", name))?;
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let last_modification = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec.cast_signed() };
        futimens(&made, &Timestamps { last_access, last_modification }).call(|| failed("futimens", name))?;
    }
    Ok(())
}

/// The extended attributes of a directory, but for those of overlayfs and of the machine's policy.
fn xattrs(directory: &OwnedFd) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    // The descriptor was opened with O_PATH, which flistxattr does not take.
    let path = format!("/proc/self/fd/{}", directory.as_fd().as_raw_fd());
    let mut list = vec![0; 64 << 10];
    let length = match listxattr(&path, &mut list[..]) {
        Err(holm_sys::Errno::OPNOTSUPP) => 0,
        length => length.call(|| format!("listxattr({path:?})"))?,
    };
    let names = list.get(..length).unwrap_or_default().split(|byte| *byte == 0);
    let kept = names.filter(|name| {
        let foreign = [&b"user.overlay."[..], b"trusted.overlay.", b"security.selinux"];
        !name.is_empty() && !foreign.iter().any(|prefix| name.starts_with(prefix))
    });
    kept.map(|name| {
        let mut value = vec![0; 64 << 10];
        let length = getxattr(&path, name, &mut value[..]).call(|| format!("getxattr({path:?})"))?;
        value.truncate(length);
        Ok((name.to_vec(), value))
    })
    .collect()
}
