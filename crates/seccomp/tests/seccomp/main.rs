//! The compiler against what a profile means: by definition, by libseccomp, and by the headers of the C library.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod definition;
mod given;
mod machine;
mod numbers;
mod peers;
mod properties;
mod semantics;
