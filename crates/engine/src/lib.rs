//! Containers as people know them: names, images, volumes, terminals.
//!
//! ```text
//!   options ──► what it means ──► bundle (config.json and what it refers to) ──► runtime ──► container
//!   options/      userns, rootfs,     config/, bundle                              launcher/
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
mod hostroot;
mod identity;
mod idfacts;
mod launcher;
pub mod options;
mod ps;
mod rootfs;
mod run;
mod seccomp;
mod stop;
mod unpack;
pub mod userns;

pub use caller::Caller;
pub use engine::Engine;
pub use error::{Error, Result, STATUS_FAILED};
pub(crate) use holm_runtime::{Because, Observer};
pub use ps::Listed;
