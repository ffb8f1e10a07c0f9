//! The filter of system calls: what is loaded, and when.

use holm_seccomp::{Arch, Filter, compile};
use holm_spec::Seccomp;

use crate::{Error, Step};

/// Compiles the filter of a configuration.
pub(crate) fn filter(seccomp: Option<&Seccomp>) -> Result<Option<Filter>, Error> {
    let Some(seccomp) = seccomp else { return Ok(None) };
    const WHAT: &str = "filter system calls by linux.seccomp";
    let native = Arch::native().ok_or_else(|| {
        Error::new(WHAT, "their numbers on this architecture are not known", "take linux.seccomp out")
    })?;
    let program = compile(&seccomp.profile, native).map_err(|error| {
        Error::new(WHAT, error.to_string(), "name fewer arguments, or fewer architectures")
    })?;
    Ok(Some(Filter { program, flags: seccomp.flags, listener: seccomp.listener.clone() }))
}

/// When a filter is loaded.
///
/// It takes no_new_privs, or CAP_SYS_ADMIN. With the first it is loaded last of all, right before the command is executed
/// at its start: nothing of the runtime or of the init runs under it. Without, that capability is still there only before
/// the capabilities are set, and the filter is loaded right before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilterTime {
    /// At once, while there is the capability.
    WithCapability,
    /// By the process that becomes the command, as its last act before.
    BeforeCommand,
}

/// Puts the step where it belongs.
pub(crate) fn add(steps: &mut Vec<Step>, filter: Option<&Filter>, no_new_privileges: bool) {
    let Some(filter) = filter else { return };
    let step = |time| Step::LoadSeccomp { filter: Box::new(filter.clone()), time };
    let capabilities = steps.iter().position(|step| matches!(step, Step::SetCapabilities { .. }));
    match capabilities.filter(|_| !no_new_privileges) {
        Some(at) => steps.insert(at, step(FilterTime::WithCapability)),
        None => steps.push(step(FilterTime::BeforeCommand)),
    }
}
