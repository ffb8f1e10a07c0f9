//! The devices controller of version 1.

use std::os::fd::AsFd;

use rustix::fs::OFlags;

use crate::directory::Directory;
use crate::resources::DevicePolicy;
use crate::{Result, file};

/// Writes the policy: all or nothing first, which clears what was there, and then the exceptions. The kernel takes a
/// write(2) for each.
pub(crate) fn set(directory: &Directory, policy: &DevicePolicy) -> Result<()> {
    let (first, then) = if policy.default_allow() {
        ("devices.allow", "devices.deny")
    } else {
        ("devices.deny", "devices.allow")
    };
    directory.write(first, "a")?;
    if policy.exceptions().is_empty() {
        return Ok(());
    }
    let path = directory.file(then);
    let open = file::open(directory.mount.as_fd(), &path, OFlags::WRONLY)?;
    for exception in policy.exceptions() {
        file::write_to(open.as_fd(), &path, &exception.to_string())?;
    }
    Ok(())
}
