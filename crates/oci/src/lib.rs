//! The command line of an OCI runtime: the operations of the runtime-spec, with the options of runc and crun.
//!
//! It has two faces over one definition: `holm oci`, and `holm-runtime` ([`main`]), which engines call in place of runc.
//! What both of them, and the rest of `holm`, say to people is here too: [`output`], [`usage`].
//!
//! Each command is a file in `commands/`: what may be said, and what becomes of it.
#![forbid(unsafe_code)]

mod attended;
mod commands;
mod lazy;
mod log;
pub mod output;
mod program;
pub mod usage;

pub use commands::{Oci, PlanFormat};
pub use lazy::Lazy;
pub use program::{command, main};
