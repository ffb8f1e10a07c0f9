//! Paths inside a root whose content is hostile: resolved once, by openat2(2), and held open.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{self, FileType, Mode, OFlags, ResolveFlags};

/// How often a resolution is tried again when something was renamed under it (`EAGAIN` of openat2(2)).
const RETRIES: usize = 128;

/// A directory that is taken for `/`: whatever is resolved in it stays below it, absolute symbolic links and `..`
/// included (`RESOLVE_IN_ROOT`, Linux 5.6).
#[derive(Debug, Clone)]
pub struct Root {
    fd: Arc<OwnedFd>,
    resolve: ResolveFlags,
}

/// A file that is not there yet, and no link either.
const NEW_FILE: OFlags = OFlags::CREATE.union(OFlags::EXCL).union(OFlags::WRONLY).union(OFlags::NOFOLLOW);

const FOLLOW: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

impl Root {
    /// Takes the directory that `fd` is open on.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd: Arc::new(fd), resolve: FOLLOW }
    }

    /// The same root, in which a symbolic link on the way is an error (`ELOOP`) instead of being followed.
    pub fn strict(&self) -> Self {
        Self { fd: Arc::clone(&self.fd), resolve: self.resolve | ResolveFlags::NO_SYMLINKS }
    }

    /// Opens the directory at `path`.
    ///
    /// # Errors
    ///
    /// What openat(2) says.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd =
            fs::open(path, flags, Mode::empty()).call(|| format!("open({path:?}, O_PATH|O_DIRECTORY)"))?;
        Ok(Self::new(fd))
    }

    /// What `path` is inside the root, opened with `O_PATH`; a symbolic link at its end is followed, inside.
    ///
    /// # Errors
    ///
    /// `ENOENT` when it is not there; `ELOOP` for a magic link such as those of /proc/PID/fd.
    pub fn resolve(&self, path: &Path) -> Result<OwnedFd> {
        self.open_at(path, OFlags::PATH, Mode::empty())
    }

    /// As [`Root::resolve`], but a symbolic link at the end of `path` is opened itself.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn resolve_nofollow(&self, path: &Path) -> Result<OwnedFd> {
        self.open_at(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Opens `path` inside the root.
    ///
    /// # Errors
    ///
    /// What openat2(2) says; `EXDEV` never, as what would leave the root is resolved inside it.
    pub fn open_at(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd> {
        for _ in 0..RETRIES {
            match fs::openat2(self.as_fd(), path, flags | OFlags::CLOEXEC, mode, self.resolve) {
                Err(Errno::AGAIN) => {}
                result => {
                    return result.call(|| format!("openat2({}, {path:?}, {flags:?})", self.fd.as_raw_fd()));
                }
            }
        }
        Err(Error::new(format!("openat2({}, {path:?})", self.fd.as_raw_fd()), Errno::AGAIN))
    }

    /// Makes the directory `path` and those above it that are missing, with `mode`, and opens it. What exists is
    /// taken as it is, symbolic links are followed inside the root.
    ///
    /// # Errors
    ///
    /// `ENOTDIR` when something on the way is not a directory, `EROFS`, `EACCES` and so on when it cannot be made.
    pub fn make_directories(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        match self.open_at(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
            Err(error) if error.errno() == Errno::NOENT => self.make_missing(path, mode),
            result => result,
        }
    }

    /// Makes the directory `path`, which is not there, below the one that is above it, which may have to be made too.
    /// What does not end in a name (`..`) is taken by the resolution of the whole, so that it cannot climb out of the
    /// root.
    fn make_missing(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        let (parent, name) = split(path);
        let above = match self.open_at(parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
            // The whole of it, and nothing above it, can be missing only in a root that is gone itself.
            Err(error) if error.errno() == Errno::NOENT && parent != path => {
                self.make_missing(parent, mode)?
            }
            result => result?,
        };
        match name {
            Some(name) => make_directory(above.as_fd(), name, mode),
            None => self.open_at(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()),
        }
    }

    /// Opens the file `path`, or makes an empty one there (and the directories above it) when there is none. Where a
    /// symbolic link leads to nothing, the file is made where it leads, inside the root: images have /etc/resolv.conf
    /// lead into /run.
    ///
    /// # Errors
    ///
    /// `ELOOP` when such a link leads to another, or links are not followed at all; else as
    /// [`Root::make_directories`].
    pub fn make_file(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        match self.open_at(path, NEW_FILE, mode) {
            // Something is there, or the directory is not; or nothing may be made where something is.
            Err(error)
                if matches!(error.errno(), Errno::EXIST | Errno::NOENT | Errno::ROFS | Errno::ACCESS) => {}
            result => return result,
        }
        match self.resolve(path) {
            Err(error) if error.errno() == Errno::NOENT => {}
            result => return result,
        }
        let led = self.led_to(path)?;
        self.make_missing_file(led.as_deref().unwrap_or(path), mode)
    }

    /// Where the symbolic link at `path` leads, if there is one and it may be followed: a path to be resolved inside
    /// the root as any other.
    fn led_to(&self, path: &Path) -> Result<Option<PathBuf>> {
        let link = match self.resolve_nofollow(path) {
            Err(error) if error.errno() == Errno::NOENT => return Ok(None),
            link => link?,
        };
        let follows = !self.resolve.contains(ResolveFlags::NO_SYMLINKS);
        if !follows || file_type(link.as_fd())? != FileType::Symlink {
            return Ok(None);
        }
        let target = fs::readlinkat(&link, "", Vec::new())
            .call(|| format!("readlinkat({}, \"\")", link.as_raw_fd()))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        // An absolute one takes the place of the whole.
        Ok(Some(path.parent().unwrap_or(Path::new("/")).join(target)))
    }

    /// Makes the file `path`, and follows no link at its end.
    fn make_missing_file(&self, path: &Path, mode: Mode) -> Result<OwnedFd> {
        let (parent, name) = self.parent_of(path)?;
        match fs::openat(&parent, name, NEW_FILE | OFlags::CLOEXEC, mode) {
            Ok(_) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::new(format!("openat({path:?}, O_CREAT|O_EXCL)"), errno)),
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&parent, name, flags, Mode::empty())
            .call(|| format!("openat({path:?}, O_PATH|O_NOFOLLOW)"))?;
        match file_type(file.as_fd())? {
            FileType::Symlink => {
                Err(Error::new(format!("openat({path:?}, O_CREAT|O_NOFOLLOW)"), Errno::LOOP))
            }
            _ => Ok(file),
        }
    }

    /// Makes a symbolic link at `path` unless something is there already.
    ///
    /// # Errors
    ///
    /// As [`Root::make_directories`].
    pub fn make_symlink(&self, target: &Path, path: &Path) -> Result<()> {
        let (parent, name) = self.parent_of(path)?;
        match fs::symlinkat(target, &parent, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(Error::new(format!("symlinkat({target:?}, {path:?})"), errno)),
        }
    }

    /// The directory above `path`, made when it is missing, and the last name of `path`.
    pub(crate) fn parent_of<'p>(&self, path: &'p Path) -> Result<(OwnedFd, &'p Path)> {
        let invalid = || Error::new(format!("openat2({path:?})"), Errno::INVAL);
        let (parent, name) = split(path);
        Ok((self.make_directories(parent, Mode::from_raw_mode(0o755))?, name.ok_or_else(invalid)?))
    }
}

