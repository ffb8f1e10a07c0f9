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

/// The mounts of the container's view: one of cgroup2, or a directory with one of each v1 hierarchy. In a cgroup namespace that
/// is a mount of the hierarchy, which begins at the container's group there; without one the group is bound.
pub(crate) fn mounts(draft: &mut Draft<'_>, mount: &Mount) {
    let mut change = change(draft, mount);
    if exposed(draft) {
        change.set |= MountAttr::RDONLY;
        change.clear -= MountAttr::RDONLY;
    }
    match draft.facts.cgroups.layout.hierarchies.as_slice() {
        [] => {}
        [only] if only.version == Version::V2 => {
            let step = hierarchy(draft, &mount.destination, only, change);
            draft.root.push(step);
        }
        _ => legacy(draft, mount, &change),
    }
}

/// Whether the mounts show groups that are not the container's to somebody who is not the host's root: reading them is what was
/// asked for, writing to them is a way out.
fn exposed(draft: &Draft<'_>) -> bool {
    let user = draft.spec.linux.namespaces.contains_key(&Kind::User) || !draft.facts.privileged();
    !own_namespace(draft) && (user || !own_group(draft))
}

fn own_namespace(draft: &Draft<'_>) -> bool {
    let joined_other = !draft.facts.joined_own.contains(Kind::Cgroup);
    draft.spec.linux.namespaces.contains_key(&Kind::Cgroup) && joined_other
}

fn own_group(draft: &Draft<'_>) -> bool {
    draft.undo.contains(&Step::RemoveCgroup)
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
    for one in &draft.facts.cgroups.layout.hierarchies {
        let Some(name) = one.mount_point.file_name() else { continue };
        let step = hierarchy(draft, &mount.destination.join(name), one, change.clone());
        draft.root.push(step);
        draft.root.extend(links(&mount.destination, one, Path::new(name)));
    }
    if change.set.contains(MountAttr::RDONLY) {
        let change = MountChange { set: MountAttr::RDONLY, ..MountChange::default() };
        draft.root.push(Step::ChangeMount { path: mount.destination.clone(), change });
    }
}

/// Who does not own the cgroup namespace may not mount (in a user namespace), or would have all groups in sight. With v2 alone
/// those are what is asked for: the group's path is in /proc/self/cgroup.
fn hierarchy(draft: &Draft<'_>, destination: &Path, one: &Hierarchy, change: MountChange) -> Step {
    let unified = draft.facts.cgroups.layout.kind() == holm_cgroups::Kind::Unified;
    let user = draft.spec.linux.namespaces.contains_key(&Kind::User);
    if own_namespace(draft) || (unified && !user) {
        return filesystem(destination, one, change);
    }
    Step::BindCgroup {
        hierarchy: one.mount_point.clone(),
        own: own_group(draft) && !unified,
        destination: destination.to_owned(),
        change,
        symlinks: symlinks_to(destination),
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
