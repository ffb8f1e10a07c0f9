//! Devices of the host in the container's /dev.

use std::os::fd::AsFd;
use std::path::Path;

use holm_mounts::{Detached, MountAttr, set_attributes};
use holm_sys::Context;
use rustix::fs::{self, CWD, FileType, Mode, OFlags};

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult};

/// Binds the host's device, verified by its number: what is called null need not be it.
pub(crate) fn bind(bench: &ChildBench, name: &str, number: (u32, u32)) -> StepResult {
    let mount = host_device(name, number)?;
    let target =
        bench.root()?.strict().make_file(&Path::new("/dev").join(name), Mode::from_raw_mode(0o666))?;
    mount.attach(target.as_fd())?;
    close_inode(&mount)
}

/// What is read from and written to a device is not kept from it by a read-only mount; what is changed on its node is.
/// It is the host's own node, so its mode, owner and times are the host's too.
pub(crate) fn close_inode(mount: &Detached) -> StepResult {
    let closed = MountAttr::RDONLY | MountAttr::NOSUID | MountAttr::NOEXEC;
    Ok(set_attributes(mount.as_fd(), closed, MountAttr::empty(), false)?)
}

/// A mount of the host's device node alone.
pub(crate) fn host_device(name: &str, (major, minor): (u32, u32)) -> Result<Detached, StepError> {
    let path = Path::new("/dev").join(name);
    let node = fs::openat(CWD, &path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({path:?}, O_PATH|O_NOFOLLOW)"))?;
    let stat = fs::fstat(&node).call(|| format!("fstat({path:?})"))?;
    if !FileType::from_raw_mode(stat.st_mode).is_char_device() || stat.st_rdev != fs::makedev(major, minor) {
        let hint = format!("on this host {} is not the character device {major}:{minor}", path.display());
        return Err(StepError::new(format!("fstat({path:?}): another device, or none")).hinting(hint));
    }
    Ok(Detached::copy_of(node.as_fd(), false)?)
}
