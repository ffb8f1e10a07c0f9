//! The child's part: the mounts of `holm run`, by mount(2), which is one call where fsopen(2) and its like are six.

use std::convert::Infallible;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_sys::{CStrings, CloneFlags, execve, set_link_up, unshare};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::{Hierarchy, Result};

const NOTHING_BUT_DATA: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "dev/fd"),
    ("/proc/self/fd/0", "dev/stdin"),
    ("/proc/self/fd/1", "dev/stdout"),
    ("/proc/self/fd/2", "dev/stderr"),
    ("pts/ptmx", "dev/ptmx"),
];
const READ_ONLY: [&str; 5] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"];
const MASKED_FILES: [&str; 7] = [
    "proc/interrupts",
    "proc/kcore",
    "proc/keys",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/timer_list",
    "proc/timer_stats",
];
const MASKED_DIRECTORIES: [&str; 5] =
    ["proc/acpi", "proc/asound", "proc/scsi", "sys/devices/virtual/powercap", "sys/firmware"];

/// Enters the cgroups (`tasks` are those of v1), sets the namespaces up, mounts, and becomes `/bin/true` of `root`.
pub(crate) fn and_execute(root: &Path, tasks: &[OwnedFd], hierarchies: &[Hierarchy]) -> Result<Infallible> {
    for group in tasks {
        rustix::io::write(group, b"0")?;
    }
    unshare(CloneFlags::NEWCGROUP)?;
    rustix::system::sethostname(b"floor")?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    set_link_up(socket.as_fd(), "lo")?;
    take_root(root)?;
    file_systems()?;
    cgroups(hierarchies)?;
    devices()?;
    hide()?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Err(Box::new(execve(c"/bin/true", &CStrings::new(["/bin/true"])?, &CStrings::new(["PATH=/bin"])?)))
}

/// From here on, paths are relative to the new root.
fn take_root(root: &Path) -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount_bind_recursive(root, root)?;
    mount_remount(root, MountFlags::BIND | MountFlags::NODEV, c"")?;
    Ok(rustix::process::chdir(root)?)
}

fn file_systems() -> Result<()> {
    new("proc", "proc", NOTHING_BUT_DATA, c"")?;
    new("tmpfs", "dev", MountFlags::NOSUID | MountFlags::STRICTATIME, c"mode=755,size=65536k")?;
    new("sysfs", "sys", NOTHING_BUT_DATA, c"")?;
    mount_remount("sys", MountFlags::BIND | MountFlags::RDONLY | NOTHING_BUT_DATA, c"")?;
    for name in ["dev/pts", "dev/shm", "dev/mqueue"] {
        mkdirat(CWD, name, Mode::from_raw_mode(0o755))?;
    }
    let terminals = c"newinstance,ptmxmode=0666,mode=0620,gid=5";
    new("devpts", "dev/pts", MountFlags::NOSUID | MountFlags::NOEXEC, terminals)?;
    new("tmpfs", "dev/shm", NOTHING_BUT_DATA, c"mode=1777,size=67108864")?;
    new("mqueue", "dev/mqueue", NOTHING_BUT_DATA, c"")
}

fn new(fstype: &str, destination: &str, flags: MountFlags, data: &CStr) -> Result<()> {
    Ok(mount(fstype, destination, fstype, flags, data)?)
}

fn cgroups(hierarchies: &[Hierarchy]) -> Result<()> {
    const READ_ONLY: MountFlags = MountFlags::BIND.union(MountFlags::RDONLY).union(NOTHING_BUT_DATA);
    let directory = Path::new("sys/fs/cgroup");
    if let [only] = hierarchies
        && only.controllers.is_empty()
    {
        mount("cgroup", directory, "cgroup2", NOTHING_BUT_DATA, None)?;
        return Ok(mount_remount(directory, READ_ONLY, c"")?);
    }
    mount("cgroup", directory, "tmpfs", NOTHING_BUT_DATA, c"mode=755")?;
    for hierarchy in hierarchies {
        let place = directory.join(hierarchy.mount_point.file_name().ok_or("a mount point without a name")?);
        mkdirat(CWD, &place, Mode::from_raw_mode(0o755))?;
        let fstype = if hierarchy.controllers.is_empty() { "cgroup2" } else { "cgroup" };
        let data = std::ffi::CString::new(hierarchy.controllers.as_str())?;
        mount("cgroup", &place, fstype, NOTHING_BUT_DATA, data.as_c_str())?;
        mount_remount(&place, READ_ONLY, c"")?;
    }
    Ok(mount_remount(directory, READ_ONLY, c"")?)
}

fn devices() -> Result<()> {
    for name in DEVICES {
        let place = format!("dev/{name}");
        openat(CWD, &place, OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC, Mode::from_raw_mode(0o666))?;
        mount_bind(format!("/dev/{name}"), &place)?;
    }
    for (target, link) in LINKS {
        symlinkat(target, CWD, link)?;
    }
    Ok(())
}

/// What this kernel does not have is passed over.
fn hide() -> Result<()> {
    for path in READ_ONLY {
        if there(mount_bind_recursive(path, path))? {
            mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | NOTHING_BUT_DATA, c"")?;
        }
    }
    for path in MASKED_FILES {
        there(mount_bind("/dev/null", path))?;
    }
    for path in MASKED_DIRECTORIES {
        there(mount("masked", path, "tmpfs", MountFlags::RDONLY | NOTHING_BUT_DATA, c"size=0,nr_inodes=1"))?;
    }
    Ok(())
}

fn there(result: rustix::io::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
