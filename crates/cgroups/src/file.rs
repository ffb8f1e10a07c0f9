//! Reading and writing the small files of a cgroup filesystem, by directory fd.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use holm_sys::{Context, Errno, Result};
use rustix::fs::{Mode, OFlags, openat};
use rustix::process::Pid;

/// Opens a file below `dir` with O_CLOEXEC and O_NOFOLLOW.
pub(crate) fn open(dir: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    openat(dir, path, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
        .call(|| format!("openat({}, {path:?}, {flags:?})", dir.as_raw_fd()))
}

/// The whole text of a file.
pub(crate) fn read(dir: BorrowedFd<'_>, path: &str) -> Result<String> {
    let file = open(dir, path, OFlags::RDONLY)?;
    read_from(file.as_fd(), path)
}

/// The whole text of an open file, from where it stands.
pub(crate) fn read_from(file: BorrowedFd<'_>, path: &str) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_bytes(file, path)?).into_owned())
}

/// The same as bytes. In large pieces: the kernel makes these texts anew for each call.
pub(crate) fn read_bytes(file: BorrowedFd<'_>, path: &str) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut piece = [0_u8; 8192];
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::read(file, &mut piece))
            .call(|| format!("read({}, {path:?})", file.as_raw_fd()))?;
        match piece.get(..length) {
            Some([]) | None => return Ok(text),
            Some(got) => text.extend_from_slice(got),
        }
    }
}

/// Writes `text` in one call: these files take each write(2) as one command.
pub(crate) fn write(dir: BorrowedFd<'_>, path: &str, text: &str) -> Result<()> {
    let file = open(dir, path, OFlags::WRONLY)?;
    write_to(file.as_fd(), path, text)
}

/// The same for a file that is open; `path` is for the error.
pub(crate) fn write_to(file: BorrowedFd<'_>, path: &str, text: &str) -> Result<()> {
    let call = || format!("write({path:?}, {text:?})");
    let written = rustix::io::retry_on_intr(|| rustix::io::write(file, text.as_bytes())).call(call)?;
    if written == text.len() { Ok(()) } else { Err(holm_sys::Error::new(call(), Errno::IO)) }
}

/// The processes that a `cgroup.procs` lists; those outside of the caller's PID namespace (0) are left out.
pub(crate) fn pids(text: &str) -> impl Iterator<Item = Pid> + '_ {
    text.lines().filter_map(|line| line.trim().parse().ok().and_then(holm_sys::pid_of_number))
}

#[cfg(test)]
mod tests {
    use super::pids;

    #[test]
    fn what_is_no_process_of_this_namespace_is_left_out() {
        let numbers: Vec<_> = pids("7\n0\n-1\nx\n\n12").map(|pid| pid.as_raw_nonzero().get()).collect();
        assert_eq!(numbers, [7, 12]);
    }
}
