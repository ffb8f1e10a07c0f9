//! The `linux` section.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use holm_namespaces::{IdMap, Kind, Mapping, TimeOffset, TimeOffsets};
use oci_spec::runtime as oci;

use crate::attributes::word;
use crate::{
    Device, Error, IntelRdt, Limits, NetDevice, PropagationChange, Seccomp, Surroundings, resources,
};

/// What is asked of one kind of namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamespaceChoice {
    /// A new one.
    New,
    /// The one at this path.
    Join(PathBuf),
}

/// The `linux` section, checked.
#[derive(Debug, Clone, Default)]
pub struct Linux {
    /// By kind; a kind that is not there is shared with the caller.
    pub namespaces: BTreeMap<Kind, NamespaceChoice>,
    /// The uids of a new user namespace.
    pub uid_map: Option<IdMap>,
    /// Its gids.
    pub gid_map: Option<IdMap>,
    /// The clocks of a new time namespace.
    pub time_offsets: Option<TimeOffsets>,
    /// `linux.cgroupsPath`, cleaned.
    pub cgroups_path: Option<String>,
    /// `linux.resources`.
    pub limits: Limits,
    /// Kernel parameters, by name with dots or slashes.
    pub sysctl: BTreeMap<String, String>,
    /// The nodes beyond the default ones.
    pub devices: Vec<Device>,
    /// Network devices of the host that become the container's.
    pub net_devices: Vec<NetDevice>,
    /// Paths that read as empty.
    pub masked_paths: Vec<PathBuf>,
    /// Paths that cannot be written.
    pub readonly_paths: Vec<PathBuf>,
    /// How every process of the container runs.
    pub surroundings: Surroundings,
    /// The label of SELinux that the file systems of the container get.
    pub mount_label: Option<String>,
    /// The group of resctrl.
    pub intel_rdt: Option<IntelRdt>,
    /// The filter of system calls.
    pub seccomp: Option<Seccomp>,
    /// The propagation of the root.
    pub rootfs_propagation: Option<PropagationChange>,
}

impl Linux {
    pub(crate) fn check(linux: Option<&oci::Linux>) -> Result<Self, Error> {
        let Some(linux) = linux else {
            return Ok(Self { limits: Limits::check(None)?, ..Self::default() });
        };
        let section = Self {
            namespaces: namespaces(linux.namespaces().as_deref().unwrap_or_default())?,
            uid_map: id_map("linux.uidMappings", linux.uid_mappings().as_deref())?,
            gid_map: id_map("linux.gidMappings", linux.gid_mappings().as_deref())?,
            time_offsets: linux.time_offsets().as_ref().map(time_offsets).transpose()?,
            cgroups_path: resources::cgroups_path(linux.cgroups_path().as_deref())?,
            limits: Limits::check(linux.resources().as_ref())?,
            sysctl: linux
                .sysctl()
                .iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            devices: linux
                .devices()
                .iter()
                .flatten()
                .enumerate()
                .map(|(index, device)| Device::check(device, index))
                .collect::<Result<_, _>>()?,
            net_devices: NetDevice::check_all(linux.net_devices().as_ref())?,
            masked_paths: paths("linux.maskedPaths", linux.masked_paths().as_deref())?,
            readonly_paths: paths("linux.readonlyPaths", linux.readonly_paths().as_deref())?,
            surroundings: Surroundings::check(linux)?,
            mount_label: word(
                "linux.mountLabel",
                linux.mount_label().clone().filter(|label| !label.is_empty()),
            )?,
            intel_rdt: linux.intel_rdt().as_ref().map(IntelRdt::check).transpose()?,
            seccomp: linux.seccomp().as_ref().map(Seccomp::check).transpose()?,
            rootfs_propagation: rootfs_propagation(linux.rootfs_propagation().as_deref())?,
        };
        section.check_maps()?;
        section.check_sysctl()?;
        if !section.net_devices.is_empty() && !section.namespaces.contains_key(&Kind::Network) {
            return Err(Error::invalid("linux.netDevices", "set", "only with a network namespace"));
        }
        if section.time_offsets.is_some() && !section.is_new(Kind::Time) {
            return Err(Error::invalid("linux.timeOffsets", "set", "only with a new time namespace"));
        }
        Ok(section)
    }

    /// Whether a new namespace of this kind is asked for.
    pub fn is_new(&self, kind: Kind) -> bool {
        self.namespaces.get(&kind) == Some(&NamespaceChoice::New)
    }

    /// Maps and a new user namespace need each other.
    fn check_maps(&self) -> Result<(), Error> {
        let both = self.uid_map.is_some() && self.gid_map.is_some();
        let any = self.uid_map.is_some() || self.gid_map.is_some();
        if self.is_new(Kind::User) && !both {
            let field = if self.uid_map.is_none() { "linux.uidMappings" } else { "linux.gidMappings" };
            return Err(Error::invalid(field, "missing", "one mapping or more, with a new user namespace"));
        }
        if any && !self.namespaces.contains_key(&Kind::User) {
            return Err(Error::invalid("linux.uidMappings", "set", "only with a user namespace"));
        }
        Ok(())
    }

