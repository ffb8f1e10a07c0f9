//! unshare(2).

use crate::{CloneFlags, Error, Result, assert_single_threaded};

/// Moves this process into new namespaces, as unshare(2) with `CLONE_NEW*` flags.
///
/// # Errors
///
/// `EBUSY` when the process has more than one thread: the others would stay behind, half in and half out. Else what
/// unshare(2) says.
pub fn unshare(flags: CloneFlags) -> Result<()> {
    assert_single_threaded()?;
    let bits = libc::c_int::try_from(flags.bits()).unwrap_or(-1);
    // SAFETY: unshare(2) takes only flags. CloneFlags has none that unshares memory, files or signal handlers, so no
    // invariant of the process's own memory changes.
    if unsafe { libc::unshare(bits) } == 0 {
        return Ok(());
    }
    Err(Error::from_io(format!("unshare({flags:?})"), &std::io::Error::last_os_error()))
}
