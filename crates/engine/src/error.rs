//! What a person is told when something failed.

pub use holm_runtime::{Error, Result, STATUS_FAILED};
