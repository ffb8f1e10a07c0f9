//! The state of containers on disk.
//!
//! A [`Root`] is a directory of this user's own, with a directory for each container: its record (written beside
//! and renamed over, so that a reader sees the old one or the new one), its lock, its start socket. What a crash
//! leaves behind is a directory whose process is gone: it reads as stopped, and can be deleted.
#![forbid(unsafe_code)]

mod entry;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod id;
mod process;
mod record;
mod root;

pub use entry::{Entry, Locked};
pub use error::Error;
pub use id::check_id;
pub use process::ProcessId;
pub use record::{Record, State, Status};
pub use root::Root;
