//! Writing maps to /proc/PID.

use std::os::fd::OwnedFd;

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::process::Pid;

use crate::IdMap;

/// Writes the uid map of the user namespace that process `pid` is in, with one write(2), as the kernel asks for.
///
/// # Errors
///
/// `EPERM` without `CAP_SETUID` over the parent namespace for more than the own id, or when there is a map already.
pub fn write_uid_map(pid: Pid, map: &IdMap) -> Result<()> {
    write(pid, "uid_map", &map.to_string())
}

/// As [`write_uid_map`], for gids. Without `CAP_SETGID` over the parent, after [`deny_setgroups`].
///
/// # Errors
///
/// As there.
pub fn write_gid_map(pid: Pid, map: &IdMap) -> Result<()> {
    write(pid, "gid_map", &map.to_string())
}

/// Denies setgroups(2) in the user namespace that process `pid` is in, for good: the price of a gid map without
/// `CAP_SETGID` (Linux 3.19).
///
/// # Errors
///
/// `EPERM` when there is a gid map already.
pub fn deny_setgroups(pid: Pid) -> Result<()> {
    write(pid, "setgroups", "deny")
}

/// Whether setgroups(2) is denied for good in the user namespace that process `pid` is in, and so in all below it; of a
/// process that has ended, or a kernel before Linux 3.19, it is not.
pub fn setgroups_denied(pid: Pid) -> bool {
    let path = format!("/proc/{}/setgroups", pid.as_raw_nonzero());
    std::fs::read_to_string(path).is_ok_and(|text| text.trim() == "deny")
}

fn write(pid: Pid, name: &str, text: &str) -> Result<()> {
    let directory = process_directory(pid)?;
    let call = || format!("open(\"/proc/{}/{name}\", O_WRONLY)", pid.as_raw_nonzero());
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::openat(&directory, name, flags, Mode::empty()).call(call)?;
    let call = || format!("write(\"/proc/{}/{name}\", {text:?})", pid.as_raw_nonzero());
    let written = rustix::io::write(&file, text.as_bytes()).call(call)?;
    if written == text.len() { Ok(()) } else { Err(Error::new(call(), Errno::IO)) }
}

/// /proc/PID, on a real procfs: what is mounted over /proc must not get a map of the caller's.
fn process_directory(pid: Pid) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = fs::openat(CWD, "/proc", flags, Mode::empty()).call(|| "open(\"/proc\", O_PATH)")?;
    let statfs = fs::fstatfs(&proc).call(|| "fstatfs(\"/proc\")")?;
    if statfs.f_type != fs::PROC_SUPER_MAGIC {
        return Err(Error::new("fstatfs(\"/proc\"): not a procfs", Errno::NODEV));
    }
    let pid = pid.as_raw_nonzero().to_string();
    fs::openat(&proc, pid.as_str(), flags | OFlags::NOFOLLOW, Mode::empty())
        .call(|| format!("open(\"/proc/{pid}\", O_PATH)"))
}
