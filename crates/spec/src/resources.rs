//! `linux.resources`, and `linux.cgroupsPath`.

use std::path::{Component, Path};

use holm_cgroups::{Cpu, Cpuset, DevicePolicy, HugePageLimit, Memory, Network, Rdma, Resources};
use oci_spec::runtime as oci;

use crate::{Error, block_io, device_rules};

const SECTION: &str = "linux.resources";

/// What a container may use, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// The limits.
    pub resources: Resources,
    /// The devices, with those that every container has.
    pub devices: DevicePolicy,
}

impl Limits {
    /// Those of a new container.
    pub(crate) fn check(resources: Option<&oci::LinuxResources>) -> Result<Self, Error> {
        let none = oci::LinuxResources::default();
        let section = resources.unwrap_or(&none);
        let limits = Self {
            resources: check_resources(section)?,
            devices: device_rules::check(section.devices().as_deref().unwrap_or_default())?,
        };
        let memory = &limits.resources.memory;
        if memory.swap.unwrap_or(0) > 0 && memory.limit.unwrap_or(0) == 0 {
            let allowed = "set only with linux.resources.memory.limit, which it has in it";
            return Err(invalid("memory.swap", memory.swap.unwrap_or(0), allowed));
        }
        Ok(limits)
    }
}

/// Checks limits for a container that is there; the rules for its devices are passed over, as runc has it: who changed them
/// since (for a GPU, say) is not to be undone by who changes the memory.
///
/// # Errors
///
/// With the JSON path of what the specification does not allow.
pub fn check_resources(section: &oci::LinuxResources) -> Result<Resources, Error> {
    Ok(Resources {
        memory: section.memory().as_ref().map_or_else(|| Ok(Memory::default()), memory)?,
        cpu: section.cpu().as_ref().map_or_else(|| Ok(Cpu::default()), cpu)?,
        cpuset: section.cpu().as_ref().map_or_else(|| Ok(Cpuset::default()), cpuset)?,
        pids: section.pids().as_ref().map(pids).transpose()?,
        block_io: section.block_io().as_ref().map(block_io::check).transpose()?.unwrap_or_default(),
        huge_pages: huge_pages(section.hugepage_limits().as_deref().unwrap_or_default())?,
        network: section.network().as_ref().map_or_else(|| Ok(Network::default()), network)?,
        rdma: section.rdma().iter().flatten().map(rdma).collect::<Result<_, _>>()?,
        unified: section.unified().iter().flatten().map(unified).collect::<Result<_, _>>()?,
    })
}

/// An error below `linux.resources`.
pub(crate) fn invalid(field: &str, value: impl ToString, allowed: impl Into<String>) -> Error {
    Error::invalid(format!("{SECTION}.{field}"), value, allowed)
}

fn memory(memory: &oci::LinuxMemory) -> Result<Memory, Error> {
    let bytes = |name: &str, value: Option<i64>| match value {
        Some(bytes) if bytes < -1 => {
            Err(invalid(&format!("memory.{name}"), bytes, "a number of bytes, or -1 for no limit"))
        }
        value => Ok(value),
    };
    if let Some(swappiness) = memory.swappiness().filter(|swappiness| *swappiness > 100) {
        return Err(invalid("memory.swappiness", swappiness, "0 to 100"));
    }
    let checked = Memory {
        limit: bytes("limit", memory.limit())?,
        reservation: bytes("reservation", memory.reservation())?,
        swap: bytes("swap", memory.swap())?,
        kernel: bytes("kernel", memory.kernel())?,
        kernel_tcp: bytes("kernelTCP", memory.kernel_tcp())?,
        swappiness: memory.swappiness(),
        disable_oom_killer: memory.disable_oom_killer(),
        use_hierarchy: memory.use_hierarchy(),
        check_before_update: memory.check_before_update().unwrap_or(false),
    };
    match (checked.limit, checked.swap) {
        (Some(limit), Some(swap)) if swap > 0 && limit > swap => {
            let allowed = format!("memory and swap together: memory.limit ({limit}) or more, or -1");
            Err(invalid("memory.swap", swap, allowed))
        }
        _ => Ok(checked),
    }
}

fn cpu(cpu: &oci::LinuxCpu) -> Result<Cpu, Error> {
    // The bounds of the kernel: a period of 1 ms to 1 s, and a quota of 1 ms or more.
    if let Some(period) = cpu.period().filter(|period| *period != 0 && !(1000..=1_000_000).contains(period)) {
        return Err(invalid("cpu.period", period, "1000 to 1000000 (microseconds), or 0 to leave it"));
    }
    if let Some(quota) = cpu.quota().filter(|quota| (1..1000).contains(quota)) {
        return Err(invalid("cpu.quota", quota, "1000 (microseconds) or more, or -1 for no limit"));
    }
    if let Some(idle) = cpu.idle().filter(|idle| !(0..=1).contains(idle)) {
        return Err(invalid("cpu.idle", idle, "0 or 1"));
    }
    Ok(Cpu {
        shares: cpu.shares(),
        quota: cpu.quota(),
        burst: cpu.burst(),
        period: cpu.period(),
        idle: cpu.idle(),
        realtime_runtime: cpu.realtime_runtime(),
        realtime_period: cpu.realtime_period(),
    })
}