/// `path` as the path of the directory above, and a name in that; no name when it ends in `..`, or is the root.
fn split(path: &Path) -> (&Path, Option<&Path>) {
    let mut components = path.components();
    let name = match components.next_back() {
        Some(Component::Normal(name)) => Some(Path::new(name)),
        _ => None,
    };
    let parent = components.as_path();
    (if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, name)
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// mkdirat(2), and what is there afterwards opened without following a link.
fn make_directory(parent: BorrowedFd<'_>, name: &Path, mode: Mode) -> Result<OwnedFd> {
    match fs::mkdirat(parent, name, mode) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(Error::new(format!("mkdirat({}, {name:?})", parent.as_raw_fd()), errno)),
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(parent, name, flags, Mode::empty())
        .call(|| format!("openat({}, {name:?}, O_PATH|O_DIRECTORY|O_NOFOLLOW)", parent.as_raw_fd()))
}

fn file_type(fd: BorrowedFd<'_>) -> Result<FileType> {
    let stat = fs::fstat(fd).call(|| format!("fstat({})", fd.as_raw_fd()))?;
    Ok(FileType::from_raw_mode(stat.st_mode))
}

/// Whether `fd` is open on a directory.
///
/// # Errors
///
/// What fstat(2) says.
pub fn is_directory(fd: BorrowedFd<'_>) -> Result<bool> {
    Ok(file_type(fd)?.is_dir())
}

/// Whether `fd` is open on a procfs.
///
/// # Errors
///
/// What fstatfs(2) says.
pub fn is_procfs(fd: BorrowedFd<'_>) -> Result<bool> {
    let statfs = fs::fstatfs(fd).call(|| format!("fstatfs({})", fd.as_raw_fd()))?;
    Ok(statfs.f_type == fs::PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn sandbox() -> (tempfile::TempDir, Root) {
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir(outside.path().join("root")).unwrap();
        let root = Root::open(&outside.path().join("root")).unwrap();
        (outside, root)
    }

    #[test]
    fn directories_are_made_once_and_found_again() {
        let (outside, root) = sandbox();
        root.make_directories(Path::new("/a/b/c"), Mode::from_raw_mode(0o755)).unwrap();
        root.make_directories(Path::new("a/b/c"), Mode::from_raw_mode(0o755)).unwrap();
        assert!(outside.path().join("root/a/b/c").is_dir());
    }

    #[test]
    fn dot_dot_and_absolute_links_stay_inside() {
        let (outside, root) = sandbox();
        symlink("/../../..", outside.path().join("root/up")).unwrap();
        root.make_directories(Path::new("up/../../made"), Mode::from_raw_mode(0o755)).unwrap();
        assert!(outside.path().join("root/made").is_dir());
        assert!(!outside.path().join("made").exists());
    }

    #[test]
    fn dot_dot_after_a_directory_that_is_made_goes_to_where_it_says() {
        let (outside, root) = sandbox();
        root.make_directories(Path::new("a/../b"), Mode::from_raw_mode(0o755)).unwrap();
        assert!(outside.path().join("root/b").is_dir());
        assert!(!outside.path().join("root/a/b").exists());
    }

    #[test]
    fn a_file_is_made_where_a_dangling_link_leads_and_that_is_inside() {
        for target in ["/run/gone", "../run/gone", "../../../../run/gone", "/../../run/gone"] {
            let (outside, root) = sandbox();
            std::fs::create_dir(outside.path().join("root/etc")).unwrap();
            symlink(target, outside.path().join("root/etc/link")).unwrap();
            root.make_file(Path::new("/etc/link"), Mode::from_raw_mode(0o644)).unwrap();
            assert!(outside.path().join("root/run/gone").is_file(), "{target}");
            assert!(!outside.path().join("run").exists(), "{target}");
        }
    }

    #[test]
    fn a_dangling_link_to_a_dangling_link_is_no_place_for_a_file() {
        let (outside, root) = sandbox();
        symlink("second", outside.path().join("root/link")).unwrap();
        symlink("/etc/gone", outside.path().join("root/second")).unwrap();
        let error = root.make_file(Path::new("link"), Mode::from_raw_mode(0o644)).unwrap_err();
        assert_eq!(error.errno(), Errno::LOOP);
        assert!(!outside.path().join("root/etc").exists());
    }

    #[test]
    fn a_strict_root_follows_no_dangling_link() {
        let (outside, root) = sandbox();
        symlink("gone", outside.path().join("root/link")).unwrap();
        let strict = root.strict();
        let error = strict.make_file(Path::new("link"), Mode::from_raw_mode(0o644)).unwrap_err();
        assert_eq!(error.errno(), Errno::LOOP);
        assert!(!outside.path().join("root/gone").exists());
    }

    #[test]
    fn a_strict_root_follows_no_link() {
        let (outside, root) = sandbox();
        std::fs::create_dir(outside.path().join("root/real")).unwrap();
        symlink("real", outside.path().join("root/dev")).unwrap();
        let strict = root.strict();
        assert_eq!(strict.make_file(Path::new("/dev/null"), Mode::empty()).unwrap_err().errno(), Errno::LOOP);
        assert!(root.make_file(Path::new("/dev/null"), Mode::empty()).is_ok());
    }

    #[test]
    fn a_dangling_link_is_no_place_for_a_directory() {
        let (outside, root) = sandbox();
        symlink("/gone", outside.path().join("root/link")).unwrap();
        let error = root.make_directories(Path::new("link/x"), Mode::from_raw_mode(0o755)).unwrap_err();
        assert!(matches!(error.errno(), Errno::LOOP | Errno::NOTDIR), "{error}");
        assert!(!outside.path().join("gone").exists());
    }
}
