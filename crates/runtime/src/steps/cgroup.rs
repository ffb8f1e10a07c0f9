//! The container's cgroup.

use holm_cgroups::{
    AskedProperty, Cgroup, CgroupPath, CreateOptions, DevicePolicy, Entrance, Resources, Scope,
};

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// Makes it, wherever the caller may.
pub(crate) fn create(bench: &mut ParentBench<'_>, path: &CgroupPath) -> StepResult {
    let options =
        CreateOptions { delegated_only: !rustix::process::geteuid().is_root(), prune_parents: true };
    bench.cgroup = Some(Cgroup::create(bench.layout, path, options)?);
    Ok(())
}

/// Has systemd make it, with the child in it.
pub(crate) fn start_unit(bench: &mut ParentBench<'_>, scope: &Scope, asked: &[AskedProperty]) -> StepResult {
    bench.cgroup = Some(Cgroup::start_unit(bench.layout, scope, bench.child()?, asked)?);
    Ok(())
}

/// Limits what its processes may use.
pub(crate) fn limit(bench: &ParentBench<'_>, resources: &Resources) -> StepResult {
    Ok(made(bench)?.set(resources)?)
}

/// Says which devices they may use.
pub(crate) fn allow_devices(bench: &ParentBench<'_>, policy: &DevicePolicy) -> StepResult {
    Ok(made(bench)?.allow_devices(policy)?)
}

/// Gives it to the container's own user.
pub(crate) fn delegate(bench: &ParentBench<'_>, uid: u32) -> StepResult {
    Ok(made(bench)?.give_to(uid)?)
}

fn made<'a>(bench: &'a ParentBench<'_>) -> Result<&'a Cgroup, StepError> {
    bench.cgroup.as_ref().ok_or_else(|| StepError::new("no cgroup was made"))
}

/// Moves this process into its v1 hierarchies.
pub(crate) fn enter(entrance: &mut Option<Entrance>) -> StepResult {
    let entrance = entrance.take().ok_or_else(|| StepError::new("no cgroup was made"))?;
    Ok(entrance.enter()?)
}
