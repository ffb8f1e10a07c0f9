//! The eight kinds of Linux namespaces: handles, joining, making, and the id maps of user namespaces.
//!
//! A [`Namespace`] is an open descriptor with its [`Kind`], verified by the kernel to be what it says. See
//! namespaces(7).
//!
//! ```no_run
//! use holm_namespaces::{Kind, Namespace, join};
//!
//! // The network namespace of process 4711, joined by this thread: nsenter --net --target 4711
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pid = rustix::process::Pid::from_raw(4711).ok_or("no pid")?;
//! let network = Namespace::of_process(pid, Kind::Network)?;
//! println!("{} is owned by {}", network.id()?, network.owner()?.id()?);
//! join(&network)?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

pub mod idmap;
mod join;
mod kind;
mod namespace;
mod order;
mod time;

pub use idmap::{IdMap, IdMapError, Mapping};
pub use join::{join, join_process, unshare};
pub use kind::{Kind, Kinds, UnknownKind};
pub use namespace::{Error, Namespace, NamespaceId, own_user_namespace_is_initial};
pub use order::join_order;
pub use time::{OffsetError, TimeOffset, TimeOffsets};
