//! `holm ps`.

use holm_state::Status;

use crate::Engine;
use crate::launcher::Launcher;

/// A container in a list.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it was made of: a reference of an image, a directory, or `/` for this machine's own root.
    pub image: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What it does.
    pub status: Status,
    /// Its first process, as the caller sees it; 0 when there is none.
    pub pid: i32,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The runtime that made it, when it was not Holm itself.
    pub runtime: Option<std::path::PathBuf>,
}

impl Engine {
    /// The containers of this user, by name.
    pub fn list(&self) -> Vec<Listed> {
        let listed = self.containers.all().into_iter().map(|seen| {
            let record = seen.record().clone();
            let launcher = Launcher::of(record.runtime.as_deref(), &self.root, seen.path());
            let life = launcher.life(record.name.as_str());
            Listed {
                name: record.name.into(),
                image: record.image,
                command: record.command,
                // It has a record, but the runtime has not heard of it yet.
                status: life.map_or(Status::Creating, |life| life.status),
                pid: life.map_or(0, |life| life.pid),
                created: record.created,
                runtime: record.runtime,
            }
        });
        listed.collect()
    }
}
