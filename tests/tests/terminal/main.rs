//! Containers on a terminal: the test types and reads the screen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod job_control;
mod streams;
mod user_terminal;
mod window;
