//! state and list.

use holm_state::{Record, Root, State, Status};

use crate::error::Error;

/// The state of a container.
///
/// # Errors
///
/// When there is none of this id.
pub fn state(root: &Root, id: &str) -> Result<State, Error> {
    let record = root.entry(id)?.record()?;
    Ok(record.state())
}

/// The configuration that a container was made of, as it is in its file now.
///
/// # Errors
///
/// When there is no such container; when the file is gone, or not a configuration any more.
pub fn config(root: &Root, id: &str) -> Result<oci_spec::runtime::Spec, Error> {
    let record = root.entry(id)?.record()?;
    Ok(holm_spec::read_config(&record.config)?.0)
}

/// The pid of a process of a running container, by which its namespaces can be found in /proc.
///
/// # Errors
///
/// When there is no container of this id, or it does not run.
pub fn member(root: &Root, id: &str) -> Result<i32, Error> {
    let record = settled(root, id)?;
    match (record.status(), record.member()) {
        (Status::Created | Status::Running, Some(process)) => Ok(process.pid),
        (status, _) => Err(holm_state::Error::Illegal { action: "join", id: id.to_owned(), status }.into()),
    }
}

/// The states of all containers, by id. One that goes meanwhile, or whose record is damaged, is left out.
///
/// # Errors
///
/// When the run directory cannot be read.
pub fn list(root: &Root) -> Result<Vec<State>, Error> {
    let ids = root.ids()?;
    Ok(ids.iter().filter_map(|id| state(root, id).ok()).collect())
}

/// The record of a container that nobody is about to start or to delete: whoever is holds the lock until it is done.
pub(crate) fn settled(root: &Root, id: &str) -> Result<Record, Error> {
    Ok(root.entry(id)?.lock()?.record()?)
}
