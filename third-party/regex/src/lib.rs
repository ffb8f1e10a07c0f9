//! `regex-lite` under the name of `regex`.
//!
//! oci-spec checks one list of CPUs by a regular expression, for which the whole engine of `regex` would be in the
//! programs: a tenth of the runtime's. `[patch.crates-io]` of the workspace puts this in its place.

pub use regex_lite::*;
