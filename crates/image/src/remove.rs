//! Removing a tree, whatever is in it.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use holm_sys::{Context, Errno, Result};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, statat, unlinkat};

/// Removes the file or tree `name` in `directory`; it is fine if there is none. Symbolic links are removed, never
/// followed. The depth is bounded by the depth of names in a layer, and with it the recursion.
pub(crate) fn tree(directory: BorrowedFd, name: &[u8]) -> Result<()> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    match unlinkat(directory, name, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        // POSIX has EPERM for directories.
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return other.call(|| format!("unlinkat(\"{}\")", shown())),
    }
    let inside = open(directory, name).call(|| format!("openat(\"{}\", O_DIRECTORY)", shown()))?;
    contents(&inside)?;
    unlinkat(directory, name, AtFlags::REMOVEDIR).call(|| format!("unlinkat(\"{}\", AT_REMOVEDIR)", shown()))
}

/// Removes the tree at `path`.
pub(crate) fn tree_at(path: &Path) -> Result<()> {
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    tree(CWD, bytes)
}

/// Opens a directory; one that its owner may not read is made readable, for a layer may have such.
fn open(directory: BorrowedFd, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(directory, name, flags, Mode::empty());
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if !is_directory || (opened.is_ok() && stat.st_mode & 0o700 == 0o700) {
        return opened;
    }
    // Needed by nobody who has CAP_DAC_OVERRIDE, and possible for everybody else who made it.
    match chmodat(directory, name, Mode::RWXU, AtFlags::empty()) {
        Ok(()) => openat(directory, name, flags, Mode::empty()),
        Err(_) => opened,
    }
}

fn contents(directory: &OwnedFd) -> Result<()> {
    for entry in Dir::read_from(directory).call(|| "getdents64()")? {
        let entry = entry.call(|| "getdents64()")?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            tree(std::os::fd::AsFd::as_fd(directory), name)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_tree_goes_and_what_its_links_point_at_stays() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().join("tree");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::write(tree.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), tree.join("a/link")).unwrap();
        fs::set_permissions(tree.join("a/b"), fs::Permissions::from_mode(0o0)).unwrap();
        tree_at(&tree).unwrap();
        assert!(!tree.exists() && outside.path().join("kept").exists());
        tree_at(&tree).unwrap();
    }
}
