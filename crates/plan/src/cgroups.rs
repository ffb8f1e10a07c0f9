//! The container's cgroup, and what the container sees of it.

use std::path::Path;

use holm_cgroups::{CgroupPath, Hierarchy, Version};
use holm_mounts::{FsOption, MountAttr};
use holm_namespaces::Kind;
use holm_spec::Mount;

use crate::decide::Draft;
use crate::mounts::{change, symlinks_to};
use crate::{Error, Inherits, MountChange, Step};

/// A cgroup of its own, where the caller may make one. An ordinary user without a delegated cgroup stays in the
/// caller's: limits would be refused, but isolation does not depend on it.
pub(crate) fn decide(draft: &mut Draft<'_>, id: &str) -> Result<(), Error> {
    if draft.facts.cgroups.layout.hierarchies.is_empty() || !draft.facts.cgroups.writable {
        return Ok(());
    }
    let path = draft.spec.linux.cgroups_path.as_deref().filter(|path| !path.is_empty()).unwrap_or(id);
    let path = CgroupPath::parse(path).map_err(|cause| {
        Error::new(
            format!("use linux.cgroupsPath {path:?}"),
            cause.to_string(),
            "give a path such as /holm/NAME",
        )
    })?;
    draft.prepare.push(Step::CreateCgroup { path });
    draft.undo.push(Step::RemoveCgroup);
    draft.clone.into_cgroup = draft.facts.cgroups.layout.hierarchies.iter().any(|h| h.version == Version::V2);
    if draft.facts.cgroups.layout.hierarchies.iter().any(|hierarchy| hierarchy.version == Version::V1) {
        draft.isolate.push(Step::EnterCgroup);
    }
    Ok(())
}

/// The mounts of the container's view: one of cgroup2, or a directory with one of each v1 hierarchy.
pub(crate) fn mounts(draft: &mut Draft<'_>, mount: &Mount) {
    let layout = &draft.facts.cgroups.layout;
    let own_namespace = draft.spec.linux.is_new(Kind::Cgroup);
    let mut change = change(draft, mount);
    if !own_namespace {
        // The whole hierarchy of the host is in sight: reading it is what was asked for, writing to it is a way out.
        change.set |= MountAttr::RDONLY;
        change.clear -= MountAttr::RDONLY;
    }
    match layout.hierarchies.as_slice() {
        [] => {}
        [only] if only.version == Version::V2 => {
            draft.root.push(filesystem(&mount.destination, only, change));
        }
        _ => legacy(draft, mount, &change),
    }
}

fn legacy(draft: &mut Draft<'_>, mount: &Mount, change: &MountChange) {
    let writable = MountChange { set: change.set - MountAttr::RDONLY, ..change.clone() };
    draft.root.push(Step::MountFilesystem {
        destination: mount.destination.clone(),
        fstype: "tmpfs".into(),
        source: Some("cgroup".into()),
        options: vec![FsOption::pair("mode", "755")],
        change: writable,
        symlinks: symlinks_to(&mount.destination),
        inherits: Inherits::Nothing,
    });
    for hierarchy in &draft.facts.cgroups.layout.hierarchies {
        let Some(name) = hierarchy.mount_point.file_name() else { continue };
        draft.root.push(filesystem(&mount.destination.join(name), hierarchy, change.clone()));
        draft.root.extend(links(&mount.destination, hierarchy, Path::new(name)));
    }
    if change.set.contains(MountAttr::RDONLY) {
        let change = MountChange { set: MountAttr::RDONLY, ..MountChange::default() };
        draft.root.push(Step::ChangeMount { path: mount.destination.clone(), change });
    }
}

/// `cpu -> cpu,cpuacct`, where controllers share a hierarchy.
fn links(destination: &Path, hierarchy: &Hierarchy, name: &Path) -> Vec<Step> {
    let shared = hierarchy.controllers.iter().filter(|_| hierarchy.controllers.len() > 1);
    let named = shared.filter(|controller| !controller.starts_with("name="));
    let link = |controller: &String| Step::MakeSymlink {
        path: destination.join(controller),
        target: name.to_owned(),
        replace: false,
    };
    named.map(link).collect()
}

fn filesystem(destination: &Path, hierarchy: &Hierarchy, change: MountChange) -> Step {
    let (fstype, options) = match hierarchy.version {
        Version::V2 => ("cgroup2", Vec::new()),
        Version::V1 => ("cgroup", hierarchy.controllers.iter().map(|word| option(word)).collect()),
    };
    Step::MountFilesystem {
        destination: destination.to_owned(),
        fstype: fstype.into(),
        source: Some("cgroup".into()),
        options,
        change,
        symlinks: symlinks_to(destination),
        inherits: Inherits::Nothing,
    }
}

/// `memory`, or `name=systemd`, which is also `none`.
fn option(word: &str) -> FsOption {
    match word.split_once('=') {
        Some((key, value)) => FsOption::pair(key, value),
        None => FsOption::flag(word),
    }
}
