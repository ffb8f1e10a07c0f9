//! Which namespaces are made, which are joined, by whom and in which order.

use std::path::PathBuf;

use holm_credentials::Capability;
use holm_namespaces::{IdMap, Kind, join_order};
use holm_spec::{NamespaceChoice, NetDevice, Spec};

use crate::decide::Draft;
use crate::{Error, HostFacts, IdMapWriter, Step};

/// Refuses what no order of steps could make true.
pub(crate) fn check(spec: &Spec, facts: &HostFacts) -> Result<(), Error> {
    let namespaces = &spec.linux.namespaces;
    for kind in namespaces.keys() {
        if !facts.kinds.contains(*kind) {
            let hint = format!("share the host's, or boot a kernel with {kind} namespaces");
            return Err(Error::new(format!("make a {kind} namespace"), "this kernel has none", hint));
        }
    }
    check_mount_namespace(spec)?;
    if !facts.privileged() && !namespaces.contains_key(&Kind::User) {
        let cause =
            format!("uid {} has no CAP_SYS_ADMIN, and there is no user namespace to have it in", facts.euid);
        return Err(Error::new(
            "make namespaces",
            cause,
            "give the container a user namespace (--userns auto)",
        ));
    }
    if facts.joined_own.contains(Kind::User) {
        let hint = "leave it out; what it owns can be joined only by who has CAP_SYS_ADMIN in it";
        return Err(Error::new("join a user namespace", "it is the caller's own", hint));
    }
    check_net_devices(spec, facts)?;
    let named = spec.hostname.is_some() || spec.domainname.is_some();
    needs_other(spec, facts, Kind::Uts, named, "set the hostname")?;
    for name in spec.linux.sysctl.keys() {
        let kind = holm_spec::sysctl_namespace(&name.replace('/', "."));
        kind.map_or(Ok(()), |kind| needs_other(spec, facts, kind, true, &format!("set the sysctl {name}")))?;
    }
    Ok(())
}

/// They are moved by the parent, out of its network namespace into another one.
fn check_net_devices(spec: &Spec, facts: &HostFacts) -> Result<(), Error> {
    let wanted = !spec.linux.net_devices.is_empty();
    needs_other(spec, facts, Kind::Network, wanted, "move network devices into the container")?;
    if wanted && !(facts.privileged() && facts.permitted.contains(Capability::NetAdmin)) {
        let cause = format!("uid {} has not both CAP_NET_ADMIN and CAP_SYS_ADMIN", facts.euid);
        let hint = "let root make the container, or leave linux.netDevices out";
        return Err(Error::new("move network devices into the container", cause, hint));
    }
    Ok(())
}

/// Without one of its own the root is made of mounts that are attached nowhere, by who may mount there. A writable overlay
/// has to be attached to something.
fn check_mount_namespace(spec: &Spec) -> Result<(), Error> {
    let refuse = |cause: &str| {
        let hint = "list {\"type\": \"mount\"} without a path in linux.namespaces";
        Err(Error::new("make the container's root", cause, hint))
    };
    let namespaces = &spec.linux.namespaces;
    match namespaces.get(&Kind::Mount) {
        Some(NamespaceChoice::New) => Ok(()),
        None if namespaces.contains_key(&Kind::User) => {
            refuse("in a user namespace it needs a mount namespace of its own")
        }
        _ if spec.root.overlay.is_some() => refuse("an overlay needs a mount namespace of its own"),
        _ => Ok(()),
    }
}

/// What is set in a namespace must not be set in the caller's: shared, or joined by a path that leads to it.
fn needs_other(spec: &Spec, facts: &HostFacts, kind: Kind, wanted: bool, what: &str) -> Result<(), Error> {
    let other = spec.linux.namespaces.contains_key(&kind) && !facts.joined_own.contains(kind);
    if !wanted || other {
        return Ok(());
    }
    let hint = format!("give the container a {kind} namespace, or leave this out");
    Err(Error::new(what, format!("the container shares the host's {kind} namespace"), hint))
}

/// What a uid of the container is outside, where its user namespace is not one that was joined.
pub(crate) fn uid_outside(spec: &Spec, uid: u32) -> Option<u32> {
    match (&spec.linux.uid_map, spec.linux.namespaces.contains_key(&Kind::User)) {
        (Some(map), _) => map.to_host(uid),
        (None, true) => None,
        (None, false) => Some(uid),
    }
}

/// Fills in the clone, the joins around it, and the child's first phase.
pub(crate) fn decide(draft: &mut Draft<'_>) -> Result<(), Error> {
    clone(draft);
    joins(draft);
    if draft.new_user_namespace() {
        maps(draft)?;
    }
    draft.adopt.extend(net_devices(draft.spec));
    isolate(draft);
    Ok(())
}

/// All new namespaces are made by the one clone; but a cgroup namespace is rooted where its maker is, so the child
/// makes it once it is in its cgroup, and time offsets can be set only before anybody is in the namespace.
fn clone(draft: &mut Draft<'_>) {
    let new = draft.spec.linux.namespaces.iter().filter(|(_, choice)| **choice == NamespaceChoice::New);
    let offsets = draft.spec.linux.time_offsets.is_some();
    let by_clone = new.map(|(kind, _)| *kind).filter(|kind| match kind {
        Kind::Cgroup => false,
        Kind::Time => !offsets,
        _ => true,
    });
    draft.clone.namespaces = by_clone.collect();
}

