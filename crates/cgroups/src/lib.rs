//! Control groups of one container, on hosts with v1, v2 or both; cgroups(7).
//!
//! A [`Layout`] says which hierarchies there are and where; it is plain data, read once. A [`CgroupPath`] is the
//! checked `linux.cgroupsPath` of an OCI config. A [`Cgroup`] is the set of directories of one container, one in
//! each hierarchy: made, entered, killed, frozen and removed together, and remembered as a [`Record`] by the
//! processes that come later.
//!
//! # Into the group without a wait
//!
//! Writing a pid into `cgroup.procs` makes the kernel wait for an RCU grace period when nobody has moved a process
//! for some time: 5 to 20 ms. Two ways do without: being born there (v2, [`Cgroup::v2_dir_fd`] with
//! `CLONE_INTO_CGROUP`), and moving oneself as a single thread (v1, [`Cgroup::entrance`], Linux 5.5).
//! [`Cgroup::attach`] is for all other processes.
#![forbid(unsafe_code)]

mod delegation;
mod delete;
mod directory;
mod error;
mod file;
mod freezer;
#[cfg(fuzzing)]
pub mod fuzzing;
mod group;
mod kill;
mod layout;
mod oom;
mod path;
mod rdt;
mod record;
mod resources;
mod stats;
mod subgroup;
mod systemd;
mod v1;
mod v2;
mod wait;
mod walk;

pub use delegation::{delegated, may_make_beside};
pub use error::Error;
pub use freezer::FreezerState;
pub use group::{Cgroup, CreateOptions};
pub use layout::{Hierarchy, Kind, Layout, Version};
pub use oom::OomWatch;
pub use path::CgroupPath;
pub use rdt::{RdtGroup, RdtOrigin, RdtRecord, find_resctrl};
pub use record::{DirectoryRecord, Record};
pub use resources::{
    Access, BlockIo, Cpu, Cpuset, DeviceNumber, DevicePolicy, DeviceRule, DeviceType, Exception,
    HugePageLimit, Memory, Network, Rdma, Resources, Throttle, WeightDevice,
};
pub use stats::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, CpusetStats, HugetlbStats, MemoryEntry, MemoryStats,
    PidsStats, Pressure, PressureLine, Stats, Throttling,
};
pub use subgroup::SubGroup;
pub use systemd::{AskedProperty, Scope, Unit, Whose};
pub use v1::Entrance;

/// The result of what this crate does.
pub type Result<T> = std::result::Result<T, Error>;
