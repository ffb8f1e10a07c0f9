//! The id maps of user namespaces (user_namespaces(7), "User and group ID mappings").

mod map;
mod programs;
pub mod subid;
mod write;

pub use map::{IdMap, IdMapError, Mapping};
pub use programs::{IdMapper, ProgramError};
pub use write::{deny_setgroups, setgroups_denied, write_gid_map, write_uid_map};
