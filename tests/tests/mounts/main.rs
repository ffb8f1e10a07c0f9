//! What a container sees of files, and what of its own is seen by others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod devices;
mod host_root;
mod options;
mod other_kinds;
mod propagation;
mod root;
mod volumes;
