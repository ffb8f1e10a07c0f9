//! `tmpcopyup`: what a new tmpfs covers is copied into it first. The tree is the container's and may be hostile: nothing in
//! it is reached but by name from a held directory, and no link is followed.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{self, AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};

const OPEN: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
const CHUNK: usize = 1 << 30;

/// Copies all that is in `from` into `to`, with permissions, owners and times; sockets are left out.
pub(crate) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let from = open(from, c".", OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut entries = Dir::read_from(&from).call(|| "getdents64(what is covered)")?;
    while let Some(entry) = entries.read() {
        let entry = entry.call(|| "getdents64(what is covered)")?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            one(from.as_fd(), to, name)?;
        }
    }
    Ok(())
}

/// Gives the root of the copy the owner of what it covers.
pub(crate) fn own(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let stat = fs::fstat(from).call(|| "fstat(what is covered)")?;
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    match fs::chownat(to, c".", Some(uid), Some(gid), AtFlags::empty()) {
        Ok(()) | Err(Errno::INVAL | Errno::PERM) => Ok(()),
        Err(errno) => Err(Error::new("fchownat(the copy)", errno)),
    }
}

fn one(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr) -> Result<()> {
    let stat = fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW).call(|| format!("fstatat({name:?})"))?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            fs::mkdirat(to, name, mode).call(|| format!("mkdirat({name:?})"))?;
            let made = open(to, name, OFlags::RDONLY | OFlags::DIRECTORY)?;
            copy(open(from, name, OFlags::PATH | OFlags::DIRECTORY)?.as_fd(), made.as_fd())?;
        }
        FileType::RegularFile => file(from, to, name, mode)?,
        FileType::Symlink => {
            let target = fs::readlinkat(from, name, Vec::new()).call(|| format!("readlinkat({name:?})"))?;
            fs::symlinkat(&target, to, name).call(|| format!("symlinkat({name:?})"))?;
        }
        FileType::Socket | FileType::Unknown => return Ok(()),
        kind => match fs::mknodat(to, name, kind, mode, stat.st_rdev) {
            // In a user namespace no device can be made, and one in the root would not work there.
            Err(Errno::PERM) => return Ok(()),
            made => made.call(|| format!("mknodat({name:?})"))?,
        },
    }
    finish(to, name, &stat)
}

fn file(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, mode: Mode) -> Result<()> {
    // Not to wait for the other end of a FIFO that has taken the file's place.
    let source = open(from, name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OPEN;
    let target = fs::openat(to, name, flags, mode).call(|| format!("openat({name:?}, O_CREAT|O_EXCL)"))?;
    while fs::sendfile(&target, &source, None, CHUNK).call(|| format!("sendfile({name:?})"))? > 0 {}
    Ok(())
}

/// Owner, permissions and times. An owner whom this user namespace does not have cannot be given anything.
fn finish(to: BorrowedFd<'_>, name: &CStr, stat: &Stat) -> Result<()> {
    let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
    match fs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) | Err(Errno::INVAL | Errno::PERM) => {}
        Err(errno) => return Err(Error::new(format!("fchownat({name:?})"), errno)),
    }
    // A change of the owner takes the set-user-ID bits away. Nobody but this process is in the new file system yet.
    if !FileType::from_raw_mode(stat.st_mode).is_symlink() {
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        fs::chmodat(to, name, mode, AtFlags::empty()).call(|| format!("fchmodat({name:?})"))?;
    }
    let time = |seconds, nanoseconds: u64| Timespec {
        tv_sec: seconds,
        tv_nsec: i64::try_from(nanoseconds).unwrap_or_default(),
    };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    fs::utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW).call(|| format!("utimensat({name:?})"))
}

fn open(at: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd> {
    fs::openat(at, name, flags | OPEN, Mode::empty()).call(|| format!("openat({name:?}, {flags:?})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    fn directory(path: &Path) -> OwnedFd {
        fs::open(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    #[test]
    fn a_tree_is_copied_with_all_that_can_be_seen_of_it() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to"));
        std::fs::create_dir_all(from.join("a/b")).unwrap();
        std::fs::create_dir(&to).unwrap();
        std::fs::write(place.path().join("secret"), "secret").unwrap();
        std::fs::write(from.join("a/b/file"), "content".repeat(1000)).unwrap();
        std::fs::set_permissions(from.join("a/b/file"), PermissionsExt::from_mode(0o4751)).unwrap();
        std::fs::set_permissions(from.join("a"), PermissionsExt::from_mode(0o1700)).unwrap();
        symlink("../secret", from.join("link")).unwrap();
        copy(directory(&from).as_fd(), directory(&to).as_fd()).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("a/b/file")).unwrap(), "content".repeat(1000));
        assert_eq!(std::fs::metadata(to.join("a/b/file")).unwrap().mode() & 0o7777, 0o4751);
        assert_eq!(std::fs::metadata(to.join("a")).unwrap().mode() & 0o7777, 0o1700);
        assert_eq!(std::fs::read_link(to.join("link")).unwrap(), Path::new("../secret"));
        let modified = |path: &Path| std::fs::symlink_metadata(path).unwrap().modified().unwrap();
        assert_eq!(modified(&to.join("link")), modified(&from.join("link")));
        assert_eq!(modified(&to.join("a/b")), modified(&from.join("a/b")));
    }
}
