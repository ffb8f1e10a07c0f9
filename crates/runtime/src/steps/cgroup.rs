//! The container's cgroup.

use std::path::{Path, PathBuf};

use holm_cgroups::{Cgroup, CgroupPath, CreateOptions, Entrance, Hierarchy, Layout};
use holm_mounts::Detached;

use crate::error::StepError;
use crate::steps::mounts::{self, Place};
use crate::steps::{ChildBench, ParentBench, StepResult};

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

/// Binds a hierarchy of cgroups, or the group in it that this process is in.
pub(crate) fn bind(bench: &mut ChildBench, hierarchy: &Path, own: bool, place: &Place<'_>) -> StepResult {
    let source = if own { own_group(bench, hierarchy)? } else { hierarchy.to_owned() };
    let mount = Detached::copy_of_path(&source, false)?;
    mounts::place_mount(bench, mount, place)
}

fn own_group(bench: &mut ChildBench, hierarchy: &Path) -> Result<PathBuf, StepError> {
    let groups = match &mut bench.groups {
        Some(groups) => groups,
        empty => empty.insert(Layout::probe()?),
    };
    let one = groups.hierarchies.iter().find(|one| one.mount_point == hierarchy);
    one.and_then(Hierarchy::own_directory).ok_or_else(|| {
        StepError::new(format!("the container's cgroup is not below {}", hierarchy.display()))
            .hinting("give the container a cgroup namespace, in which it is at the top")
    })
}
