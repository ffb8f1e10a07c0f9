//! The `linux.resources` section, and `linux.devices`.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType, LinuxMemory, LinuxPids,
    LinuxResources, Mount,
};

use super::{Blueprint, mounts::bind};
use crate::options::{DeviceRequest, ResourceOptions, RuleRequest, SwapLimit};
use crate::userns::UserNamespace;
use crate::{Because, Error, Result};

/// The period of the quota of `--cpus`, as Docker has it.
const PERIOD: u64 = 100_000;

/// What was asked for; a section that says nothing is left out.
///
/// # Errors
///
/// When limits contradict each other, or a device is none.
pub(super) fn build(blueprint: &Blueprint<'_>) -> Result<Option<LinuxResources>> {
    let options = &blueprint.options.resources;
    let mut resources = LinuxResources::default();
    resources
        .set_memory(memory(options)?)
        .set_cpu(cpu(options))
        .set_pids(pids(options))
        .set_block_io(block_io(options))
        .set_devices(rules(blueprint)?);
    Ok((resources != LinuxResources::default()).then_some(resources))
}

/// The nodes of the devices that were asked for. In a user namespace they are mounts: see [`device_mounts`].
pub(super) fn devices(blueprint: &Blueprint<'_>) -> Result<Option<Vec<LinuxDevice>>> {
    let options = &blueprint.options.resources;
    if options.devices.is_empty() || *blueprint.user_namespace != UserNamespace::Host {
        return Ok(None);
    }
    options.devices.iter().map(node).collect::<Result<_>>().map(Some)
}

/// The devices that were asked for, in a user namespace: the host's own nodes, with the host's permissions.
pub(super) fn device_mounts(blueprint: &Blueprint<'_>) -> Vec<Mount> {
    if *blueprint.user_namespace == UserNamespace::Host {
        return Vec::new();
    }
    let devices = blueprint.options.resources.devices.iter();
    devices.map(|device| bind(&device.host, &device.container, &["nosuid", "noexec", "dev"])).collect()
}

/// As Docker has it: with `--memory` alone, as much swap again.
fn memory(options: &ResourceOptions) -> Result<Option<LinuxMemory>> {
    let bytes = |size: crate::options::Size| i64::try_from(size.bytes()).unwrap_or(i64::MAX);
    let limit = options.memory.map(bytes);
    let reservation = options.memory_reservation.map(bytes);
    let swap = match (options.memory_swap, limit) {
        (None, Some(limit)) => counts_swap().then(|| limit.saturating_mul(2)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(Error::new("--memory-swap goes with --memory")
                .with_cause("it limits memory and swap together, of which memory has to have a limit")
                .with_hint("give --memory too"));
        }
        (Some(SwapLimit::Unlimited), Some(_)) => Some(-1),
        (Some(SwapLimit::Limited(swap)), Some(limit)) if bytes(swap) < limit => {
            return Err(Error::new(format!("--memory-swap {swap} cannot be set"))
                .with_cause(format!("it limits memory and swap together, and --memory alone is {limit}"))
                .with_hint("give it the size of --memory for no swap, or more, or -1 for no limit"));
        }
        (Some(SwapLimit::Limited(swap)), Some(_)) => Some(bytes(swap)),
    };
    if let (Some(reservation), Some(limit)) = (reservation, limit)
        && reservation > limit
    {
        return Err(Error::new(format!("--memory-reservation {reservation} cannot be set"))
            .with_cause(format!("it is more than --memory, which is {limit}"))
            .with_hint("give it the size of --memory or less"));
    }
    let mut memory = LinuxMemory::default();
    memory.set_limit(limit).set_reservation(reservation).set_swap(swap);
    Ok((memory != LinuxMemory::default()).then_some(memory))
}

/// Version 1 counts swap only where the kernel was told to; version 2 does.
fn counts_swap() -> bool {
    let v1 = Path::new("/sys/fs/cgroup/memory");
    !v1.is_dir() || v1.join("memory.memsw.limit_in_bytes").exists()
}

fn cpu(options: &ResourceOptions) -> Option<LinuxCpu> {
    let mut cpu = LinuxCpu::default();
    cpu.set_shares(options.cpu_shares)
        .set_quota(options.cpus.map(crate::options::Cpus::quota))
        .set_period(options.cpus.map(|_| PERIOD))
        .set_cpus(options.cpuset_cpus.clone())
        .set_mems(options.cpuset_mems.clone());
    (cpu != LinuxCpu::default()).then_some(cpu)
}

fn pids(options: &ResourceOptions) -> Option<LinuxPids> {
    let mut pids = LinuxPids::default();
    pids.set_limit(options.pids_limit.filter(|limit| *limit > 0)?);
    Some(pids)
}

fn block_io(options: &ResourceOptions) -> Option<LinuxBlockIo> {
    let mut io = LinuxBlockIo::default();
    io.set_weight(options.blkio_weight);
    options.blkio_weight.map(|_| io)
}

/// A container opens no device beyond the ordinary ones unless a rule says so; root's has rules in a user namespace too.
fn rules(blueprint: &Blueprint<'_>) -> Result<Option<Vec<LinuxDeviceCgroup>>> {
    let options = &blueprint.options.resources;
    let mut rules = Vec::new();
    if blueprint.options.security.privileged {
        rules.push(rule(None, (None, None), "rwm"));
    } else {
        for device in &options.devices {
            let node = node(device)?;
            rules.push(rule(Some(node.typ()), (Some(node.major()), Some(node.minor())), &device.access));
        }
    }
    rules.extend(options.device_rules.iter().map(requested));
    Ok((!rules.is_empty()).then_some(rules))
}

fn requested(request: &RuleRequest) -> LinuxDeviceCgroup {
    let kind = match request.kind {
        'b' => LinuxDeviceType::B,
        'c' => LinuxDeviceType::C,
        _ => LinuxDeviceType::A,
    };
    rule(Some(kind), (request.major.map(Into::into), request.minor.map(Into::into)), &request.access)
}

fn rule(
    kind: Option<LinuxDeviceType>,
    number: (Option<i64>, Option<i64>),
    access: &str,
) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(true)
        .set_typ(kind)
        .set_major(number.0)
        .set_minor(number.1)
        .set_access(Some(access.to_owned()));
    rule
}

/// A node as the host has it.
fn node(request: &DeviceRequest) -> Result<LinuxDevice> {
    let what = || format!("cannot give the container the device {}", request.host.display());
    let metadata = std::fs::metadata(&request.host).because(what)?;
    let kind = match metadata.file_type() {
        kind if kind.is_block_device() => LinuxDeviceType::B,
        kind if kind.is_char_device() => LinuxDeviceType::C,
        _ => {
            return Err(Error::new(what())
                .with_cause("it is not a device")
                .with_hint("give the path of a node in /dev; a file or directory goes with -v"));
        }
    };
    let number = metadata.rdev();
    let mut device = LinuxDevice::default();
    device
        .set_path(request.container.clone())
        .set_typ(kind)
        .set_major(rustix::fs::major(number).into())
        .set_minor(rustix::fs::minor(number).into())
        .set_file_mode(Some(metadata.mode() & 0o7777))
        .set_uid(Some(metadata.uid()))
        .set_gid(Some(metadata.gid()));
    Ok(device)
}