/// A PID namespace is joined by who clones. Others are joined by the child, unless a user namespace is in the way: then by
/// a process between (see [`crate::CloneStep::between`]).
fn joins(draft: &mut Draft<'_>) {
    let namespaces = &draft.spec.linux.namespaces;
    let joined = |kind: &Kind| match namespaces.get(kind) {
        Some(NamespaceChoice::Join(path)) => Some(path.clone()),
        _ => None,
    };
    let order = join_order(
        namespaces.keys().copied().filter(|kind| joined(kind).is_some()),
        draft.facts.privileged(),
    );
    let steps = |wanted: &dyn Fn(Kind) -> bool| -> Vec<Step> {
        let step = |kind: Kind| joined(&kind).map(|path| Step::JoinNamespace { kind, path });
        order.iter().copied().filter(|kind| wanted(*kind)).filter_map(step).collect()
    };
    let across = joined(&Kind::User).is_some()
        || (draft.new_user_namespace() && order.iter().any(|kind| *kind != Kind::Pid));
    if across {
        draft.clone.between = steps(&|_| true);
    } else {
        let pid = steps(&|kind| kind == Kind::Pid);
        let others = steps(&|kind| kind != Kind::Pid);
        draft.prepare.extend(pid);
        draft.isolate.extend(others);
    }
}

fn maps(draft: &mut Draft<'_>) -> Result<(), Error> {
    let linux = &draft.spec.linux;
    let (Some(uids), Some(gids)) = (linux.uid_map.clone(), linux.gid_map.clone()) else { return Ok(()) };
    let writer = writer(draft.facts, &uids, &gids)?;
    // The maps come first: nothing else can be done for a child that has no ids.
    draft.adopt.insert(0, Step::WriteIdMaps { uids, gids, writer });
    Ok(())
}

/// Ahead of all that the child does in its network namespace, and of the hooks.
fn net_devices(spec: &Spec) -> impl Iterator<Item = Step> {
    let into = match spec.linux.namespaces.get(&Kind::Network) {
        Some(NamespaceChoice::Join(path)) => Some(path.clone()),
        _ => None,
    };
    let device = move |device: &NetDevice| {
        let (device, name) = (device.host.clone(), device.name.clone());
        Step::MoveNetDevice { device, name, into: into.clone() }
    };
    spec.linux.net_devices.iter().map(device)
}

fn writer(facts: &HostFacts, uids: &IdMap, gids: &IdMap) -> Result<IdMapWriter, Error> {
    use holm_credentials::Capability::{Setgid, Setuid};
    if facts.permitted.contains(Setuid) && facts.permitted.contains(Setgid) {
        return Ok(IdMapWriter::Parent);
    }
    if only_own(uids, facts.euid) && only_own(gids, facts.egid) {
        return Ok(IdMapWriter::OwnId);
    }
    if facts.id_map_programs {
        return Ok(IdMapWriter::Programs);
    }
    let cause =
        "an ordinary user maps more than the own id only through newuidmap and newgidmap, which are not here";
    let hint = "install them (Debian, Fedora: package uidmap or shadow-utils), or map the own id alone";
    Err(Error::new("map the ids of the user namespace", cause, hint))
}

fn only_own(map: &IdMap, id: u32) -> bool {
    matches!(map.mappings(), [only] if only.host == id && only.size == 1)
}

/// What the child does to namespaces that it is in, before it looks at mounts.
fn isolate(draft: &mut Draft<'_>) {
    let linux = &draft.spec.linux;
    let mut steps = Vec::new();
    if linux.namespaces.contains_key(&Kind::User) {
        steps.push(Step::TakeIds { ids: ids(draft) });
    }
    if linux.is_new(Kind::Cgroup) {
        steps.push(Step::UnshareCgroup);
    }
    steps.extend(linux.time_offsets.clone().map(|offsets| Step::UnshareTime { offsets }));
    steps.extend(draft.spec.hostname.clone().map(|name| Step::SetHostname { name }));
    steps.extend(draft.spec.domainname.clone().map(|name| Step::SetDomainname { name }));
    if linux.is_new(Kind::Network) {
        steps.push(Step::LoopbackUp);
    }
    steps.extend(
        linux
            .sysctl
            .iter()
            .map(|(name, value)| Step::WriteSysctl { path: sysctl_path(name), value: value.clone() }),
    );
    draft.isolate.extend(steps);
}

/// In a new user namespace the child owns nothing until it takes an id that the maps have: root's if there is one,
/// the caller's own otherwise, and in a map without either the first.
fn ids(draft: &Draft<'_>) -> Option<(u32, u32)> {
    let linux = &draft.spec.linux;
    let (uids, gids) = (linux.uid_map.as_ref()?, linux.gid_map.as_ref()?);
    linux.is_new(Kind::User).then(|| (inside(uids, draft.facts.euid), inside(gids, draft.facts.egid)))
}

fn inside(map: &IdMap, own: u32) -> u32 {
    let first = map.mappings().first().map_or(0, |mapping| mapping.container);
    map.to_host(0).map_or_else(|| map.to_container(own).unwrap_or(first), |_| 0)
}

/// A name with slashes is a path; in one with dots, dots separate and a slash stands for a dot (sysctl(8)).
fn sysctl_path(name: &str) -> PathBuf {
    let first = name.find(['.', '/']).and_then(|at| name.get(at..=at));
    match first {
        Some(".") => name
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect::<String>()
            .into(),
        _ => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sysctl_names_with_dots_or_slashes() {
        assert_eq!(
            sysctl_path("net.ipv4.conf.eth0/1.forwarding"),
            PathBuf::from("net/ipv4/conf/eth0.1/forwarding")
        );
        assert_eq!(sysctl_path("net/ipv4/ip_forward"), PathBuf::from("net/ipv4/ip_forward"));
    }
}
