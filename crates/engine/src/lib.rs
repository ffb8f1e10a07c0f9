//! Containers as people know them: names, images, volumes, terminals.
//!
//! ```text
//!   options ──► what it means ──► bundle (config.json and what it refers to) ──► runtime ──► container
//!   options/      userns, rootfs,     config/, bundle                              launcher/    foreground/
//!                 identity, files
//! ```
//!
//! The data goes one way. What is decided is decided by pure functions ([`options`], [`userns`], [`config`]); the rest
//! finds out what they need to know, and does what they say. A container is made by the OCI operations alone: Holm's
//! own, or those of any other runtime.
#![forbid(unsafe_code)]

mod bundle;
mod caller;
pub mod config;
mod container;
mod engine;
mod error;
mod exec;
mod files;
mod foreground;
mod hostroot;
mod identity;
mod idfacts;
mod launcher;
mod oci;
pub mod options;
mod ps;
mod rootfs;
mod run;
mod stop;
mod unpack;
pub mod userns;

pub use caller::Caller;
pub use engine::{Engine, Listener, run_directory};
pub(crate) use error::Because;
pub use error::{Error, Result, STATUS_FAILED, refused_option};
pub use oci::{exec_process, run_bundle};
pub use ps::Listed;
