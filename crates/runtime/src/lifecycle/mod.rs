//! The operations of the runtime-spec, a file each.

mod create;
mod delete;
mod events;
mod exec;
mod hand_out;
mod kill;
mod pause;
mod room;
mod start;
mod state;
mod update;

pub use create::{Container, CreateRequest, create, plan, run};
pub use delete::{delete, delete_made_of, delete_of_process};
pub use events::{Event, events, processes, stats};
pub use exec::{ExecRequest, exec};
pub use kill::kill;
pub use pause::{pause, resume};
pub use start::start;
pub use state::{config, list, member, state};
pub use update::{update, update_rdt};
