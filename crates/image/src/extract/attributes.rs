//! Owner, mode, times and extended attributes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags, chmodat, chownat, fchmod,
    fchown, fsetxattr, fstat, futimens, lsetxattr, openat, unlinkat, utimensat,
};

use super::Refusal;
use crate::error::quoted;
use crate::notes::{Kind, Notes};
use crate::tar::Entry;

/// Whose the files of a layer become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Whose the layer says.
    Kept,
    /// The caller's, all of them.
    Single,
}

/// What an entry says of its file besides the content.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl From<&Entry> for Attributes {
    fn from(entry: &Entry) -> Self {
        let Entry { mode, uid, gid, mtime, ref xattrs, .. } = *entry;
        Self { mode, uid, gid, mtime, xattrs: xattrs.clone() }
    }
}

/// What a file has that was just made, so that it need not be set again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults {
    uid: u32,
    gid: u32,
    /// The permission bits that get lost, by the umask or a default ACL.
    lost: u32,
}

impl Defaults {
    /// Finds out by making a file: it tells the umask without changing it, and mounts that are idmapped or `grpid`.
    pub(crate) fn probe(root: &OwnedFd) -> holm_sys::Result<Self> {
        const NAME: &str = "probe";
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(root, NAME, flags, Mode::from_raw_mode(0o777))
            .call(|| "openat(\"probe\", O_CREAT, 0777)")?;
        let stat = fstat(&file).call(|| "fstat(\"probe\")")?;
        unlinkat(root, NAME, AtFlags::empty()).call(|| "unlinkat(\"probe\")")?;
        Ok(Self { uid: stat.st_uid, gid: stat.st_gid, lost: !stat.st_mode & 0o777 })
    }
}

/// The file whose attributes are set.
pub(super) enum Subject<'a> {
    /// A file or directory that is open for it, and the mode that it was made with if that may do.
    Open(BorrowedFd<'a>, Option<u32>),
    /// A symbolic link, which has no mode, by its directory and name.
    Link(BorrowedFd<'a>, &'a [u8]),
    /// A device or FIFO, which must not be opened, by its directory and name.
    Node(BorrowedFd<'a>, &'a [u8]),
}

impl Subject<'_> {
    fn chown(&self, uid: Option<u32>, gid: Option<u32>) -> rustix::io::Result<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        match self {
            Self::Open(file, _) => fchown(file, uid, gid),
            Self::Link(place, name) | Self::Node(place, name) => {
                chownat(place, *name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    fn chmod(&self, mode: u32) -> rustix::io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Self::Open(file, _) => fchmod(file, mode),
            Self::Link(..) => Ok(()),
            // Not a link: it was just made, where nobody else can get.
            Self::Node(place, name) => chmodat(place, *name, mode, AtFlags::empty()),
        }
    }

    fn set_times(&self, times: &Timestamps) -> rustix::io::Result<()> {
        match self {
            Self::Open(file, _) => futimens(file, times),
            Self::Link(place, name) | Self::Node(place, name) => {
                utimensat(place, *name, times, AtFlags::SYMLINK_NOFOLLOW)
            }
        }
    }

    fn set_xattr(&self, name: &[u8], value: &[u8]) -> rustix::io::Result<()> {
        match self {
            Self::Open(file, _) => fsetxattr(file, name, value, XattrFlags::empty()),
            Self::Link(place, last) | Self::Node(place, last) => {
                // There is no call relative to a directory before Linux 6.13.
                let path = [format!("/proc/self/fd/{}/", raw(place)).as_bytes(), *last].concat();
                lsetxattr(path, name, value, XattrFlags::empty())
            }
        }
    }

    /// The mode as it was made with, as far as that is known.
    fn made_mode(&self, lost: u32) -> Option<u32> {
        match self {
            Self::Open(_, mode) => mode.map(|mode| mode & !lost),
            Self::Link(..) | Self::Node(..) => None,
        }
    }
}

fn raw(fd: &BorrowedFd) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd())
}

/// Sets the attributes of the files of one layer.
pub(super) struct Setter {
    pub(super) ownership: Ownership,
    pub(super) defaults: Defaults,
    pub(super) notes: Notes,
}

impl Setter {
    /// Gives a file what its entry says. The owner comes first, because a change of it clears set-user-ID bits and
    /// capabilities; the time comes last.
    pub(super) fn set(
        &mut self,
        subject: &Subject,
        attributes: &Attributes,
        name: &[u8],
    ) -> Result<(), Refusal> {
        self.owner(subject, attributes, name)?;
        for (key, value) in &attributes.xattrs {
            self.xattr(subject, key, value, name)?;
        }
        if subject.made_mode(self.defaults.lost) != Some(attributes.mode) {
            let mode = attributes.mode;
            subject.chmod(mode).call(|| format!("fchmod({}, 0{mode:o})", quoted(name)))?;
        }
        let (seconds, nanoseconds) = attributes.mtime;
        let last_modification = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
        let last_access = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let times = Timestamps { last_access, last_modification };
        Ok(subject.set_times(&times).call(|| format!("utimensat({}, {seconds})", quoted(name)))?)
    }

    fn owner(&mut self, subject: &Subject, attributes: &Attributes, name: &[u8]) -> Result<(), Refusal> {
        let Attributes { uid, gid, .. } = *attributes;
        if (uid, gid) == (self.defaults.uid, self.defaults.gid) {
            return Ok(());
        }
        if self.ownership == Ownership::Single {
            self.notes.add(Kind::Ownership, name);
            return Ok(());
        }
        match subject.chown(Some(uid), Some(gid)) {
            Err(Errno::INVAL) => {
                let group = subject.chown(Some(uid), None).is_ok();
                Err(Refusal::Unmapped { id: if group { gid } else { uid }, group })
            }
            result => Ok(result.call(|| format!("fchownat({}, {uid}, {gid})", quoted(name)))?),
        }
    }

    fn xattr(&mut self, subject: &Subject, key: &[u8], value: &[u8], name: &[u8]) -> Result<(), Refusal> {
        if [&b"trusted.overlay."[..], b"user.overlay."].iter().any(|prefix| key.starts_with(prefix)) {
            self.notes.add(Kind::OverlayAttribute, name);
            return Ok(());
        }
        // A label belongs to the policy of the machine where it was made.
        if key == b"security.selinux" {
            return Ok(());
        }
        let shown = || String::from_utf8_lossy(key).escape_debug().to_string();
        match subject.set_xattr(key, value) {
            // Not permitted here, not known to the filesystem, or not for this type of file.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::ACCESS | Errno::INVAL) => {
                self.notes.add(Kind::Attribute(shown()), name);
                Ok(())
            }
            result => Ok(result.call(|| format!("fsetxattr({}, \"{}\")", quoted(name), shown()))?),
        }
    }
}
