//! The group of resctrl.

use holm_cgroups::RdtGroup;

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// Makes it, or finds it.
pub(crate) fn make(bench: &mut ParentBench<'_>, group: &RdtGroup) -> StepResult {
    bench.rdt = Some(group.make()?);
    Ok(())
}

/// Puts the child into it.
pub(crate) fn enter(bench: &ParentBench<'_>) -> StepResult {
    let group = bench.rdt.as_ref().ok_or_else(|| StepError::new("there is no group of resctrl yet"))?;
    Ok(group.enter(bench.child()?)?)
}
