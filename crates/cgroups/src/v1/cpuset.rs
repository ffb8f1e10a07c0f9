//! A new v1 cpuset is empty, and nobody enters an empty one (ENOSPC): it gets what its parent has; cpuset(7).

use std::os::fd::BorrowedFd;

use holm_sys::{Errno, Error, Result};

use crate::file;

/// Gives the group `path` (from the mount point) the CPUs and memory nodes of its parent.
pub(crate) fn fill_cpuset(mount: BorrowedFd<'_>, path: &str) -> Result<()> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let value = value_above(mount, path, name)?;
        file::write(mount, &format!("{path}/{name}"), &value)?;
    }
    Ok(())
}

/// What the parent of `path` has; a parent that is empty too, because its maker has not filled it yet or never did,
/// is filled first.
fn value_above(mount: BorrowedFd<'_>, path: &str, name: &str) -> Result<String> {
    let mut empty = Vec::new();
    let mut at = path;
    let value = loop {
        let above = at.rsplit_once('/').map(|(above, _)| above);
        let file = above.map_or(name.to_owned(), |above| format!("{above}/{name}"));
        let value = file::read(mount, &file)?;
        if !value.trim().is_empty() {
            break value;
        }
        // The root of a hierarchy is never empty, but what is mounted may not be the root.
        at = above.ok_or_else(|| Error::new(format!("read({file:?}): an empty cpuset"), Errno::NOSPC))?;
        empty.push(file);
    };
    for file in empty.iter().rev() {
        file::write(mount, file, value.trim())?;
    }
    Ok(value.trim().to_owned())
}
