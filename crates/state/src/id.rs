//! The ids of containers.

use crate::Error;

/// Checks that `id` can name a container, and with it a directory: runc's rule.
///
/// # Errors
///
/// [`Error::InvalidId`].
pub fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-' | b'.');
    if id.is_empty() || id.len() > 1024 || id == "." || id == ".." || !id.bytes().all(allowed) {
        return Err(Error::InvalidId { id: id.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_id;

    #[test]
    fn what_would_leave_the_directory_is_no_id() {
        for id in ["", ".", "..", "a/b", "../x", "a\0b", "a b", "ä"] {
            assert!(check_id(id).is_err(), "{id:?}");
        }
        for id in ["a", "web-1", "A_b+c.d", "..."] {
            assert!(check_id(id).is_ok(), "{id:?}");
        }
    }
}