fn cpuset(cpu: &oci::LinuxCpu) -> Result<Cpuset, Error> {
    let list = |name: &str, value: &Option<String>| match value.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(list) if list.split(',').all(|range| is_range(range.trim())) => Ok(Some(list.to_owned())),
        Some(list) => {
            Err(invalid(&format!("cpu.{name}"), format!("{list:?}"), "numbers and ranges, as in 0-3,7"))
        }
    };
    Ok(Cpuset { cpus: list("cpus", cpu.cpus())?, mems: list("mems", cpu.mems())? })
}

/// As cpuset(7), "List format": `3`, `0-7`, `0-31:2/8`.
fn is_range(range: &str) -> bool {
    let number =
        |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (range, stride) = match range.split_once(':') {
        Some((range, stride)) => (range, Some(stride)),
        None => (range, None),
    };
    let stride = stride.is_none_or(|stride| {
        stride.split_once('/').is_some_and(|(used, group)| number(used).is_some() && number(group).is_some())
    });
    let range = match range.split_once('-') {
        Some((first, last)) => number(first).zip(number(last)).is_some_and(|(first, last)| first <= last),
        None => number(range).is_some(),
    };
    range && stride
}

fn pids(pids: &oci::LinuxPids) -> Result<i64, Error> {
    match pids.limit() {
        limit if limit < -1 => Err(invalid("pids.limit", limit, "a number of processes, or -1 for no limit")),
        limit => Ok(limit),
    }
}

fn huge_pages(limits: &[oci::LinuxHugepageLimit]) -> Result<Vec<HugePageLimit>, Error> {
    let check = |(index, limit): (usize, &oci::LinuxHugepageLimit)| {
        let field = |name: &str| format!("hugepageLimits[{index}].{name}");
        let size = limit.page_size();
        let digits = size.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number = digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.is_empty()
            && !digits.starts_with('0');
        if !number || !matches!(size.get(digits.len()..), Some("KB" | "MB" | "GB")) {
            return Err(invalid(
                &field("pageSize"),
                format!("{size:?}"),
                "a number and KB, MB or GB, as in 2MB",
            ));
        }
        match u64::try_from(limit.limit()) {
            Ok(bytes) => Ok(HugePageLimit { page_size: size.clone(), limit: bytes }),
            Err(_) => Err(invalid(&field("limit"), limit.limit(), "a number of bytes")),
        }
    };
    limits.iter().enumerate().map(check).collect()
}

fn network(network: &oci::LinuxNetwork) -> Result<Network, Error> {
    let list = network.priorities().iter().flatten().enumerate();
    let priorities = list.map(|(index, entry)| {
        let name = entry.name();
        // As the kernel has names of interfaces.
        if name.is_empty()
            || name.len() > 15
            || name.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control())
        {
            let field = format!("network.priorities[{index}].name");
            return Err(invalid(&field, format!("{name:?}"), "the name of an interface, at most 15 bytes"));
        }
        Ok((name.clone(), entry.priority()))
    });
    Ok(Network { class_id: network.class_id(), priorities: priorities.collect::<Result<_, _>>()? })
}

fn rdma((device, limit): (&String, &oci::LinuxRdma)) -> Result<(String, Rdma), Error> {
    if device.is_empty() || device.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid("rdma", format!("{device:?}"), "names of RDMA devices"));
    }
    Ok((device.clone(), Rdma { hca_handles: limit.hca_handles(), hca_objects: limit.hca_objects() }))
}

fn unified((key, value): (&String, &String)) -> Result<(String, String), Error> {
    let named =
        key.split_once('.').is_some_and(|(controller, file)| !controller.is_empty() && !file.is_empty());
    if !named || key.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        let allowed = "the name of a file of a cgroup, CONTROLLER.NAME, without slashes";
        return Err(invalid("unified", format!("{key:?}"), allowed));
    }
    if value.contains('\0') {
        return Err(invalid(&format!("unified[{key:?}]"), format!("{value:?}"), "a value without NUL"));
    }
    Ok((key.clone(), value.clone()))
}

/// The path as runc takes it: `.`, `..` and double slashes are taken out by the letter, and `..` does not lead above
/// the top. Absolute ones begin at the top of each hierarchy, others at the caller's group.
pub(crate) fn cgroups_path(path: Option<&Path>) -> Result<Option<String>, Error> {
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { return Ok(None) };
    let invalid = |allowed: &str| Err(Error::invalid("linux.cgroupsPath", format!("{path:?}"), allowed));
    let mut names: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => match name.to_str() {
                Some(name) => names.push(name),
                None => return invalid("a path in UTF-8"),
            },
            Component::ParentDir => _ = names.pop(),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    if names.is_empty() {
        return invalid("a path that names a group, as in /holm/NAME");
    }
    let cleaned = format!("{}{}", if path.is_absolute() { "/" } else { "" }, names.join("/"));
    match holm_cgroups::CgroupPath::parse(&cleaned) {
        Ok(_) => Ok(Some(cleaned)),
        Err(cause) => Err(Error::invalid("linux.cgroupsPath", format!("{path:?}"), cause.to_string())),
    }
}

#[cfg(test)]
mod tests;
