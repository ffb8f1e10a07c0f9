//! Processes of a container: their status, signals, streams, surroundings and privileges.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod capabilities;
mod crash;
mod environment;
mod init;
mod limits;
mod masks;
mod signals;
mod status;
mod streams;
