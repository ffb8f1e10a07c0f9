//! The `mounts` section: what every container has, what its root brings along, what was asked for.

use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;

use super::{Blueprint, Choice, RootKind, procfs};
use crate::options::{MountKind, RequestedMount, Size};
use crate::userns::UserNamespace;
use crate::{Error, Result};

/// The size of /dev/shm, as Docker has it.
const SHM_SIZE: Size = Size::from_bytes(64 << 20);
/// The group that terminals belong to, so that wall(1) can write to them.
const TTY_GROUP: u32 = 5;

/// All mounts, each after those that are above it. A mount that was asked for takes the place of another at the same
/// destination.
///
/// # Errors
///
/// When one that was asked for would take from /proc what the container is kept in by, or contradicts an option.
pub(super) fn build(blueprint: &Blueprint<'_>) -> Result<Vec<Mount>> {
    let options = &blueprint.options.mounts;
    if options.shm_size.is_some() && blueprint.namespaces.ipc == Choice::Host {
        return Err(Error::new("--shm-size goes with an IPC namespace that is not the host's")
            .with_cause("with --ipc host the container has the host's /dev/shm, whose size is not changed")
            .with_hint("leave one of the two out"));
    }
    let is_procfs = |source: &Path| procfs::is_procfs(&blueprint.caller.cwd.join(source));
    options.mounts.iter().try_for_each(|mount| procfs::check(mount, &is_procfs))?;
    let asked: Vec<Mount> = options.mounts.iter().map(|m| requested(m, blueprint)).collect();
    // What comes along with the root below a mount that was asked for is hidden by it.
    let hidden =
        |mount: &&Mount| asked.iter().any(|other| mount.destination().starts_with(other.destination()));
    let mut mounts: Vec<Mount> =
        blueprint.root.mounts.iter().filter(|mount| !hidden(mount)).cloned().collect();
    mounts.extend(ordinary(blueprint));
    mounts.extend(
        blueprint
            .files
            .iter()
            .map(|file| bind(&file.source, &file.destination, &["ro", "nosuid", "nodev", "noexec"])),
    );
    mounts.extend(super::resources::device_mounts(blueprint));
    mounts.extend(volumes(blueprint));
    mounts.retain(|mount| !asked.iter().any(|other| other.destination() == mount.destination()));
    mounts.extend(asked);
    mounts.sort_by_key(|mount| mount.destination().components().count());
    Ok(mounts)
}

fn ordinary(blueprint: &Blueprint<'_>) -> Vec<Mount> {
    let mut mounts = vec![proc(blueprint)];
    mounts.extend(devices(blueprint));
    mounts.push(sys(blueprint));
    mounts.push(cgroup(blueprint));
    mounts
}

/// A new procfs shows the PID namespace of who mounts it, who must own that: so a new user namespace with a PID
/// namespace that is not its own sees the caller's procfs instead.
fn proc(blueprint: &Blueprint<'_>) -> Mount {
    let foreign = blueprint.namespaces.user == Choice::New && blueprint.namespaces.pid != Choice::New;
    if foreign {
        return bind_tree(Path::new("/proc"), "/proc", &["nosuid", "noexec", "nodev"]);
    }
    filesystem("/proc", "proc", "proc", &["nosuid", "noexec", "nodev"])
}

fn devices(blueprint: &Blueprint<'_>) -> Vec<Mount> {
    let mut mounts = Vec::with_capacity(4);
    mounts.push(if blueprint.options.security.privileged {
        bind_tree(Path::new("/dev"), "/dev", &["nosuid", "noexec", "dev"])
    } else {
        filesystem("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"])
    });
    mounts.push(terminals(blueprint));
    mounts.push(shared_memory(blueprint));
    mounts.extend(queues(blueprint));
    mounts
}

fn terminals(blueprint: &Blueprint<'_>) -> Mount {
    let mut options = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    let has_group = match blueprint.user_namespace {
        UserNamespace::New(maps) => maps.gid.to_host(TTY_GROUP).is_some(),
        UserNamespace::Host => blueprint.caller.has_gid(TTY_GROUP),
        UserNamespace::Join(_) => false,
    };
    if has_group {
        options.push("gid=5");
    }
    filesystem("/dev/pts", "devpts", "devpts", &options)
}

fn shared_memory(blueprint: &Blueprint<'_>) -> Mount {
    if blueprint.namespaces.ipc == Choice::Host {
        return bind_tree(Path::new("/dev/shm"), "/dev/shm", &["nosuid", "noexec", "nodev"]);
    }
    let size = format!("size={}", blueprint.options.mounts.shm_size.unwrap_or(SHM_SIZE));
    filesystem("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", &size])
}

