//! Who a process is and what it may do: ids, capabilities, resource limits, no_new_privs.
//!
//! The calls act on the calling thread (credentials(7), "NOTES"): a caller that means its process has one thread.
#![forbid(unsafe_code)]

mod apply;
mod capability;
mod identity;
mod privileges;
mod rlimit;

pub use apply::{
    Capabilities, current, drop_bounding, keep_capabilities, known, set_ambient, set_capabilities,
};
pub use capability::{Capability, CapabilitySet, UnknownCapability, docker_default};
pub use identity::{Setgroups, set_ids};
pub use privileges::{become_subreaper, die_with_parent, set_dumpable, set_no_new_privs};
pub use rlimit::{LimitError, Resource, ResourceLimit, Rlimit, UnknownResource, set_rlimit};
