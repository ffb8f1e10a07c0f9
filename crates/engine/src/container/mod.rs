//! Containers on disk, as people know them: a directory for each by its name, beside the state of its runtime.
//!
//! ```text
//! ROOT/containers/                 ROOT is the run directory of the user
//!   .lock                          held while a directory is made or looked at
//!   NAME/lock                      held by the `holm run` that has the container in the foreground, as long as it lives
//!   NAME/record.json               see Record
//!   NAME/bundle/                   config.json and what it refers to
//! ```
//!
//! A directory whose lock can be taken belongs to nobody: its `holm run` died, and whoever comes next clears what it
//! left behind.

mod names;
mod record;
mod sweep;

pub(crate) use record::Record;
pub(crate) use sweep::abandoned;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use holm_sys::Context;
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, mkdirat, openat};
use rustix::io::Errno;

use crate::options::ContainerName;
use crate::{Because, Error, Result};

/// How often a name is made up before the reader is told that all are taken.
const ATTEMPTS: u32 = 16;

/// The directory of all containers of one user.
#[derive(Debug, Clone)]
pub(crate) struct Containers {
    path: PathBuf,
}

/// The directory of a container that this process has in the foreground. Its lock ends with the value.
#[derive(Debug)]
pub(crate) struct Held {
    name: ContainerName,
    path: PathBuf,
    directory: OwnedFd,
    _lock: OwnedFd,
}

/// The directory of a container of another process.
#[derive(Debug)]
pub(crate) struct Seen {
    path: PathBuf,
    record: Record,
}

impl Containers {
    /// Those in the run directory `root`.
    ///
    /// # Errors
    ///
    /// When the directory cannot be made.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let path = root.join("containers");
        match mkdirat(CWD, &path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Ok(Self { path }),
            Err(errno) => Err(holm_sys::Error::new(format!("mkdir({path:?}, 0700)"), errno))
                .because(|| format!("cannot make the directory of containers {}", path.display())),
        }
    }

    /// Makes and holds the directory of a new container, under `name` or one that is made up.
    ///
    /// # Errors
    ///
    /// When a container has that name already, or the directory cannot be made.
    pub(crate) fn hold_new(&self, name: Option<&ContainerName>) -> Result<Held> {
        let failed = || format!("cannot make a container directory in {}", self.path.display());
        let _lock = self.lock(FlockOperation::LockExclusive).because(failed)?;
        if let Some(name) = name {
            return self.try_hold(name).because(failed)?.ok_or_else(|| {
                Error::new(format!("there is a container {name} already"))
                    .with_hint(format!("take another name, or end that one: holm stop {name}"))
            });
        }
        for attempt in 0..ATTEMPTS {
            if let Some(held) = self.try_hold(&names::make_up(attempt)?).because(failed)? {
                return Ok(held);
            }
        }
        Err(Error::new("cannot find a name for the container that is free").with_hint("say one with --name"))
    }

    fn try_hold(&self, name: &ContainerName) -> holm_sys::Result<Option<Held>> {
        let path = self.path.join(name.as_str());
        match mkdirat(CWD, &path, Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Ok(None),
            Err(errno) => return Err(holm_sys::Error::new(format!("mkdir({path:?}, 0700)"), errno)),
        }
        let directory = open_directory(&path)?;
        let lock = open_lock(&directory, OFlags::CREATE)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).call(|| "flock(LOCK_EX|LOCK_NB)")?;
        Ok(Some(Held { name: name.clone(), path, directory, _lock: lock }))
    }

    /// The directory of the container `name`.
    ///
    /// # Errors
    ///
    /// When there is none, or it is only being made.
    pub(crate) fn find(&self, name: &ContainerName) -> Result<Seen> {
        self.see(name.as_str()).ok_or_else(|| {
            let others = self.all();
            let names: Vec<&str> = others.iter().map(|seen| seen.record.name.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "no container runs".to_owned(),
                [one] => format!("there is: {one}"),
                several => format!("there are: {}", several.join(", ")),
            };
            Error::new(format!("there is no container {name}")).with_hint(hint)
        })
    }

    /// All containers that have a record, by name.
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.names().iter().filter_map(|name| self.see(name)).collect()
    }

    fn see(&self, name: &str) -> Option<Seen> {
        let path = self.path.join(name);
        let record = Record::read(open_directory(&path).ok()?)?;
        Some(Seen { path, record })
    }

    /// The names of all directories, sorted.
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.parse::<ContainerName>().is_ok()).collect();
        names.sort();
        names
    }

    fn lock(&self, operation: FlockOperation) -> holm_sys::Result<OwnedFd> {
        let path = self.path.join(".lock");
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock =
            openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR).call(|| format!("open({path:?}, O_CREAT)"))?;
        flock(&lock, operation).call(|| format!("flock({path:?})"))?;
        Ok(lock)
    }
}

