//! The files of users and groups, read out of unpacked layers before they are mounted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno};
use rustix::fs::{FileType, Mode, OFlags, Stat, open, readlinkat};

use crate::error::{Error, Result};
use crate::stack::{Beneath, Seen, look};
use crate::{User, lookup};

/// The most that is read of a file, in bytes.
const LARGEST: u64 = 4 << 20;
/// Longer chains of symbolic links are circles; the kernel has the same bound.
const MOST_LINKS: usize = 40;

/// Finds whom a container with these layers, the lowest first, runs as: `user` is `USER[:GROUP]`, empty for root.
///
/// # Errors
///
/// [`Error::User`] if `user` is malformed or not listed, and those of [`read_from_layers`].
pub fn user_of_layers(layers: &[PathBuf], user: &str) -> Result<User> {
    let passwd = read_from_layers(layers, "etc/passwd")?.unwrap_or_default();
    let group = read_from_layers(layers, "etc/group")?.unwrap_or_default();
    Ok(lookup(&passwd, &group, user)?)
}

/// Reads the regular file `name` as a container with these layers, the lowest first, would see it; `None` if there is none.
///
/// Whiteouts, opaque directories and symbolic links mean what they mean in the container: no link leads out of the
/// layers. At most 4 MiB are read.
///
/// # Errors
///
/// [`Error::File`] if a layer cannot be read, or the file is larger or no regular file.
pub fn read_from_layers(layers: &[PathBuf], name: &str) -> Result<Option<Vec<u8>>> {
    let failed = |source| Error::File { name: name.to_owned(), source };
    match resolve(layers, name.as_bytes()).map_err(failed)? {
        Some((file, stat)) => read(&file, &stat, name).map(Some).map_err(failed),
        None => Ok(None),
    }
}

/// Follows a name through directories and links.
fn resolve(layers: &[PathBuf], name: &[u8]) -> holm_sys::Result<Option<(OwnedFd, Stat)>> {
    let mut left: VecDeque<Vec<u8>> = components(name).collect();
    let mut reached: Vec<Vec<u8>> = Vec::new();
    let mut links = 0;
    while let Some(component) = left.pop_front() {
        if component == b".." {
            reached.pop();
            continue;
        }
        reached.push(component);
        let Some((file, stat)) = topmost(layers, &reached.join(&b'/'))? else { return Ok(None) };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            if left.is_empty() {
                return Ok(Some((file, stat)));
            }
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(holm_sys::Error::new(
                format!("open({:?})", String::from_utf8_lossy(name)),
                Errno::LOOP,
            ));
        }
        let target = readlinkat(&file, "", Vec::new()).call(|| "readlinkat()")?.into_bytes();
        reached.pop();
        if target.starts_with(b"/") {
            reached.clear();
        }
        components(&target).rev().for_each(|component| left.push_front(component));
    }
    Ok(None)
}

fn components(name: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> {
    name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).map(<[u8]>::to_vec)
}

/// What is seen at a name that leads through no link.
fn topmost(layers: &[PathBuf], name: &[u8]) -> holm_sys::Result<Option<(OwnedFd, Stat)>> {
    for (height, layer) in layers.iter().enumerate().rev() {
        let beneath = if height == 0 { Beneath::Nothing } else { Beneath::Layers };
        match look(layer, name, beneath)? {
            Seen::Here { file, stat, .. } => return Ok(Some((file, stat))),
            Seen::Hidden => return Ok(None),
            Seen::Below => {}
        }
    }
    Ok(None)
}

fn read(file: &OwnedFd, stat: &Stat, name: &str) -> holm_sys::Result<Vec<u8>> {
    let wrong = |errno| holm_sys::Error::new(format!("read({name:?})"), errno);
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(wrong(Errno::INVAL));
    }
    // It was opened with O_PATH, so that no device or FIFO was touched.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = open(Path::new(&path), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let opened = File::from(opened.call(|| format!("open({name:?})"))?);
    let mut content = Vec::new();
    opened.take(LARGEST + 1).read_to_end(&mut content).call(|| format!("read({name:?})"))?;
    if content.len() as u64 > LARGEST {
        return Err(wrong(Errno::FBIG));
    }
    Ok(content)
}
