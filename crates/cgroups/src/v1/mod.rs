//! What version 1 does in its own way; cgroups(7), "Cgroups version 1".

pub(crate) mod blkio;
pub(crate) mod cpu;
mod cpuset;
pub(crate) mod devices;
mod entrance;
mod freezer;
pub(crate) mod hugetlb;
pub(crate) mod memory;
pub(crate) mod net_cls;
pub(crate) mod net_prio;

pub(crate) use cpuset::fill_cpuset;
pub use entrance::Entrance;
pub(crate) use entrance::entrance;
pub(crate) use freezer::{begin_freezing, freeze, state, thaw};

/// CGROUP_SUPER_MAGIC of statfs(2).
pub(crate) const MAGIC: u64 = 0x0027_e0eb;
/// The controller that freezes.
pub(crate) const FREEZER: &str = "freezer";
/// The controller that needs filling.
pub(crate) const CPUSET: &str = "cpuset";
