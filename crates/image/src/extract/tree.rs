//! The directory of a layer: finding places in it, component by component, and never through a symbolic link.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, mkdirat, openat, openat2, statat, unlinkat,
};

use super::directories::Directories;
use super::{Refusal, is_whiteout};
use crate::error::quoted;
use crate::remove;

/// What directories are opened with, to work in them.
const PLACE: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The root of a layer, with the directory that was used last: most entries lie in that of the one before.
pub(super) struct Tree {
    root: OwnedFd,
    last: Option<(Vec<u8>, OwnedFd)>,
}

impl Tree {
    pub(super) fn new(root: OwnedFd) -> Self {
        Self { root, last: None }
    }

    /// The directory `name`, made with all above it if it is missing.
    pub(super) fn directory(
        &mut self,
        name: &[u8],
        made: &mut Directories,
    ) -> Result<BorrowedFd<'_>, Refusal> {
        if name.is_empty() {
            return Ok(self.root.as_fd());
        }
        if self.last.as_ref().is_none_or(|(known, _)| known != name) {
            let found = match openat2(&self.root, name, PLACE, Mode::empty(), RESOLVE) {
                Ok(found) => found,
                // Also where openat2 is forbidden by a seccomp filter of an older kind.
                Err(_) => self.walk(name, Some(made))?,
            };
            self.last = Some((name.to_vec(), found));
        }
        let (_, found) = self.last.as_ref().ok_or_else(|| Refusal::Invalid("has no place".into()))?;
        Ok(found.as_fd())
    }

    /// The directory `name`, if it exists.
    pub(super) fn existing(&self, name: &[u8]) -> Result<OwnedFd, Refusal> {
        if name.is_empty() {
            return Ok(openat(&self.root, ".", PLACE, Mode::empty()).call(|| "openat(layer, \".\", O_PATH)")?);
        }
        match openat2(&self.root, name, PLACE, Mode::empty(), RESOLVE) {
            Ok(found) => Ok(found),
            Err(_) => self.walk(name, None),
        }
    }

    /// The same for reading and changing its attributes.
    pub(super) fn open(&self, name: &[u8]) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = self.existing(name)?;
        Ok(openat(&place, ".", flags, Mode::empty()).call(|| format!("openat({}, \".\")", quoted(name)))?)
    }

    /// Goes down one component at a time. What is missing is made if `made` is there to remember it.
    fn walk(&self, name: &[u8], mut made: Option<&mut Directories>) -> Result<OwnedFd, Refusal> {
        let mut place =
            openat(&self.root, ".", PLACE, Mode::empty()).call(|| "openat(layer, \".\", O_PATH)")?;
        let mut end = 0;
        for component in name.split(|byte| *byte == b'/') {
            end = if end == 0 { component.len() } else { end + 1 + component.len() };
            let so_far = name.get(..end).unwrap_or(name);
            let mut opened = openat(&place, component, PLACE, Mode::empty());
            if let (Err(errno), Some(made)) = (&opened, made.as_deref_mut())
                && make_room(&place, component, so_far, *errno, made)?
            {
                opened = openat(&place, component, PLACE, Mode::empty());
            }
            place = match opened {
                Err(Errno::NOTDIR | Errno::LOOP) => return Err(below(&place, component, so_far)),
                opened => opened.call(|| format!("openat({}, O_PATH|O_DIRECTORY)", quoted(so_far)))?,
            };
        }
        Ok(place)
    }

    /// Removes what lies at `name`, to make room for a later entry.
    pub(super) fn displace(
        &mut self,
        directory: &[u8],
        last: &[u8],
        made: &mut Directories,
    ) -> Result<(), Refusal> {
        let name = joined(directory, last);
        let place = self.existing(directory)?;
        if self.last.as_ref().is_some_and(|(known, _)| is_at_or_below(known, &name)) {
            self.last = None;
        }
        made.forget(&name);
        Ok(remove::tree(place.as_fd(), last)?)
    }
}

/// Makes the directory `component`, where nothing or only a whiteout is. Tells whether it did.
fn make_room(
    place: &OwnedFd,
    component: &[u8],
    name: &[u8],
    errno: Errno,
    made: &mut Directories,
) -> Result<bool, Refusal> {
    let opaque = match errno {
        Errno::NOENT => false,
        Errno::NOTDIR if stat(place, component).is_ok_and(|stat| is_whiteout(&stat)) => {
            unlinkat(place, component, AtFlags::empty()).call(|| format!("unlinkat({})", quoted(name)))?;
            true
        }
        _ => return Ok(false),
    };
    make(place.as_fd(), component)?;
    made.imply(name, opaque);
    Ok(true)
}

/// Makes a directory that nobody else can enter; what its entry says comes when all is in it.
pub(super) fn make(place: BorrowedFd, component: &[u8]) -> Result<(), Refusal> {
    Ok(mkdirat(place, component, Mode::RWXU).call(|| format!("mkdirat({}, 0700)", quoted(component)))?)
}

/// What stands in the way of something below `name`.
fn below(place: &OwnedFd, component: &[u8], name: &[u8]) -> Refusal {
    match stat(place, component) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
            Refusal::Outside(format!("leads through the symbolic link {}", quoted(name)))
        }
        _ => Refusal::Invalid(format!("lies below {}, which is no directory", quoted(name))),
    }
}

/// What is at `name`, itself if it is a link.
pub(super) fn stat(place: impl AsFd, name: &[u8]) -> rustix::io::Result<Stat> {
    statat(place, name, AtFlags::SYMLINK_NOFOLLOW)
}

pub(super) fn joined(directory: &[u8], last: &[u8]) -> Vec<u8> {
    if directory.is_empty() { last.to_vec() } else { [directory, b"/", last].concat() }
}

/// Whether `name` is `top` or lies below it.
pub(super) fn is_at_or_below(name: &[u8], top: &[u8]) -> bool {
    name.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
