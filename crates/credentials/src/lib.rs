//! Who a process is, what it may do and how it runs: ids, capabilities, resource limits, no_new_privs, scheduling.
//!
//! The calls act on the calling thread (credentials(7), "NOTES"): a caller that means its process has one thread.
#![forbid(unsafe_code)]

mod accounts;
mod apply;
mod capability;
mod identity;
mod privileges;
mod rlimit;
mod scheduling;

pub use accounts::name_of;
pub use apply::{
    Capabilities, current, drop_bounding, keep_capabilities, known, set_ambient, set_capabilities,
};
pub use capability::{Capability, CapabilitySet, UnknownCapability, docker_default};
pub use identity::{Setgroups, set_ids};
pub use privileges::{become_subreaper, die_with_parent, set_dumpable, set_no_new_privs};
pub use rlimit::{LimitError, Resource, ResourceLimit, Rlimit, UnknownResource, set_rlimit};
pub use scheduling::{IoClass, MemoryPolicy, NumberSet, Scheduling, set_cpus, set_io_priority};
