//! The harness of the black-box tests: a ground for each test, on which the real binary runs.
//!
//! ```text
//!   Ground ──► Call ──► Running ──► Finished          what a test does, in this order
//!     │          └────► Pty ──────────┘
//!     └──► at its end: nothing may be left (leftovers)
//! ```
//!
//! Variables: `HOLM` is the binary (else it is built), `RUNTIME` another OCI runtime that the containers are given to,
//! `HOLM_TEST_NO_SKIP` makes a skip a failure.
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod abilities;
mod binary;
pub mod bundle;
mod call;
mod facts;
mod ground;
mod image;
mod leftovers;
mod pty;
mod rootfs;
mod running;
mod stream;

pub use abilities::{Ability, able};
pub use bundle::Bundle;
pub use call::Call;
pub use facts::{LINKS, Links, busy_wait, host_links, id_of, is_root, links_of, one_line};
pub use ground::{Ground, UID};
pub use image::{Entry, Image, Layout, gzip};
pub use leftovers::Tree;
pub use pty::Pty;
pub use running::{Finished, Running, Told};

use std::time::Duration;

/// How long anything may take before a test gives up: far more than it takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The other runtime that the tests are run with, if there is one.
pub fn runtime() -> Option<String> {
    std::env::var("RUNTIME").ok().filter(|runtime| !runtime.is_empty())
}

/// Whether the tests are run with Holm's own runtime; says that the calling test is skipped when they are not. That is
/// no failure where skips are: it was asked for.
pub fn own_runtime(what: &str) -> bool {
    if let Some(other) = runtime() {
        holm_testing::announce_omission(&format!("{what} is Holm's own, and RUNTIME is {other}"));
        return false;
    }
    true
}

/// Says that a test is skipped unless `there`; answers with `there`.
pub fn needs(there: bool, reason: &str) -> bool {
    if !there {
        holm_testing::announce_skip(reason);
    }
    there
}

/// The path of Holm's OCI runtime, `holm-runtime`: it is beside `holm`, and built with it.
pub fn runtime_binary() -> std::path::PathBuf {
    binary::holm().with_file_name("holm-runtime")
}

/// Makes a small root directory, with a shell, the usual small programs and the witness.
pub fn make_rootfs(path: &std::path::Path) {
    rootfs::make(path);
}

/// The path of a program, if this machine has it; else says that the calling test is skipped.
pub fn program(name: &str) -> Option<std::path::PathBuf> {
    let found = binary::find_program(name);
    if found.is_none() {
        holm_testing::announce_skip(&format!("there is no {name} on this machine"));
    }
    found
}
