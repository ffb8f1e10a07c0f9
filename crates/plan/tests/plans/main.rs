//! Plans as a whole: what holds for every one of them, and a few in full.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod drivers;
mod exec;
mod given;
mod golden;
mod hosts;
mod invariants;
mod privileges;
mod rdt;
mod steps;
mod systemd;
mod wild;
