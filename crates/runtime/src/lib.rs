//! The OCI lifecycle of a container.
//!
//! ```text
//! config.json ─► Spec ─► (Spec, HostFacts) ─► Plan ─► steps run by parent and child ─► state.json
//!      spec::load      probe            plan::plan        create                    state
//! ```
//!
//! [`create`] makes the container and leaves its process waiting; [`start`] lets it run its command; [`kill`],
//! [`state`], [`list`] and [`delete`] are what their names say in the runtime-spec; [`exec`] runs a further process in
//! it; [`pause`], [`resume`], [`update`], [`processes`], [`stats`] and [`events`] go by its cgroup. A library call and the command line go the same way: there is one path to a container.
//!
//! The caller of [`create`] and [`exec`] must be single-threaded: the child is a copy of it.
#![forbid(unsafe_code)]

mod command;
mod create;
mod descriptors;
mod error;
mod hints;
mod hooks;
mod lifecycle;
mod observer;
mod own_program;
mod probe;
mod program;
mod report;
mod run_directory;
mod sealed;
mod seccomp;
mod steps;

pub use error::{Because, Error, Result, STATUS_FAILED, STATUS_NOT_EXECUTABLE, STATUS_NOT_FOUND};
pub use lifecycle::{
    Container, CreateRequest, Event, ExecRequest, config, create, delete, delete_made_of, delete_of_process,
    events, exec, kill, list, member, pause, plan, processes, resume, run, start, state, stats, update,
    update_rdt,
};
pub use observer::{Observer, Silent, StepReport};
pub use own_program::protect_own_program;
pub use probe::probe;
pub use run_directory::run_directory;
