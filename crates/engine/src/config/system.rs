//! The `linux` section.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use holm_namespaces::{Kind, TimeOffset, TimeOffsets};
use oci_spec::runtime::{Linux, LinuxNamespace, LinuxNamespaceType, LinuxTimeOffset};

use super::{Blueprint, Choice, id_mappings, paths, resources};
use crate::options::RuntimeChoice;
use crate::userns::UserNamespace;
use crate::{Error, Result};

/// What the name of a container's cgroup begins with when no parent is said. It is no parent itself: a directory for
/// each container, not two, is made and removed in every hierarchy.
const CGROUP_PREFIX: &str = "holm-";

pub(super) fn build(blueprint: &Blueprint<'_>) -> Result<Linux> {
    let options = blueprint.options;
    paths::check(&options.security)?;
    let mut linux = Linux::default();
    linux.set_resources(resources::build(blueprint)?);
    linux.set_devices(resources::devices(blueprint)?);
    linux.set_namespaces(Some(namespaces(blueprint)?));
    linux.set_cgroups_path(cgroups_path(blueprint)?);
    linux.set_masked_paths(Some(paths::masked(&options.security)));
    linux.set_readonly_paths(Some(paths::readonly(&options.security)));
    linux.set_sysctl(sysctls(blueprint)?);
    linux.set_time_offsets(time_offsets(blueprint));
    linux.set_rootfs_propagation(rootfs_propagation(blueprint));
    if let UserNamespace::New(maps) = blueprint.user_namespace {
        linux.set_uid_mappings(Some(id_mappings(&maps.uid)?));
        linux.set_gid_mappings(Some(id_mappings(&maps.gid)?));
    }
    Ok(linux)
}

/// A time namespace that nobody asked for is left out when the runtime would fail on it.
fn namespaces(blueprint: &Blueprint<'_>) -> Result<Vec<LinuxNamespace>> {
    let mut list = blueprint.namespaces.to_list();
    if !blueprint.time_namespaces {
        let offsets = blueprint.options.namespaces.time.offsets.as_ref();
        if !can_do_without(&blueprint.namespaces.time, offsets) {
            return Err(Error::new("--time cannot be given to another runtime")
                .with_cause("this one does not know the time namespace")
                .with_hint("leave --runtime out, or --time"));
        }
        list.retain(|namespace| namespace.typ() != LinuxNamespaceType::Time);
    }
    Ok(list)
}

/// Whether nobody asked for what only a time namespace has.
fn can_do_without(time: &Choice, offsets: Option<&TimeOffsets>) -> bool {
    offsets.is_none() && !matches!(time, Choice::Join(_))
}

/// Other runtimes take a path that they cannot make for a failure, where an ordinary user's container without one has
/// the cgroup of its caller.
fn cgroups_path(blueprint: &Blueprint<'_>) -> Result<Option<PathBuf>> {
    let other = matches!(blueprint.options.runtime, RuntimeChoice::Other(_));
    if other && !blueprint.caller.is_machine_root() && blueprint.options.cgroup_parent.is_none() {
        return Ok(None);
    }
    let name = blueprint.name.as_str();
    let Some(parent) = blueprint.options.cgroup_parent.as_deref() else {
        return Ok(Some(Path::new("/").join(format!("{CGROUP_PREFIX}{name}"))));
    };
    let parent = Path::new("/").join(parent);
    let up = parent.components().any(|part| part == std::path::Component::ParentDir);
    if up || parent.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(Error::new(format!("--cgroup-parent {} cannot be taken as it is", parent.display()))
            .with_cause("it is not a path of cgroups without \"..\""));
    }
    Ok(Some(parent.join(name)))
}

/// A parameter is set in the namespace that it belongs to, which must be one of the container's.
fn sysctls(blueprint: &Blueprint<'_>) -> Result<Option<HashMap<String, String>>> {
    let mut sysctls = HashMap::new();
    for sysctl in &blueprint.options.security.sysctls {
        let refuse =
            |cause: &str| Error::new(format!("--sysctl {} cannot be set", sysctl.key)).with_cause(cause);
        let kind = sysctl
            .namespace()
            .map_err(|invalid| refuse(invalid.cause()).with_some_hint(invalid.hint().map(Into::into)))?;
        let (choice, option) = match kind {
            Kind::Ipc => (&blueprint.namespaces.ipc, "--ipc"),
            Kind::Uts => (&blueprint.namespaces.uts, "--uts"),
            _ => (&blueprint.namespaces.network, "--net"),
        };
        if *choice == Choice::Host {
            return Err(refuse(&format!("with {option} host it would be set for the whole machine")));
        }
        sysctls.insert(sysctl.key.clone(), sysctl.value.clone());
    }
    Ok((!sysctls.is_empty()).then_some(sysctls))
}

fn time_offsets(blueprint: &Blueprint<'_>) -> Option<HashMap<String, LinuxTimeOffset>> {
    let offsets = blueprint.options.namespaces.time.offsets.as_ref()?;
    let clocks = [("monotonic", offsets.monotonic), ("boottime", offsets.boottime)];
    let said =
        clocks.into_iter().filter_map(|(clock, offset)| Some((clock.to_owned(), time_offset(offset?))));
    Some(said.collect())
}

fn time_offset(offset: TimeOffset) -> LinuxTimeOffset {
    let mut told = LinuxTimeOffset::default();
    told.set_secs(Some(offset.seconds)).set_nanosecs(Some(offset.nanoseconds));
    told
}

/// A volume that receives mounts from the host, or sends some there, does so through the root above it.
fn rootfs_propagation(blueprint: &Blueprint<'_>) -> Option<String> {
    let said = |words: &[&str]| {
        let mounts = blueprint.options.mounts.mounts.iter();
        mounts.flat_map(|mount| &mount.options).any(|option| words.contains(&option.as_str()))
    };
    if said(&["shared", "rshared"]) {
        return Some("rshared".to_owned());
    }
    said(&["slave", "rslave"]).then(|| "rslave".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_namespace_is_left_out_when_nobody_asked_for_it() {
        assert!(can_do_without(&Choice::New, None) && can_do_without(&Choice::Host, None));
        assert!(!can_do_without(&Choice::Join("/proc/1/ns/time".into()), None));
        let offsets = "boottime=60".parse().unwrap();
        assert!(!can_do_without(&Choice::New, Some(&offsets)));
    }
}
