//! The container's cgroup, and what the container sees of it.

use std::collections::BTreeMap;
use std::path::Path;

use holm_cgroups::{AskedProperty, CgroupPath, Hierarchy, Scope, Unit, Version, Whose};
use holm_mounts::{FsOption, MountAttr};
use holm_namespaces::Kind;
use holm_spec::{Mount, MountSource};

use crate::decide::{Draft, Taking};
use crate::mounts::{change, symlinks_to};
use crate::{CgroupDriver, Error, Inherits, MountChange, Step, namespaces};

/// What begins the name of an annotation that asks for a property of the unit, as runc has it.
const PROPERTY: &str = "org.systemd.property.";

/// A cgroup of its own, where the caller may make one. An ordinary user without a delegated cgroup stays in the
/// caller's: limits are refused then, but isolation does not depend on it.
pub(crate) fn decide(draft: &mut Draft<'_>, id: &str, driver: CgroupDriver) -> Result<(), Error> {
    let facts = &draft.facts.cgroups;
    let cause = match driver {
        CgroupDriver::Disabled => Some("cgroups are disabled"),
        _ if facts.layout.hierarchies.is_empty() => Some("no cgroup filesystem is mounted"),
        CgroupDriver::Files if !facts.writable => Some("this user may make no cgroup"),
        CgroupDriver::FilesIfDelegated if !facts.delegated => Some("no cgroup is delegated"),
        CgroupDriver::Files
        | CgroupDriver::FilesIfDelegated
        | CgroupDriver::FilesAlways
        | CgroupDriver::Systemd => None,
    };
    match cause {
        Some(cause) => without(draft, cause),
        None if driver == CgroupDriver::Systemd => by_systemd(draft, id),
        None => by_files(draft, id),
    }
}

/// The child is in its group from its birth on, or, on v1, enters by itself.
fn by_files(draft: &mut Draft<'_>, id: &str) -> Result<(), Error> {
    let path = draft.spec.linux.cgroups_path.as_deref().unwrap_or(id);
    let path = CgroupPath::parse(path).map_err(|cause| {
        Error::new(
            format!("use linux.cgroupsPath {path:?}"),
            cause.to_string(),
            "give a path such as /holm/NAME",
        )
    })?;
    let path = if draft.facts.cgroups.beside { path.beside() } else { path };
    draft.prepare.push(Step::CreateCgroup { path });
    draft.undo.push(Step::RemoveCgroup);
    let limits = limits(draft);
    draft.prepare.extend(limits);
    let layout = &draft.facts.cgroups.layout;
    draft.clone.into_cgroup = layout.hierarchies.iter().any(|h| h.version == Version::V2);
    if layout.hierarchies.iter().any(|hierarchy| hierarchy.version == Version::V1) {
        draft.isolate.push(Step::EnterCgroup);
    }
    Ok(())
}

/// systemd makes a group for a process that there is: the child, which waits meanwhile.
fn by_systemd(draft: &mut Draft<'_>, id: &str) -> Result<(), Error> {
    let whose = if draft.facts.cgroups.device_rules { Whose::System } else { Whose::User };
    let path = draft.spec.linux.cgroups_path.clone().unwrap_or_else(|| format!(":holm:{id}"));
    let unit = Unit::parse(&path, whose.default_slice()).map_err(|cause| {
        Error::new(
            format!("use linux.cgroupsPath {path:?} with systemd"),
            cause.to_string(),
            "give SLICE:PREFIX:NAME, as in system.slice:holm:NAME, or do without --systemd-cgroup",
        )
    })?;
    let properties = properties(draft)?;
    draft.adopt.push(Step::StartUnit { scope: Scope { whose, unit }, properties });
    draft.undo.push(Step::RemoveCgroup);
    let limits = limits(draft);
    draft.adopt.extend(limits);
    Ok(())
}

/// What annotations ask of the unit, in the order of their names.
fn properties(draft: &Draft<'_>) -> Result<Vec<AskedProperty>, Error> {
    let named =
        |(key, text): (&String, &String)| Some((key.strip_prefix(PROPERTY)?.to_owned(), text.clone()));
    let asked: BTreeMap<_, _> = draft.spec.annotations.iter().filter_map(named).collect();
    let property = |(name, text): (String, String)| {
        AskedProperty::parse(&name, &text).map_err(|cause| {
            let hint = cause.hint().unwrap_or("leave it out").to_owned();
            Error::new(format!("use annotations[\"{PROPERTY}{name}\"]"), cause.to_string(), hint)
        })
    };
    asked.into_iter().map(property).collect()
}

