//! This machine's own root as the root of a container: seen read-only through an overlay, with the mounts below it.
//!
//! What speaks for the running system is not brought along: /proc, /sys and /dev are the container's own, and /run and
//! /tmp, where the sockets of the host's services are, are empty.

use std::path::{Path, PathBuf};

use holm_mounts::{MountEntry, parse_mountinfo};
use oci_spec::runtime::Mount;

use crate::config::{ImageSettings, PreparedRoot, RootKind, bind_tree, filesystem};
use crate::options::Size;
use crate::{Because, Result};

/// What a container of this machine's root does not see.
const REPLACED: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// File systems that show the kernel rather than files, or that mount others when they are looked at.
const NOT_FILES: [&str; 18] = [
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "mqueue", "nsfs", "proc", "pstore", "securityfs", "sysfs", "tracefs",
];

/// Whether `path` is in a place that the container has its own version of.
pub(crate) fn is_replaced(path: &Path) -> bool {
    REPLACED.iter().any(|replaced| path.starts_with(replaced))
}

/// Makes the root ready; `path` is the directory of the bundle that the overlay is mounted on.
///
/// # Errors
///
/// When the mounts cannot be read.
pub(crate) fn prepare(path: PathBuf, size: Option<Size>) -> Result<PreparedRoot> {
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").because(|| "cannot read the mounts of this machine")?;
    let reachable = |path: &Path| rustix::fs::stat(path).is_ok();
    Ok(PreparedRoot {
        kind: RootKind::Host,
        path,
        layers: vec![PathBuf::from("/")],
        mounts: mounts(&parse_mountinfo(&mountinfo), size, &reachable),
        settings: ImageSettings::default(),
    })
}

/// The mounts that come along, and what takes the place of those that do not.
fn mounts(entries: &[MountEntry], size: Option<Size>, reachable: &dyn Fn(&Path) -> bool) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = directly_below_root(entries)
        .into_iter()
        .filter(|path| reachable(path))
        .map(|path| bind_tree(path, path, &["rro"]))
        .collect();
    let bound = size.map(|size| format!("size={size}"));
    for (place, mode) in [("/run", "mode=0755"), ("/tmp", "mode=1777")] {
        let options: Vec<&str> = ["nosuid", "nodev", mode].into_iter().chain(bound.as_deref()).collect();
        mounts.push(filesystem(place, "tmpfs", "tmpfs", &options));
    }
    mounts
}

/// The mounts on the root's own files; each brings what is mounted below it. One that is under another of them is
/// hidden by it.
fn directly_below_root(entries: &[MountEntry]) -> Vec<&Path> {
    let Some(root) = entries.iter().rfind(|entry| entry.mount_point == Path::new("/")) else { return Vec::new() };
    let wanted = |entry: &&MountEntry| {
        entry.parent == root.id
            && entry.mount_point != Path::new("/")
            && !is_replaced(&entry.mount_point)
            && !NOT_FILES.contains(&entry.fstype.as_str())
    };
    let mut paths: Vec<&Path> = entries.iter().filter(wanted).map(|entry| entry.mount_point.as_path()).collect();
    paths.sort();
    paths.dedup_by(|later, earlier| later.starts_with(earlier));
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "\
1 0 8:1 / / rw - ext4 /dev/root rw
20 1 0:20 / /proc rw - proc proc rw
21 1 0:21 / /home rw - ext4 /dev/sdb rw
22 21 0:22 / /home/a/mnt rw - ext4 /dev/sdc rw
23 1 0:23 / /run rw - tmpfs tmpfs rw
24 23 0:24 / /run/user/1 rw - tmpfs tmpfs rw
25 1 0:25 / /srv/my\\040data rw - xfs /dev/sdd rw
26 1 0:26 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw
27 1 0:27 / /home/b rw - ext4 /dev/sde rw
28 1 0:28 / /net rw - autofs auto rw
29 1 0:29 / /secret rw - ext4 /dev/sdf rw
";

    fn destinations() -> Vec<(PathBuf, Vec<String>)> {
        let reachable = |path: &Path| path != Path::new("/secret");
        let mounts = mounts(&parse_mountinfo(MACHINE), Some(Size::from_bytes(4096)), &reachable);
        mounts.iter().map(|m| (m.destination().clone(), m.options().clone().unwrap())).collect()
    }

    #[test]
    fn the_mounts_of_files_come_along_read_only_and_those_of_the_system_do_not() {
        let seen = destinations();
        let paths: Vec<_> = seen.iter().map(|(path, _)| path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/home", "/srv/my data", "/run", "/tmp"]);
        assert!(seen[..2].iter().all(|(_, options)| *options == ["rbind", "rprivate", "rro"]));
    }

    #[test]
    fn run_and_tmp_are_empty_and_bounded() {
        let seen = destinations();
        assert_eq!(seen[3].1, ["nosuid", "nodev", "mode=1777", "size=4096"]);
    }

    #[test]
    fn places_of_the_system_are_known_with_all_below_them() {
        assert!(is_replaced(Path::new("/run/user/1")) && is_replaced(Path::new("/tmp")));
        assert!(!is_replaced(Path::new("/running")) && !is_replaced(Path::new("/home")));
    }
}
