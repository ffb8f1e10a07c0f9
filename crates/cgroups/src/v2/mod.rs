//! What version 2 does in its own way; Documentation/admin-guide/cgroup-v2.rst of the kernel.

mod controllers;
pub(crate) mod cpu;
pub(crate) mod devices;
mod events;
mod freezer;
pub(crate) mod hugetlb;
pub(crate) mod io;
mod kill;
pub(crate) mod memory;
pub(crate) mod rdma;
pub(crate) mod unified;

pub(crate) use controllers::{enable, enable_all};
pub(crate) use events::{Event, wait_for};
pub(crate) use freezer::{begin_freezing, freeze, state, thaw};
pub(crate) use kill::kill;

/// CGROUP2_SUPER_MAGIC of statfs(2).
pub(crate) const MAGIC: u64 = 0x6367_7270;
