//! Nodes of devices, FIFOs and links inside a root.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{self, AtFlags, Dev, FileType, Gid, Mode, OFlags, Uid};

use crate::Root;

/// A node to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Character device, block device, or FIFO.
    pub kind: FileType,
    /// The device's number; zero for a FIFO.
    pub number: Dev,
    /// Its permissions.
    pub mode: Mode,
    /// Its owner and group.
    pub owner: (u32, u32),
}

/// What is at a path after [`Root::make_node`], opened with `O_PATH`.
#[derive(Debug)]
pub enum Found {
    /// The node, made now or there already.
    Node(OwnedFd),
    /// Something else, which was there.
    Other(OwnedFd),
}

impl Root {
    /// Makes a node at `path`, and the directories above it that are missing. One of the same kind and number that is there
    /// already is taken as it is.
    ///
    /// # Errors
    ///
    /// `EPERM` without `CAP_MKNOD` in the first user namespace (not for a FIFO); else as [`Root::make_directories`].
    pub fn make_node(&self, path: &Path, node: &Node) -> Result<Found> {
        let (parent, name) = self.parent_of(path)?;
        let made = match fs::mknodat(&parent, name, node.kind, node.mode, node.number) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(Error::new(format!("mknodat({path:?}, {:?})", node.kind), errno)),
        };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = fs::openat(&parent, name, flags, Mode::empty())
            .call(|| format!("openat({path:?}, O_PATH|O_NOFOLLOW)"))?;
        if !is_node(&fd, node)? {
            return Ok(Found::Other(fd));
        }
        if made && node.owner != (0, 0) {
            let (uid, gid) = node.owner;
            fs::chownat(&fd, "", Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), AtFlags::EMPTY_PATH)
                .call(|| format!("fchownat({path:?}, {uid}, {gid})"))?;
        }
        Ok(Found::Node(fd))
    }

    /// Makes a symbolic link at `path`, in the place of whatever file is there.
    ///
    /// # Errors
    ///
    /// `EISDIR` for a directory, `EBUSY` for a mount point; else as [`Root::make_directories`].
    pub fn replace_by_symlink(&self, target: &Path, path: &Path) -> Result<()> {
        let (parent, name) = self.parent_of(path)?;
        let link = || match fs::symlinkat(target, &parent, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(Error::new(format!("symlinkat({target:?}, {path:?})"), errno)),
        };
        if link()? || self.link_at(path)?.is_some_and(|there| there == target) {
            return Ok(());
        }
        fs::unlinkat(&parent, name, AtFlags::empty()).call(|| format!("unlinkat({path:?})"))?;
        match link()? {
            true => Ok(()),
            false => Err(Error::new(format!("symlinkat({target:?}, {path:?})"), Errno::EXIST)),
        }
    }

    /// What the symbolic link at `path` says; `None` when something else is there.
    ///
    /// # Errors
    ///
    /// As [`Root::resolve_nofollow`].
    pub fn link_at(&self, path: &Path) -> Result<Option<PathBuf>> {
        link_of(self.resolve_nofollow(path)?.as_fd())
    }
}

/// What the symbolic link says that `fd` is open on, with `O_PATH` and `O_NOFOLLOW`; `None` when it is something else.
///
/// # Errors
///
/// What fstat(2) or readlinkat(2) says.
pub fn link_of(fd: BorrowedFd<'_>) -> Result<Option<PathBuf>> {
    let stat = fs::fstat(fd).call(|| format!("fstat({})", fd.as_raw_fd()))?;
    if !FileType::from_raw_mode(stat.st_mode).is_symlink() {
        return Ok(None);
    }
    let target =
        fs::readlinkat(fd, "", Vec::new()).call(|| format!("readlinkat({}, \"\")", fd.as_raw_fd()))?;
    Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes()))))
}

fn is_node(fd: &OwnedFd, node: &Node) -> Result<bool> {
    let stat = fs::fstat(fd).call(|| format!("fstat({})", fd.as_raw_fd()))?;
    let device = node.kind != FileType::Fifo;
    Ok(FileType::from_raw_mode(stat.st_mode) == node.kind && (!device || stat.st_rdev == node.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIFO: Node =
        Node { kind: FileType::Fifo, number: 0, mode: Mode::from_raw_mode(0o600), owner: (0, 0) };

    #[test]
    fn a_fifo_is_made_once_and_taken_again() {
        let outside = tempfile::tempdir().unwrap();
        let root = Root::open(outside.path()).unwrap();
        for _ in 0..2 {
            assert!(matches!(root.make_node(Path::new("/a/fifo"), &FIFO), Ok(Found::Node(_))));
        }
        std::fs::write(outside.path().join("file"), "").unwrap();
        assert!(matches!(root.make_node(Path::new("/file"), &FIFO), Ok(Found::Other(_))));
    }

    #[test]
    fn a_link_in_the_place_of_a_node_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        let root = Root::open(outside.path()).unwrap();
        std::os::unix::fs::symlink("elsewhere", outside.path().join("fifo")).unwrap();
        assert!(matches!(root.make_node(Path::new("/fifo"), &FIFO), Ok(Found::Other(_))));
        assert!(!outside.path().join("elsewhere").exists());
    }

    #[test]
    fn a_link_takes_the_place_of_a_file_but_not_of_a_directory() {
        let outside = tempfile::tempdir().unwrap();
        let root = Root::open(outside.path()).unwrap();
        std::fs::write(outside.path().join("ptmx"), "").unwrap();
        for _ in 0..2 {
            root.replace_by_symlink(Path::new("pts/ptmx"), Path::new("/ptmx")).unwrap();
            assert_eq!(root.link_at(Path::new("/ptmx")).unwrap(), Some("pts/ptmx".into()));
        }
        std::fs::create_dir(outside.path().join("directory")).unwrap();
        assert!(root.replace_by_symlink(Path::new("x"), Path::new("/directory")).is_err());
    }
}
