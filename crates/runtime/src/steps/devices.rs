//! The nodes of the container's devices.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_mounts::{Detached, Found, MountAttr, Node, Root};
use holm_plan::MountChange;
use holm_spec::{Device, DeviceKind};
use holm_sys::{Context, Errno};
use rustix::fs::{self, CWD, Dev, FileType, Mode, OFlags};

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult, mounts};

/// Makes a node. Where the kernel does not allow it (no CAP_MKNOD, or a device rule), the host's is bound instead.
pub(crate) fn make(bench: &ChildBench, device: &Device, own_mount: bool, default: bool) -> StepResult {
    let node = Node {
        kind: file_type(device.kind),
        number: number(device),
        mode: Mode::from_raw_mode(device.mode),
        owner: (device.uid, device.gid),
    };
    match place(bench, device)?.make_node(&device.path, &node) {
        Ok(Found::Node(node)) if own_mount => open_alone(bench, &node),
        Ok(Found::Node(_)) => Ok(()),
        Ok(Found::Other(there)) if default => cover(bench, &host_device(device)?, there.as_fd()),
        Ok(Found::Other(_)) => Err(occupied(device)),
        Err(error) if matches!(error.errno(), Errno::PERM | Errno::ACCESS) => bind(bench, device),
        Err(error) => Err(error.into()),
    }
}

/// Binds the host's device, verified by its number: what is called null need not be it.
pub(crate) fn bind(bench: &ChildBench, device: &Device) -> StepResult {
    let mount = host_device(device)?;
    let target = place(bench, device)?.make_file(&device.path, Mode::from_raw_mode(0o666))?;
    cover(bench, &mount, target.as_fd())
}

/// In a /dev of the root no link is followed.
fn place(bench: &ChildBench, device: &Device) -> Result<Root, StepError> {
    let root = bench.root()?;
    Ok(if device.path.starts_with("/dev") { root.strict() } else { root.clone() })
}

/// Puts the host's node over what is there. What is read from and written to a device is not kept from it by a read-only mount;
/// what is changed on its node is. It is the host's own node, so its mode, owner and times are the host's too.
pub(crate) fn cover(bench: &ChildBench, mount: &Detached, target: BorrowedFd<'_>) -> StepResult {
    let set = MountAttr::RDONLY | MountAttr::NOSUID | MountAttr::NOEXEC;
    mounts::put(bench, mount, target, &MountChange { set, ..MountChange::default() })
}

/// The node is mounted over itself, as what it is: around it nodes do nothing.
fn open_alone(bench: &ChildBench, node: &OwnedFd) -> StepResult {
    let mount = Detached::copy_of(node.as_fd(), false)?;
    let (set, clear) = (MountAttr::NOSUID | MountAttr::NOEXEC, MountAttr::NODEV);
    mounts::put(bench, &mount, node.as_fd(), &MountChange { set, clear, ..MountChange::default() })
}

fn occupied(device: &Device) -> StepError {
    let path = device.path.display();
    StepError::new(format!("mknodat({path}): something else is there"))
        .hinting(format!("remove {path} from the root, or give the device another path"))
}

/// A mount of the host's null device.
pub(crate) fn host_null() -> Result<Detached, StepError> {
    host_device(&Device::character("/dev/null", 1, 3))
}

/// A mount of the host's device node alone: the one of the same path, or the one that udev has by its number.
fn host_device(device: &Device) -> Result<Detached, StepError> {
    let by_number = match device.kind {
        DeviceKind::Block => "/dev/block",
        DeviceKind::Character | DeviceKind::Fifo => "/dev/char",
    };
    let by_number = PathBuf::from(format!("{by_number}/{}:{}", device.major, device.minor));
    let same_path = host_node(&device.path, OFlags::NOFOLLOW, device);
    let node = match same_path {
        Ok(Some(node)) => node,
        other => match host_node(&by_number, OFlags::empty(), device) {
            Ok(Some(node)) => node,
            _ => return Err(other.err().unwrap_or_else(|| another(device))),
        },
    };
    Ok(Detached::copy_of(node.as_fd(), false)?)
}

/// The host's node at `path`; `None` when something else is there.
fn host_node(path: &Path, flags: OFlags, device: &Device) -> Result<Option<OwnedFd>, StepError> {
    let node = fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())
        .call(|| format!("open({path:?}, O_PATH)"))?;
    let stat = fs::fstat(&node).call(|| format!("fstat({})", node.as_raw_fd()))?;
    let same = FileType::from_raw_mode(stat.st_mode) == file_type(device.kind);
    Ok((same && stat.st_rdev == number(device)).then_some(node))
}

fn another(device: &Device) -> StepError {
    let path = device.path.display();
    StepError::new(format!("fstat({path}): another device, or none"))
        .hinting(format!("on this host {path} is not {device}"))
}

fn number(device: &Device) -> Dev {
    fs::makedev(device.major, device.minor)
}

fn file_type(kind: DeviceKind) -> FileType {
    match kind {
        DeviceKind::Character => FileType::CharacterDevice,
        DeviceKind::Block => FileType::BlockDevice,
        DeviceKind::Fifo => FileType::Fifo,
    }
}