/// The queues are those of the IPC namespace of who mounts them, who must own that. In the host's /dev no place is made
/// for them.
fn queues(blueprint: &Blueprint<'_>) -> Option<Mount> {
    const OPTIONS: [&str; 3] = ["nosuid", "noexec", "nodev"];
    if blueprint.options.security.privileged && !blueprint.caller.has_mqueue {
        return None;
    }
    let namespaces = blueprint.namespaces;
    let own = namespaces.ipc == Choice::New
        || namespaces.user == Choice::Host
        || of_one_process(&namespaces.ipc, &namespaces.user);
    match own {
        true => Some(filesystem("/dev/mqueue", "mqueue", "mqueue", &OPTIONS)),
        false if blueprint.namespaces.ipc == Choice::Host && blueprint.caller.has_mqueue => {
            Some(bind_tree(Path::new("/dev/mqueue"), "/dev/mqueue", &OPTIONS))
        }
        false => None,
    }
}

/// Whether both are joined, and come from the same process.
fn of_one_process(one: &Choice, other: &Choice) -> bool {
    match (one, other) {
        (Choice::Join(one), Choice::Join(other)) => one.parent() == other.parent(),
        _ => false,
    }
}

/// sysfs shows the network namespace of who mounts it, who must own that.
fn sys(blueprint: &Blueprint<'_>) -> Mount {
    let mut options = vec!["nosuid", "noexec", "nodev"];
    let foreign = blueprint.namespaces.user == Choice::New && blueprint.namespaces.network != Choice::New;
    if foreign {
        options.push("rro");
        return bind_tree(Path::new("/sys"), "/sys", &options);
    }
    if !blueprint.options.security.privileged {
        options.push("ro");
    }
    filesystem("/sys", "sysfs", "sysfs", &options)
}

/// A cgroup file system is mounted by who owns its cgroup namespace.
fn cgroup(blueprint: &Blueprint<'_>) -> Mount {
    let (user, cgroup) = (&blueprint.namespaces.user, &blueprint.namespaces.cgroup);
    let foreign = *user == Choice::New && *cgroup != Choice::New;
    if foreign || *user != Choice::Host && *cgroup == Choice::Host {
        let options = ["nosuid", "noexec", "nodev", "rro"];
        return bind_tree(Path::new("/sys/fs/cgroup"), "/sys/fs/cgroup", &options);
    }
    let mut options = vec!["nosuid", "noexec", "nodev", "relatime"];
    // Writing to the host's tree would reach the cgroups of others.
    if !blueprint.options.security.privileged || blueprint.namespaces.cgroup != Choice::New {
        options.push("ro");
    }
    filesystem("/sys/fs/cgroup", "cgroup", "cgroup", &options)
}

/// The places that an image means to be written to are in the writable overlay anyway; under a root that is
/// read-only each gets a tmpfs.
fn volumes(blueprint: &Blueprint<'_>) -> Vec<Mount> {
    if !blueprint.options.mounts.read_only || blueprint.root.kind != RootKind::Image {
        return Vec::new();
    }
    let places = blueprint.root.settings.volumes.iter().filter_map(|place| {
        let clean: PathBuf = Path::new("/").join(place).components().collect();
        let inside = !clean.components().any(|part| part == std::path::Component::ParentDir);
        (inside && clean.parent().is_some()).then_some(clean)
    });
    places.map(|place| filesystem(&place, "tmpfs", "tmpfs", &["nosuid", "nodev", "noexec"])).collect()
}

/// With all privileges go the devices in what is mounted: the runtime closes mounts that do not ask for them.
fn requested(mount: &RequestedMount, blueprint: &Blueprint<'_>) -> Mount {
    let mut options: Vec<&str> = mount.options.iter().map(String::as_str).collect();
    let said = options.iter().any(|option| ["dev", "nodev", "rdev", "rnodev"].contains(option));
    if blueprint.options.security.privileged && !said {
        options.push("dev");
    }
    match &mount.kind {
        MountKind::Bind(source) => {
            let source: PathBuf = blueprint.caller.cwd.join(source).components().collect();
            entry(&mount.destination, "bind", &source, &options)
        }
        MountKind::FileSystem(fstype) => filesystem(&mount.destination, fstype, fstype, &options),
    }
}

pub(crate) fn filesystem(
    destination: impl AsRef<Path>,
    fstype: &str,
    source: &str,
    options: &[&str],
) -> Mount {
    entry(destination.as_ref(), fstype, Path::new(source), options)
}

/// A bind mount of a whole tree, private.
pub(crate) fn bind_tree(source: &Path, destination: impl AsRef<Path>, options: &[&str]) -> Mount {
    entry(destination.as_ref(), "bind", source, &[&["rbind", "rprivate"], options].concat())
}

/// A bind mount of one file or directory, private.
pub(crate) fn bind(source: &Path, destination: &Path, options: &[&str]) -> Mount {
    entry(destination, "bind", source, &[&["bind", "rprivate"], options].concat())
}

fn entry(destination: &Path, fstype: &str, source: &Path, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount.set_destination(destination.to_owned());
    mount.set_typ(Some(fstype.to_owned()));
    mount.set_source(Some(source.to_owned()));
    mount.set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}
