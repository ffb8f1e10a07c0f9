//! The container's cgroup.

use holm_cgroups::{Cgroup, CgroupPath, CreateOptions, Entrance};

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// Makes it, wherever the caller may.
pub(crate) fn create(bench: &mut ParentBench<'_>, path: &CgroupPath) -> StepResult {
    let options =
        CreateOptions { delegated_only: !rustix::process::geteuid().is_root(), prune_parents: true };
    bench.cgroup = Some(Cgroup::create(bench.layout, path, options)?);
    Ok(())
}

/// Moves this process into its v1 hierarchies.
pub(crate) fn enter(entrance: &mut Option<Entrance>) -> StepResult {
    let entrance = entrance.take().ok_or_else(|| StepError::new("no cgroup was made"))?;
    Ok(entrance.enter()?)
}
