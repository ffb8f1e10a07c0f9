//! `cgroup.kill` (Linux 5.14): every process of a group and those below it at once, whatever it forks meanwhile.

use holm_sys::Errno;

use crate::Result;
use crate::directory::Directory;

/// Kills all; false where the kernel has no such file, or the group is gone.
pub(crate) fn kill(directory: &Directory) -> Result<bool> {
    match directory.write("cgroup.kill", "1") {
        // EOPNOTSUPP: a group that the container made threaded.
        Err(e) if matches!(e.errno(), Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP) => Ok(false),
        written => Ok(written.map(|()| true)?),
    }
}
