//! The freezer of version 1: `freezer.state`.

use std::time::Instant;

use crate::directory::Directory;
use crate::{FreezerState, Result, wait};

const STATE: &str = "freezer.state";

/// Freezes, and returns when every process has stopped.
///
/// The file tells no change by poll(2), and a process that was just forked is only caught by asking again.
pub(crate) fn freeze(directory: &Directory, deadline: Instant) -> Result<()> {
    loop {
        begin_freezing(directory)?;
        if state(directory)? == FreezerState::Frozen {
            return Ok(());
        }
        if !wait::tick(deadline)? {
            // Half frozen is worse than not at all.
            thaw(directory)?;
            return Err(wait::busy(directory));
        }
    }
}

/// Tells every process to stop, without waiting for it.
pub(crate) fn begin_freezing(directory: &Directory) -> Result<()> {
    Ok(directory.write(STATE, "FROZEN")?)
}

/// Lets all go on.
pub(crate) fn thaw(directory: &Directory) -> Result<()> {
    Ok(directory.write(STATE, "THAWED")?)
}

/// What the kernel says; asking makes it look again.
pub(crate) fn state(directory: &Directory) -> Result<FreezerState> {
    Ok(match directory.read(STATE)?.trim() {
        "FROZEN" => FreezerState::Frozen,
        "FREEZING" => FreezerState::Freezing,
        _ => FreezerState::Thawed,
    })
}