impl Held {
    /// The container's name.
    pub(crate) fn name(&self) -> &ContainerName {
        &self.name
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory, open.
    pub(crate) fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// The directory of the bundle.
    pub(crate) fn bundle(&self) -> PathBuf {
        bundle(&self.path)
    }

    /// The directory in it that an overlay is mounted on.
    pub(crate) fn mount_point(&self) -> PathBuf {
        self.bundle().join("rootfs")
    }

    /// Writes the record, with which the container is seen by others.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn record(&self, record: &Record) -> Result<()> {
        record
            .write(&self.directory)
            .because(|| format!("cannot write the record of container {}", self.name))
    }

    /// Removes the directory with all in it.
    ///
    /// # Errors
    ///
    /// When something in it cannot be removed.
    pub(crate) fn remove(self) -> Result<()> {
        remove(&self.path)
    }
}

impl Seen {
    /// What it is.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The directory of the container.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of its bundle.
    pub(crate) fn bundle(&self) -> PathBuf {
        bundle(&self.path)
    }
}

fn bundle(container: &Path) -> PathBuf {
    container.join("bundle")
}

/// The directory is below one of this user's own that nobody else can write to: no name in it changes meanwhile.
fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).because(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn open_directory(path: &Path) -> holm_sys::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty()).call(|| format!("open({path:?}, O_DIRECTORY)"))
}

fn open_lock(directory: &OwnedFd, more: OFlags) -> holm_sys::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | more;
    openat(directory, "lock", flags, Mode::RUSR | Mode::WUSR).call(|| "openat(\"lock\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        let name = "web".parse().unwrap();
        let held = containers.hold_new(Some(&name)).unwrap();
        assert!(containers.hold_new(Some(&name)).unwrap_err().what().contains("already"));
        held.remove().unwrap();
        assert!(containers.hold_new(Some(&name)).is_ok());
    }

    #[test]
    fn a_container_is_seen_when_it_has_a_record() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        let held = containers.hold_new(None).unwrap();
        assert!(containers.all().is_empty());
        assert!(containers.find(held.name()).is_err());
        let record = tests_support::record(held.name());
        held.record(&record).unwrap();
        assert_eq!(containers.find(held.name()).unwrap().record(), &record);
        assert_eq!(containers.all().len(), 1);
    }

    #[test]
    fn the_hint_names_what_can_be_found() {
        let root = tempfile::tempdir().unwrap();
        let containers = Containers::open(root.path()).unwrap();
        let missing = "missing".parse().unwrap();
        let hint = || containers.find(&missing).unwrap_err().hint().unwrap().to_owned();
        std::fs::write(root.path().join("containers/stray"), "").unwrap();
        let web = containers.hold_new(Some(&"web".parse().unwrap())).unwrap();
        assert_eq!(hint(), "no container runs");
        web.record(&tests_support::record(web.name())).unwrap();
        assert_eq!(hint(), "there is: web");
        let db = containers.hold_new(Some(&"db".parse().unwrap())).unwrap();
        db.record(&tests_support::record(db.name())).unwrap();
        assert_eq!(hint(), "there are: db, web");
    }
}

#[cfg(test)]
mod tests_support {
    use super::*;

    pub(super) fn record(name: &ContainerName) -> Record {
        Record {
            name: name.clone(),
            image: "/".into(),
            command: vec!["true".into()],
            created: 0,
            holder: std::process::id(),
            runtime: None,
            stop_signal: 15,
            stop_timeout: 10,
        }
    }
}
