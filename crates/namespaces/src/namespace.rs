//! A namespace that is held open.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::process::Pid;

use crate::Kind;

/// The inode of the first user namespace (PROC_USER_INIT_INO of the kernel).
const INITIAL_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Why a namespace cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The path leads to something else.
    #[error("{path} is no namespace")]
    NotNamespace {
        /// The path.
        path: PathBuf,
    },
    /// It is one, but of another kind.
    #[error("{path} is a {found} namespace, and not a {wanted} one")]
    WrongKind {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: Kind,
        /// What was wanted.
        wanted: Kind,
    },
    /// The kernel said no.
    #[error(transparent)]
    System(#[from] holm_sys::Error),
}

impl Error {
    /// The error number, where the kernel gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::System(error) => Some(error.errno()),
            _ => None,
        }
    }
}

/// What tells namespaces apart: the device and inode of nsfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceId {
    /// The kind.
    pub kind: Kind,
    /// The device of nsfs.
    pub dev: u64,
    /// The inode, which lsns(8) shows.
    pub ino: u64,
}

impl fmt::Display for NamespaceId {
    /// As readlink(1) has it: `net:[4026531840]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind.proc_name(), self.ino)
    }
}

/// A namespace that is held open, and so kept, close-on-exec.
#[derive(Debug)]
pub struct Namespace {
    kind: Kind,
    fd: OwnedFd,
}

impl Namespace {
    /// Opens the namespace at `path`: a link of /proc/PID/ns, or a file that one is bind-mounted on.
    ///
    /// # Errors
    ///
    /// [`Error::NotNamespace`] when it is something else; `EACCES` or `EPERM` for a process that may not be traced by
    /// the caller (ptrace(2), PTRACE_MODE_READ_FSCREDS).
    pub fn open(path: &Path) -> Result<Self, Error> {
        // O_NONBLOCK: a path that is a FIFO is no namespace, and is not waited for.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = rustix::fs::openat(CWD, path, flags, Mode::empty()).call(|| format!("open({path:?})"))?;
        match holm_sys::ns_get_nstype(fd.as_fd()) {
            Ok(flag) => Kind::from_clone_flag(flag).map(|kind| Self { kind, fd }),
            Err(_) => None,
        }
        .ok_or_else(|| Error::NotNamespace { path: path.to_owned() })
    }

    /// As [`Namespace::open`], and checks the kind.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`], and as there.
    pub fn open_as(path: &Path, wanted: Kind) -> Result<Self, Error> {
        let namespace = Self::open(path)?;
        if namespace.kind == wanted {
            return Ok(namespace);
        }
        Err(Error::WrongKind { path: path.to_owned(), found: namespace.kind, wanted })
    }

    /// The namespace of this kind that process `pid` is in.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such process, or the kernel does not have the kind.
    pub fn of_process(pid: Pid, kind: Kind) -> Result<Self, Error> {
        Self::open_as(Path::new(&format!("/proc/{}/ns/{}", pid.as_raw_nonzero(), kind.proc_name())), kind)
    }

    /// The namespace of this kind that the calling process is in.
    ///
    /// # Errors
    ///
    /// `ENOENT` when the kernel does not have the kind.
    pub fn of_self(kind: Kind) -> Result<Self, Error> {
        Self::open_as(Path::new(&format!("/proc/self/ns/{}", kind.proc_name())), kind)
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What tells it apart.
    ///
    /// # Errors
    ///
    /// What fstat(2) says.
    pub fn id(&self) -> Result<NamespaceId, Error> {
        let stat = rustix::fs::fstat(&self.fd).call(|| "fstat(namespace)")?;
        Ok(NamespaceId { kind: self.kind, dev: stat.st_dev, ino: stat.st_ino })
    }

    /// The user namespace that owns it: capabilities in that one count for it. (For a user namespace: its parent.)
    ///
    /// # Errors
    ///
    /// `EPERM` when the owner is outside what the caller can see.
    pub fn owner(&self) -> Result<Self, Error> {
        Ok(Self { kind: Kind::User, fd: holm_sys::ns_get_userns(self.fd.as_fd())? })
    }

    /// The parent of a user or PID namespace.
    ///
    /// # Errors
    ///
    /// `EPERM` when the parent is outside what the caller can see, `EINVAL` for a kind without a hierarchy.
    pub fn parent(&self) -> Result<Self, Error> {
        Ok(Self { kind: self.kind, fd: holm_sys::ns_get_parent(self.fd.as_fd())? })
    }

    /// The uid, as the caller sees it, of who made a user namespace.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another kind.
    pub fn owner_uid(&self) -> Result<u32, Error> {
        Ok(holm_sys::ns_get_owner_uid(self.fd.as_fd())?)
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether the calling process is in the first user namespace: whether its root is the machine's.
///
/// # Errors
///
/// When there is no /proc.
pub fn own_user_namespace_is_initial() -> Result<bool, Error> {
    const LINK: &str = "/proc/self/ns/user";
    // Every call asks this: one call of the kernel where opening and asking the namespace are four.
    let stat = rustix::fs::stat(LINK).call(|| format!("stat({LINK:?})"))?;
    Ok(stat.st_ino == INITIAL_USER_NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_is_of_its_kind() {
        for kind in Kind::ALL {
            let namespace = Namespace::of_self(kind).unwrap();
            let link = std::fs::read_link(format!("/proc/self/ns/{}", kind.proc_name())).unwrap();
            assert_eq!(namespace.id().unwrap().to_string(), link.to_str().unwrap());
        }
    }

    #[test]
    fn what_is_no_namespace_is_said_to_be_none() {
        for path in ["/dev/null", "/", "/proc/self/stat"] {
            assert!(matches!(Namespace::open(Path::new(path)), Err(Error::NotNamespace { .. })), "{path}");
        }
    }

    #[test]
    fn another_kind_is_named() {
        let error = Namespace::open_as(Path::new("/proc/self/ns/net"), Kind::User).unwrap_err();
        assert_eq!(error.to_string(), "/proc/self/ns/net is a network namespace, and not a user one");
    }
}