    /// A sysctl that is not of a namespace of the container's own would change the host.
    fn check_sysctl(&self) -> Result<(), Error> {
        for key in self.sysctl.keys() {
            let name = key.replace('/', ".");
            if name == "kernel.hostname" {
                let field = format!("linux.sysctl[{key:?}]");
                return Err(Error::invalid(field, "set", "the name of the host in \"hostname\""));
            }
            let (kind, allowed) = match crate::sysctl_namespace(&name) {
                Some(kind) => (kind, format!("set only in a {kind} namespace of the container's own")),
                None => {
                    let allowed = "the names that belong to a namespace: kernel.msg*, kernel.sem, kernel.shm*, \
                                   fs.mqueue.*, kernel.domainname, net.*";
                    return Err(Error::invalid(
                        format!("linux.sysctl[{key:?}]"),
                        "of the whole host",
                        allowed,
                    ));
                }
            };
            if !self.namespaces.contains_key(&kind) || name.split('.').any(str::is_empty) {
                return Err(Error::invalid(format!("linux.sysctl[{key:?}]"), "of the host", allowed));
            }
        }
        Ok(())
    }
}

fn namespaces(list: &[oci::LinuxNamespace]) -> Result<BTreeMap<Kind, NamespaceChoice>, Error> {
    let mut namespaces = BTreeMap::new();
    for (index, namespace) in list.iter().enumerate() {
        let kind = kind(namespace.typ());
        let choice = match namespace.path() {
            Some(path) if path.as_os_str().is_empty() => NamespaceChoice::New,
            Some(path) if path.is_absolute() => NamespaceChoice::Join(path.clone()),
            Some(path) => {
                let field = format!("linux.namespaces[{index}].path");
                return Err(Error::invalid(field, format!("{path:?}"), "an absolute path"));
            }
            None => NamespaceChoice::New,
        };
        if namespaces.insert(kind, choice).is_some() {
            let field = format!("linux.namespaces[{index}].type");
            return Err(Error::invalid(field, kind, "each kind once"));
        }
    }
    Ok(namespaces)
}

fn kind(kind: oci::LinuxNamespaceType) -> Kind {
    match kind {
        oci::LinuxNamespaceType::Mount => Kind::Mount,
        oci::LinuxNamespaceType::Cgroup => Kind::Cgroup,
        oci::LinuxNamespaceType::Uts => Kind::Uts,
        oci::LinuxNamespaceType::Ipc => Kind::Ipc,
        oci::LinuxNamespaceType::User => Kind::User,
        oci::LinuxNamespaceType::Pid => Kind::Pid,
        oci::LinuxNamespaceType::Network => Kind::Network,
        oci::LinuxNamespaceType::Time => Kind::Time,
    }
}

pub(crate) fn id_map(field: &str, mappings: Option<&[oci::LinuxIdMapping]>) -> Result<Option<IdMap>, Error> {
    let Some(mappings) = mappings.filter(|mappings| !mappings.is_empty()) else { return Ok(None) };
    let mapping =
        |m: &oci::LinuxIdMapping| Mapping { container: m.container_id(), host: m.host_id(), size: m.size() };
    let map = IdMap::new(mappings.iter().map(mapping).collect());
    map.map(Some).map_err(|cause| Error::invalid(field, "not a map", cause.to_string()))
}

fn time_offsets(offsets: &HashMap<String, oci::LinuxTimeOffset>) -> Result<TimeOffsets, Error> {
    let mut result = TimeOffsets::default();
    for (clock, offset) in offsets {
        let field = format!("linux.timeOffsets[{clock:?}]");
        let nanoseconds = offset.nanosecs().unwrap_or(0);
        if nanoseconds >= 1_000_000_000 {
            return Err(Error::invalid(format!("{field}.nanosecs"), nanoseconds, "0 to 999999999"));
        }
        let offset = TimeOffset { seconds: offset.secs().unwrap_or(0), nanoseconds };
        match clock.as_str() {
            "monotonic" => result.monotonic = Some(offset),
            "boottime" => result.boottime = Some(offset),
            _ => return Err(Error::invalid(field, "not a clock of a time namespace", "monotonic, boottime")),
        }
    }
    Ok(result)
}

fn paths(field: &str, paths: Option<&[String]>) -> Result<Vec<PathBuf>, Error> {
    let check = |(index, path): (usize, &String)| {
        let path = PathBuf::from(path);
        if path.is_absolute() {
            return Ok(path);
        }
        Err(Error::invalid(
            format!("{field}[{index}]"),
            format!("{path:?}"),
            "an absolute path in the container",
        ))
    };
    paths.unwrap_or_default().iter().enumerate().map(check).collect()
}

fn rootfs_propagation(word: Option<&str>) -> Result<Option<PropagationChange>, Error> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    let (name, recursive) = match word.strip_prefix('r') {
        Some(name) => (name, true),
        None => (word, false),
    };
    match name.parse() {
        Ok(propagation) => Ok(Some(PropagationChange { propagation, recursive })),
        Err(()) => {
            let allowed = "private, slave, shared, unbindable, and the same with an r before";
            Err(Error::invalid("linux.rootfsPropagation", format!("{word:?}"), allowed))
        }
    }
}
