//! This machine's own root as the root of a container: seen read-only through an overlay, with the mounts below it.
//!
//! What speaks for the running system is not brought along: /proc, /sys and /dev are the container's own, and /run and
//! /tmp, where the sockets of the host's services are, are empty.

use std::path::{Path, PathBuf};

use holm_mounts::{MountEntry, parse_mountinfo};
use holm_spec::OverlayRoot;
use oci_spec::runtime::Mount;

use crate::caller::Caller;
use crate::config::{ImageSettings, PreparedRoot, RootKind, bind, bind_tree, filesystem};
use crate::options::Size;
use crate::{Because, Result};

/// What a container of this machine's root does not see.
const REPLACED: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// File systems that show the kernel rather than files, or that mount others when they are looked at.
const NOT_FILES: [&str; 18] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "fusectl",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "securityfs",
    "sysfs",
    "tracefs",
];

/// Whether `path` is in a place that the container has its own version of.
pub(crate) fn is_replaced(path: &Path) -> bool {
    REPLACED.iter().any(|replaced| path.starts_with(replaced))
}

/// Makes the root ready; `path` is the directory of the bundle that it is mounted on.
///
/// # Errors
///
/// When the mounts or the root cannot be read.
pub(crate) fn prepare(path: PathBuf, size: Option<Size>, caller: &Caller) -> Result<PreparedRoot> {
    let failed = || "cannot read the mounts of this machine";
    let entries = parse_mountinfo(&std::fs::read("/proc/self/mountinfo").because(failed)?);
    let reachable = |path: &Path| rustix::fs::stat(path).is_ok();
    let mut mounts = mounts(&entries, size, &reachable);
    let mut overlay = OverlayRoot {
        lower: Vec::new(),
        parts: Vec::new(),
        links: Vec::new(),
        size: size.map(|size| size.to_string()),
    };
    if caller.is_machine_root() {
        overlay.lower.push(PathBuf::from("/"));
    } else {
        let mount_points = entries.iter().map(|entry| entry.mount_point.as_path());
        let left_out: Vec<&Path> = mount_points.chain(REPLACED.map(Path::new)).collect();
        let mut parts = Parts::default();
        parts.gather(Path::new("/"), &left_out).because(|| "cannot read this machine's root")?;
        mounts.extend(parts.files.iter().map(|file| bind(file, file, &["ro"])));
        (overlay.parts, overlay.links) = (parts.directories, parts.links);
    }
    Ok(PreparedRoot {
        kind: RootKind::Host,
        path,
        overlay: Some(overlay),
        mounts,
        settings: ImageSettings::default(),
    })
}

/// A root in pieces. In a user namespace of an ordinary user the mounts of the host are locked together, and a
/// directory that has one below it cannot be a layer of an overlay; those beside it can.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts {
    directories: Vec<PathBuf>,
    links: Vec<(PathBuf, PathBuf)>,
    files: Vec<PathBuf>,
}

impl Parts {
    /// Takes apart `directory`, which has some of `left_out` below it: places that are mounts, or that the container has
    /// its own version of. What cannot be read is not seen in the container.
    fn gather(&mut self, directory: &Path, left_out: &[&Path]) -> std::io::Result<()> {
        let mut children = std::fs::read_dir(directory)?.collect::<std::io::Result<Vec<_>>>()?;
        children.sort_by_key(std::fs::DirEntry::file_name);
        for child in children {
            let path = child.path();
            if left_out.contains(&path.as_path()) {
                continue;
            }
            let kind = child.file_type()?;
            if kind.is_symlink() {
                self.links.push((path.clone(), std::fs::read_link(&path)?));
            } else if kind.is_file() {
                self.files.push(path);
            } else if kind.is_dir() {
                self.add_directory(path, left_out);
            }
        }
        Ok(())
    }

    fn add_directory(&mut self, path: PathBuf, left_out: &[&Path]) {
        if left_out.iter().any(|place| place.starts_with(&path)) {
            let _ = self.gather(&path, left_out);
        } else {
            self.directories.push(path);
        }
    }
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
    let Some(root) = entries.iter().rfind(|entry| entry.mount_point == Path::new("/")) else {
        return Vec::new();
    };
    let wanted = |entry: &&MountEntry| {
        entry.parent == root.id
            && entry.mount_point != Path::new("/")
            && !is_replaced(&entry.mount_point)
            && !NOT_FILES.contains(&entry.fstype.as_str())
            // A configuration is JSON, which has no word for it.
            && entry.mount_point.to_str().is_some()
    };
    let mut paths: Vec<&Path> =
        entries.iter().filter(wanted).map(|entry| entry.mount_point.as_path()).collect();
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
        let mounts = mounts(&parse_mountinfo(MACHINE.as_bytes()), Some(Size::from_bytes(4096)), &reachable);
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
    fn a_directory_with_a_mount_below_is_taken_apart() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("root");
        for directory in ["usr/bin", "var/cache", "var/lib/data", "var/lib/other", "home"] {
            std::fs::create_dir_all(root.join(directory)).unwrap();
        }
        std::os::unix::fs::symlink("usr/bin", root.join("bin")).unwrap();
        std::fs::write(root.join("var/lib/file"), "").unwrap();
        let mounted = [root.join("var/lib/data"), root.join("home")];
        let mounted: Vec<&Path> = mounted.iter().map(PathBuf::as_path).collect();
        let mut parts = Parts::default();
        parts.gather(&root, &mounted).unwrap();
        assert_eq!(parts.directories, ["usr", "var/cache", "var/lib/other"].map(|path| root.join(path)));
        assert_eq!(parts.links, [(root.join("bin"), PathBuf::from("usr/bin"))]);
        assert_eq!(parts.files, [root.join("var/lib/file")]);
    }

    #[test]
    fn places_of_the_system_are_known_with_all_below_them() {
        assert!(is_replaced(Path::new("/run/user/1")) && is_replaced(Path::new("/tmp")));
        assert!(!is_replaced(Path::new("/running")) && !is_replaced(Path::new("/home")));
    }
}
