//! What becomes of an entry, by its type.

use std::os::fd::AsFd;

use holm_sys::{Context, Errno};
use rustix::fs::{AtFlags, FileType, Mode, linkat, makedev, mkdirat, mknodat, symlinkat};

use super::attributes::Subject;
use super::directories::Directory;
use super::name::{Name, Target, reserved};
use super::{Attributes, Extractor, Refusal, is_whiteout, set_opaque, tree};
use crate::error::quoted;
use crate::notes;
use crate::tar::{Entry, Input, Kind, Reader};

/// What a directory without an entry gets, as with Docker.
const IMPLIED_MODE: u32 = 0o755;

impl Extractor {
    pub(super) fn target(
        &mut self,
        target: &Target,
        entry: &Entry,
        data: &mut Reader<impl Input>,
    ) -> Result<(), Refusal> {
        match target {
            Target::File(name) => self.entry(name, entry, data),
            Target::Whiteout(name) => self.whiteout(name),
            Target::Opaque(name) => self.opaque(name),
            Target::Ignored => Ok(()),
        }
    }

    fn entry(&mut self, name: &Name, entry: &Entry, data: &mut Reader<impl Input>) -> Result<(), Refusal> {
        match entry.kind {
            Kind::File => self.file(name, entry, data),
            Kind::Directory => self.directory(name, entry),
            Kind::Symlink => self.symlink(name, entry),
            Kind::HardLink => self.hard_link(name, entry),
            Kind::CharDevice => self.node(name, entry, FileType::CharacterDevice),
            Kind::BlockDevice => self.node(name, entry, FileType::BlockDevice),
            Kind::Fifo => self.node(name, entry, FileType::Fifo),
            Kind::Unknown(flag) => Err(Refusal::Invalid(format!(
                "is of the type '{}', which is not known",
                char::from(flag).escape_debug()
            ))),
        }
    }

    fn directory(&mut self, name: &Name, entry: &Entry) -> Result<(), Refusal> {
        if let Some((directory, last)) = name.split() {
            let place = self.tree.directory(directory, &mut self.directories)?;
            match mkdirat(place, last, Mode::RWXU) {
                Err(Errno::EXIST) => {
                    let stat =
                        tree::stat(place, last).call(|| format!("statat({})", quoted(name.as_bytes())))?;
                    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                        self.tree.displace(directory, last, &mut self.directories)?;
                        tree::make(self.tree.directory(directory, &mut self.directories)?, last)?;
                    }
                    if is_whiteout(&stat) {
                        self.directories.make_opaque(name.as_bytes());
                    }
                }
                made => made.call(|| format!("mkdirat({}, 0700)", quoted(name.as_bytes())))?,
            }
        }
        self.directories.describe(name.as_bytes(), Attributes::from(entry));
        Ok(())
    }

    pub(super) fn finish_directory(&mut self, name: &[u8], directory: &Directory) -> Result<(), Refusal> {
        let opened = self.tree.open(name)?;
        if directory.opaque {
            set_opaque(&opened)?;
        }
        match &directory.attributes {
            Some(attributes) => self.setter.set(&Subject::Open(opened.as_fd(), None), attributes, name),
            None => Ok(rustix::fs::fchmod(&opened, Mode::from_raw_mode(IMPLIED_MODE))
                .call(|| format!("fchmod({}, 0{IMPLIED_MODE:o})", quoted(name)))?),
        }
    }

    /// A symbolic link may point anywhere: here it is never followed, and in a container the root ends it.
    fn symlink(&mut self, name: &Name, entry: &Entry) -> Result<(), Refusal> {
        self.place(name, |place, last| {
            symlinkat(&entry.link[..], place, last)
                .map_err(|errno| (errno, format!("symlinkat({})", quoted(&entry.link))))
        })?;
        let Some((directory, last)) = name.split() else { return Ok(()) };
        let place = self.tree.directory(directory, &mut self.directories)?;
        self.setter.set(&Subject::Link(place, last), &Attributes::from(entry), name.as_bytes())
    }

    /// A hard link leads to a file that an earlier entry of this layer made, and to nothing else.
    fn hard_link(&mut self, name: &Name, entry: &Entry) -> Result<(), Refusal> {
        let to = |reason: &str| format!("is a hard link to {}, which {reason}", quoted(&entry.link));
        let target = Name::parse(&entry.link).map_err(|refusal| match refusal {
            Refusal::Outside(_) => Refusal::Outside(to("is outside")),
            _ => Refusal::Invalid(to("is no name of a file")),
        })?;
        let Some((directory, last)) = target.split() else {
            return Err(Refusal::Invalid(to("is a directory")));
        };
        if reserved(target.as_bytes()) {
            return Err(Refusal::Invalid(to("is a whiteout")));
        }
        // Harmless where an earlier entry made the file; without one there is nothing to be linked to.
        let itself = target == *name;
        let source = self.tree.existing(directory).map_err(|refusal| match refusal {
            Refusal::Outside(_) => Refusal::Outside(to("leads through a symbolic link")),
            _ => Refusal::Invalid(to("is not in this layer")),
        })?;
        match tree::stat(&source, last) {
            Err(Errno::NOENT) => return Err(Refusal::Invalid(to("is not in this layer"))),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                return Err(Refusal::Invalid(to("is a directory")));
            }
            _ if itself => return Ok(()),
            _ => {}
        }
        self.place(name, |place, new| {
            // Without AT_SYMLINK_FOLLOW: a link to a symbolic link is a link to the link.
            linkat(&source, last, place, new, AtFlags::empty()).map_err(|errno| {
                (errno, format!("linkat({}, {})", quoted(&entry.link), quoted(name.as_bytes())))
            })
        })
    }

    /// A device or FIFO.
    fn node(&mut self, name: &Name, entry: &Entry, kind: FileType) -> Result<(), Refusal> {
        let (major, minor) = entry.device;
        let made = self.place(name, |place, last| {
            match mknodat(place, last, kind, Mode::from_raw_mode(entry.mode & 0o777), makedev(major, minor)) {
                Err(Errno::PERM) if kind != FileType::Fifo => Ok(false),
                Ok(()) => Ok(true),
                Err(errno) => Err((errno, format!("mknodat({}, {major}:{minor})", quoted(name.as_bytes())))),
            }
        })?;
        if !made {
            self.setter.notes.add(notes::Kind::Device, name.as_bytes());
            return Ok(());
        }
        let Some((directory, last)) = name.split() else { return Ok(()) };
        let place = self.tree.directory(directory, &mut self.directories)?;
        self.setter.set(&Subject::Node(place, last), &Attributes::from(entry), name.as_bytes())
    }
}
