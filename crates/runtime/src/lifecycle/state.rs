//! state and list.

use holm_state::{Root, State};

use crate::error::Error;

/// The state of a container.
///
/// # Errors
///
/// When there is none of this id.
pub fn state(root: &Root, id: &str) -> Result<State, Error> {
    let record = root.entry(id)?.read()?.ok_or_else(|| holm_state::Error::NotFound { id: id.to_owned() })?;
    Ok(record.state())
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
