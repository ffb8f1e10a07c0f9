//! keyctl(2).

use crate::{Error, Result};

const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;

/// Joins a new anonymous session keyring, as `keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)`: the container does not
/// inherit the keys of whoever started it. See session-keyring(7).
///
/// # Errors
///
/// `ENOSYS` in a kernel without keyrings, `EDQUOT` at the user's quota.
pub fn join_session_keyring() -> Result<()> {
    // SAFETY: a null name asks for an anonymous keyring; nothing is dereferenced.
    let result = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<libc::c_char>())
    };
    if result < 0 {
        let error = std::io::Error::last_os_error();
        return Err(Error::from_io("keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)", &error));
    }
    Ok(())
}
