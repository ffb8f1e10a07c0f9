//! What version 2 does in its own way; Documentation/admin-guide/cgroup-v2.rst of the kernel.

mod events;
mod freezer;
mod kill;

pub(crate) use events::{Event, wait_for};
pub(crate) use freezer::{begin_freezing, freeze, state, thaw};
pub(crate) use kill::kill;

/// CGROUP2_SUPER_MAGIC of statfs(2).
pub(crate) const MAGIC: u64 = 0x6367_7270;
