//! What will be done to make a container, as data.
//!
//! [`plan`] turns a checked configuration and the facts of the host into a [`Plan`]; it reads no file, no environment
//! and no process. A plan has its phases as fields: who does it and when is in its form. A [`Step`] says the intent,
//! not the system call, and holds no condition; what is decided is decided here.
#![forbid(unsafe_code)]

mod attributes;
mod cgroups;
mod decide;
mod devices;
mod display;
mod exec;
mod facts;
mod filesystem;
mod hooks;
mod mounts;
mod namespaces;
mod phases;
mod privileges;
mod rdt;
mod seccomp;
mod step;
mod streams;

pub use decide::{CgroupDriver, Options, plan};
pub use exec::{ExecPlan, Given, JoinTarget, plan_exec};
pub use facts::{CgroupFacts, HostFacts, LsmFacts};
pub use phases::{CloneStep, Command, Phase, Plan, Who};
pub use seccomp::FilterTime;
pub use step::{
    CapabilitySets, IdMapWriter, Idmap, Inherits, Lsm, MountChange, PropagationStep, RootEntry, RootSource,
    Slot, Step, Symlinks,
};

use std::fmt;

/// Why there is no plan: what the configuration asks for cannot be done on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// What was asked for.
    pub what: String,
    /// Why it cannot be had.
    pub cause: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.what, self.cause)
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(crate) fn new(what: impl Into<String>, cause: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), cause: cause.into(), hint: Some(hint.into()) }
    }
}