/// Without a cgroup nothing can be limited. The rules for devices are passed over: where there is no cgroup there is a user
/// namespace, in which the host's permissions hold.
fn without(draft: &Draft<'_>, cause: &str) -> Result<(), Error> {
    let resources = &draft.spec.linux.limits.resources;
    if resources.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        format!("limit {} (linux.resources)", resources.controllers().join(", ")),
        cause,
        "run as root, or in a control group that is delegated to you (systemd-run --user --scope -p Delegate=yes), or \
         leave the limits out",
    ))
}

/// Devices first: what is to be limited runs under their rules from its first instruction on. Memory last, when the
/// container is made: making it can take more than it is to have.
fn limits(draft: &mut Draft<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    let facts = &draft.facts.cgroups;
    let ruled = facts.layout.v1("devices").is_some() || facts.layout.v2().is_some();
    if facts.device_rules && ruled {
        steps.push(Step::AllowDevices { policy: draft.spec.linux.limits.devices.clone() });
        draft.nodes_guarded = true;
    }
    let (rest, memory) = draft.spec.linux.limits.resources.split_memory();
    if !rest.is_empty() {
        steps.push(Step::SetLimits { resources: Box::new(rest) });
    }
    if !memory.is_empty() {
        draft.confine.push(Step::SetLimits { resources: Box::new(memory) });
    }
    steps.extend(owner(draft).map(|uid| Step::DelegateCgroup { uid }));
    steps
}

/// Who the cgroup is given to (runtime-spec, config-linux, "Cgroup ownership"): the container's user as the host has it,
/// when the container can write to a cgroup filesystem of version 2 in a cgroup namespace of its own.
fn owner(draft: &Draft<'_>) -> Option<u32> {
    let spec = draft.spec;
    let writable = |mount: &Mount| {
        matches!(mount.source, MountSource::Cgroups)
            && mount.destination == Path::new("/sys/fs/cgroup")
            && !mount.attributes.set.contains(MountAttr::RDONLY)
    };
    let delegates = draft.facts.cgroups.layout.kind() == holm_cgroups::Kind::Unified
        && spec.linux.is_new(Kind::Cgroup)
        && spec.mounts.iter().any(writable);
    let outside = namespaces::uid_outside(spec, spec.process.as_ref()?.user.uid)?;
    (delegates && outside != draft.facts.euid).then_some(outside)
}

/// The mounts of the container's view: one of cgroup2, or a directory with one of each v1 hierarchy.
pub(crate) fn mounts(draft: &mut Draft<'_>, mount: &Mount) {
    let mut change = change(draft, mount);
    if !draft.spec.linux.is_new(Kind::Cgroup) && (shows_all(draft) || made(draft).is_none()) {
        // More than the container's own is in sight: reading it is what was asked for, writing to it is a way out.
        change.set |= MountAttr::RDONLY;
        change.clear -= MountAttr::RDONLY;
    }
    match draft.facts.cgroups.layout.hierarchies.as_slice() {
        [] => {}
        [only] if only.version == Version::V2 => view(draft, &mount.destination, only, change),
        _ => legacy(draft, mount, &change),
    }
}

/// The cgroup that the container gets in every hierarchy; an ordinary user's may be missing in some.
fn made(draft: &Draft<'_>) -> Option<CgroupPath> {
    let path = draft.prepare.iter().chain(&draft.adopt).find_map(|step| match step {
        Step::CreateCgroup { path } => Some(path.clone()),
        Step::StartUnit { scope, .. } => CgroupPath::parse(&scope.unit.path()).ok(),
        _ => None,
    });
    path.filter(|_| draft.facts.privileged())
}

/// Without a cgroup namespace a mount of cgroup2 is of the whole hierarchy; one in a user namespace is refused then
/// (cgroups(7)).
fn shows_all(draft: &Draft<'_>) -> bool {
    draft.facts.cgroups.layout.kind() == holm_cgroups::Kind::Unified
        && !draft.spec.linux.namespaces.contains_key(&Kind::User)
}

/// One hierarchy: mounted in the container's cgroup namespace, else its own cgroup, bound. (runc has it so.)
fn view(draft: &mut Draft<'_>, destination: &Path, hierarchy: &Hierarchy, change: MountChange) {
    let bound = if draft.spec.linux.namespaces.contains_key(&Kind::Cgroup) || shows_all(draft) {
        None
    } else {
        made(draft).map_or_else(|| hierarchy.own_directory(), |path| hierarchy.directory_of(&path).ok())
    };
    let step = match bound {
        None => filesystem(destination, hierarchy, change),
        Some(directory) => Step::AttachMount {
            slot: draft.take_mount(&directory, Taking::plainly(false)),
            destination: destination.to_owned(),
            change,
            symlinks: symlinks_to(destination),
            copy_link: false,
        },
    };
    draft.root.push(step);
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
        view(draft, &mount.destination.join(name), hierarchy, change.clone());
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
