//! Files of lower layers that are gone, in the form in which overlayfs wants to be told.
//!
//! A whiteout is a character device 0:0, which any user may make since Linux 5.8; a directory that hides all below it
//! has the attribute `trusted.overlay.opaque`, or `user.overlay.opaque` for mounts with `userxattr` (5.11). See
//! [overlayfs](https://docs.kernel.org/filesystems/overlayfs.html#whiteouts-and-opaque-directories).

use std::os::fd::OwnedFd;

use holm_sys::{Context, Errno};
use rustix::fs::{FileType, Mode, Stat, XattrFlags, fsetxattr, mknodat};

use super::name::Name;
use super::{Extractor, Refusal, tree};
use crate::error::quoted;

/// Whether overlayfs takes this file for a whiteout.
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Lets a directory hide what lower layers have in it: for both kinds of mounts if one may, else for `userxattr`.
pub(crate) fn set_opaque(directory: &OwnedFd) -> holm_sys::Result<()> {
    let set = |name| fsetxattr(directory, name, b"y", XattrFlags::empty());
    let privileged = match set("trusted.overlay.opaque") {
        Ok(()) => true,
        Err(Errno::PERM | Errno::OPNOTSUPP) => false,
        Err(errno) => {
            return Err(holm_sys::Error::new("fsetxattr(\"trusted.overlay.opaque\", \"y\")", errno));
        }
    };
    match set("user.overlay.opaque") {
        // tmpfs has user attributes since Linux 6.6 only; root mounts without them.
        Err(Errno::OPNOTSUPP) if privileged => Ok(()),
        result => result.call(|| "fsetxattr(\"user.overlay.opaque\", \"y\")"),
    }
}

impl Extractor {
    /// Hides `name` of lower layers. What this layer itself has there stays: it is above.
    pub(super) fn whiteout(&mut self, name: &Name) -> Result<(), Refusal> {
        let Some((directory, last)) = name.split() else { return Ok(()) };
        let place = self.tree.directory(directory, &mut self.directories)?;
        match mknodat(place, last, FileType::CharacterDevice, Mode::empty(), 0) {
            Err(Errno::EXIST) => {
                let stat = tree::stat(place, last).call(|| format!("statat({})", quoted(name.as_bytes())))?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    self.directories.make_opaque(name.as_bytes());
                }
                Ok(())
            }
            made => {
                Ok(made.call(|| format!("mknodat({}, S_IFCHR, makedev(0, 0))", quoted(name.as_bytes())))?)
            }
        }
    }

    /// Hides all that lower layers have in the directory `name`.
    pub(super) fn opaque(&mut self, name: &Name) -> Result<(), Refusal> {
        self.tree.directory(name.as_bytes(), &mut self.directories)?;
        self.directories.make_opaque(name.as_bytes());
        Ok(())
    }
}
