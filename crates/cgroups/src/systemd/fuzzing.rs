//! The bus, for `crate::fuzzing`.

use super::bus::message::{HEAD, Message};

/// Reads a message of these bytes, and writes what it was.
pub(crate) fn message(bytes: &[u8]) {
    // As who reads from a connection does: the length, and then as much.
    let length = bytes.first_chunk::<HEAD>().and_then(|head| Message::length(head).ok());
    let whole = length.and_then(|length| bytes.get(..length));
    for bytes in whole.into_iter().chain([bytes]) {
        if let Ok(Some(message)) = Message::read(bytes) {
            let _ = message.write();
        }
    }
}
