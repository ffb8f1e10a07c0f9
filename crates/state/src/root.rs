//! The directory under which all states of one user are.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use holm_sys::Context;
use rustix::fs::{AtFlags, CWD, FileType, statat};

use crate::{Entry, Error, check_id};

/// The run directory of the machine's root.
const OF_ROOT: &str = "/run/holm";

/// The run directory: `/run/holm` for root, below `$XDG_RUNTIME_DIR` for an ordinary user. The root of a user namespace
/// is one or the other: it takes the first that it can have.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Opens the run directory of this user, and makes it when it is missing. In the `initial` user namespace uid 0 is
    /// the machine's root.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] when somebody else could write to it.
    pub fn open_default(initial: bool) -> Result<Self, Error> {
        let uid = rustix::process::geteuid().as_raw();
        let ordinary = || ordinary_path(uid, std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from));
        match (uid, initial) {
            (0, true) => Self::open(Path::new(OF_ROOT)),
            (0, false) => Self::open_either(Path::new(OF_ROOT), &ordinary()),
            _ => Self::open(&ordinary()),
        }
    }

    /// The first one when it can be had, and otherwise the second one.
    fn open_either(first: &Path, second: &Path) -> Result<Self, Error> {
        Self::open(first).or_else(|_| Self::open(second))
    }

    /// Opens `path`, and makes it when it is missing.
    ///
    /// # Errors
    ///
    /// As [`Root::open_default`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        make(path)?;
        trust(path)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state of container `id`, which must exist.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub fn entry(&self, id: &str) -> Result<Entry, Error> {
        check_id(id)?;
        Entry::open(self.directory().join(id), id)
    }

    /// A new entry for container `id`.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`].
    pub fn create_entry(&self, id: &str) -> Result<Entry, Error> {
        check_id(id)?;
        make(&self.directory())?;
        Entry::create(self.directory().join(id), id)
    }

    /// The ids of all containers, sorted.
    ///
    /// # Errors
    ///
    /// When the directory cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, Error> {
        let directory = self.directory();
        let entries = match std::fs::read_dir(&directory) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            result => result.call(|| format!("opendir({directory:?})")),
        };
        let entries = entries.map_err(|cause| Error::System { what: "list the containers".into(), cause })?;
        let mut ids: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|id| check_id(id).is_ok())
            .collect();
        ids.sort();
        Ok(ids)
    }

    fn directory(&self) -> PathBuf {
        self.path.join("runtime")
    }
}

fn ordinary_path(uid: u32, runtime_dir: Option<PathBuf>) -> PathBuf {
    if let Some(directory) = runtime_dir.filter(|path| path.is_absolute()) {
        return directory.join("holm");
    }
    let usual = PathBuf::from(format!("/run/user/{uid}"));
    if trust(&usual).is_ok() { usual.join("holm") } else { PathBuf::from(format!("/tmp/holm-{uid}")) }
}

fn make(path: &Path) -> Result<(), Error> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .call(|| format!("mkdir({path:?}, 0700)"));
    made.map_err(|cause| Error::System { what: format!("make the run directory {}", path.display()), cause })
}

/// In /tmp anybody could have made the directory before: it must be one, ours, and closed to others.
fn trust(path: &Path) -> Result<(), Error> {
    let foreign = || Error::Foreign { path: path.to_owned() };
    let stat = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| foreign())?;
    let directory = FileType::from_raw_mode(stat.st_mode).is_dir();
    if directory && stat.st_uid == rustix::process::geteuid().as_raw() && stat.st_mode & 0o022 == 0 {
        return Ok(());
    }
    Err(foreign())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_directory_open_to_others_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("run");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Root::open(&path), Err(Error::Foreign { .. })));
    }

    #[test]
    fn a_link_to_somewhere_else_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        symlink("/", outer.path().join("run")).unwrap();
        assert!(matches!(Root::open(&outer.path().join("run")), Err(Error::Foreign { .. })));
    }

    #[test]
    fn an_ordinary_user_s_directory_is_below_the_runtime_directory() {
        assert_eq!(ordinary_path(1234, Some("/run/user/1234".into())), PathBuf::from("/run/user/1234/holm"));
        let relative = ordinary_path(4_000_000_000, Some("relative".into()));
        assert_eq!(relative, PathBuf::from("/tmp/holm-4000000000"));
    }

    #[test]
    fn the_second_directory_is_for_when_the_first_cannot_be_had() {
        let outer = tempfile::tempdir().unwrap();
        let (first, second) = (outer.path().join("first"), outer.path().join("second"));
        symlink("/", &first).unwrap();
        assert_eq!(Root::open_either(&first, &second).unwrap().path(), second);
        std::fs::remove_file(&first).unwrap();
        assert_eq!(Root::open_either(&first, &second).unwrap().path(), first);
    }
}
