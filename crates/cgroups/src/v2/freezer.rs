//! The freezer of version 2: `cgroup.freeze` (Linux 5.2).

use std::os::fd::AsFd;
use std::time::Instant;

use crate::directory::Directory;
use crate::{FreezerState, Result, v2, wait};

const FREEZE: &str = "cgroup.freeze";

/// Freezes, and returns when every process has stopped.
pub(crate) fn freeze(directory: &Directory, deadline: Instant) -> Result<()> {
    begin_freezing(directory)?;
    let group = directory.open_group()?;
    if v2::wait_for(group.as_fd(), v2::Event::Frozen, deadline)? {
        return Ok(());
    }
    thaw(directory)?;
    Err(wait::busy(directory))
}

/// Tells every process to stop, without waiting for it.
pub(crate) fn begin_freezing(directory: &Directory) -> Result<()> {
    Ok(directory.write(FREEZE, "1")?)
}

/// Lets all go on.
pub(crate) fn thaw(directory: &Directory) -> Result<()> {
    Ok(directory.write(FREEZE, "0")?)
}

/// What was asked for, and whether it has come about.
pub(crate) fn state(directory: &Directory) -> Result<FreezerState> {
    if directory.read(FREEZE)?.trim() != "1" {
        return Ok(FreezerState::Thawed);
    }
    let frozen = directory.read("cgroup.events")?.lines().any(|line| line == "frozen 1");
    Ok(if frozen { FreezerState::Frozen } else { FreezerState::Freezing })
}
