//! What may be mounted on /proc: nothing that would hide from the kernel's own checks, or from the container's, what
//! is said there about it (as runc has it).

use std::path::Path;

use crate::options::{MountKind, RequestedMount};
use crate::{Error, Result};

/// Files that say something about the machine, over which others may be laid that say it about the container.
const REPLACEABLE: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/net/dev",
    "/proc/slabinfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/uptime",
];

/// Checks a mount on /proc or below it; `is_procfs` tells whether a source is a procfs.
///
/// # Errors
///
/// When it is not a procfs, or not over one of the files that may be replaced.
pub(super) fn check(mount: &RequestedMount, is_procfs: &dyn Fn(&Path) -> bool) -> Result<()> {
    if !mount.destination.starts_with("/proc") {
        return Ok(());
    }
    let whole = mount.destination == Path::new("/proc");
    let allowed = match &mount.kind {
        MountKind::FileSystem(fstype) => whole && *fstype == "proc",
        MountKind::Bind(source) if whole => is_procfs(source),
        MountKind::Bind(_) => REPLACEABLE.iter().any(|path| mount.destination == Path::new(path)),
    };
    if allowed {
        return Ok(());
    }
    let refused = Error::new(format!("nothing else is mounted on {}", mount.destination.display()));
    Err(if whole {
        refused
            .with_cause(
                "what hides parts of /proc from the container, and its own confinement, need a procfs there",
            )
            .with_hint("take type=proc, or the host's: -v /proc:/proc")
    } else {
        refused
            .with_cause("below /proc, mounts could feign what the container is confined by")
            .with_hint(format!("these may be replaced by a file: {}", REPLACEABLE.join(" ")))
    })
}

/// Whether `path` is the top of a procfs. What cannot be looked at is not.
pub(super) fn is_procfs(path: &Path) -> bool {
    /// The inode of the top of every procfs (`PROC_ROOT_INO` in the kernel).
    const TOP: u64 = 1;
    let is_top =
        std::fs::metadata(path).is_ok_and(|found| std::os::unix::fs::MetadataExt::ino(&found) == TOP);
    is_top && rustix::fs::statfs(path).is_ok_and(|found| found.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{parse_mount, parse_tmpfs, parse_volume};

    fn allowed(mount: &RequestedMount) -> bool {
        check(mount, &|source| source == Path::new("/some/procfs")).is_ok()
    }

    #[test]
    fn on_proc_itself_only_a_procfs() {
        assert!(allowed(&parse_mount("type=proc,dst=/proc").unwrap()));
        assert!(allowed(&parse_volume("/some/procfs:/proc").unwrap()));
        assert!(!allowed(&parse_volume("/etc:/proc").unwrap()));
        assert!(!allowed(&parse_tmpfs("/proc").unwrap()));
        assert!(!allowed(&parse_mount("type=sysfs,dst=/proc").unwrap()));
    }

    #[test]
    fn below_proc_only_files_about_the_machine() {
        assert!(allowed(&parse_volume("/a:/proc/meminfo").unwrap()));
        for text in ["/a:/proc/self/attr", "/a:/proc/sys", "/some/procfs:/proc/1", "/a:/proc/meminfo/x"] {
            assert!(!allowed(&parse_volume(text).unwrap()), "{text}");
        }
        assert!(!allowed(&parse_tmpfs("/proc/acpi").unwrap()));
        assert!(allowed(&parse_volume("/a:/process").unwrap()));
    }

    #[test]
    fn a_procfs_is_known_by_its_top() {
        assert!(is_procfs(Path::new("/proc")));
        assert!(!is_procfs(Path::new("/proc/sys")) && !is_procfs(Path::new("/etc")));
        assert!(!is_procfs(Path::new("/nowhere/at/all")));
    }
}
