//! The eight namespaces of a container, seen from inside and from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod identity;
mod modes;
mod net_devices;
mod side_by_side;
mod time;
mod users;
