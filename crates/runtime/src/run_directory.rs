//! Where the states of this user's containers are.

use holm_state::Root;

use crate::error::{Because, Result};

/// Opens the run directory of this user, and makes it when it is missing.
///
/// # Errors
///
/// When it cannot be made, or is open to others.
pub fn run_directory() -> Result<Root> {
    let initial = holm_namespaces::own_user_namespace_is_initial()
        .because(|| "cannot find out the user namespace of this process")?;
    Ok(Root::open_default(initial)?)
}
