//! The operations of the runtime-spec, a file each.

mod create;
mod delete;
mod exec;
mod kill;
mod start;
mod state;

pub use create::{Container, CreateRequest, create, plan, run};
pub use delete::{delete, delete_made_of};
pub use exec::{ExecRequest, exec};
pub use kill::kill;
pub use start::start;
pub use state::{config, list, member, state};
