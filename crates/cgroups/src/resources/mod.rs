//! What a group may use, as OCI's `linux.resources` has it, and setting it by whichever version has the controller.
//!
//! A value that is not given is left as it is. Nothing is written that was not asked for.

mod devices;
mod set;
mod writer;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use devices::{Access, DevicePolicy, DeviceRule, DeviceType, Exception};
pub(crate) use set::explain_busy;
pub(crate) use writer::{Unavailable, Writer};

/// The limits of a group. Device rules are apart: see [`DevicePolicy`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Resources {
    /// Of memory and swap.
    pub memory: Memory,
    /// Of CPU time.
    pub cpu: Cpu,
    /// Which CPUs and memory nodes.
    pub cpuset: Cpuset,
    /// How many processes; 0 and less: any number.
    pub pids: Option<i64>,
    /// Of block devices.
    pub block_io: BlockIo,
    /// Of huge pages, by size.
    pub huge_pages: Vec<HugePageLimit>,
    /// Marks on what is sent (v1 alone).
    pub network: Network,
    /// Of RDMA devices, by name.
    pub rdma: BTreeMap<String, Rdma>,
    /// Files of v2 by name, written as they are.
    pub unified: BTreeMap<String, String>,
}

/// Limits of memory, in bytes; -1 is none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Memory {
    /// The most that may be used.
    pub limit: Option<i64>,
    /// What is left to the group when others need memory.
    pub reservation: Option<i64>,
    /// The most of memory and swap together.
    pub swap: Option<i64>,
    /// Of the kernel's memory (v1).
    pub kernel: Option<i64>,
    /// Of the buffers of TCP (v1).
    pub kernel_tcp: Option<i64>,
    /// How willingly it is swapped, 0 to 100 (v1).
    pub swappiness: Option<u64>,
    /// Processes wait where they would be killed for want of memory (v1).
    pub disable_oom_killer: Option<bool>,
    /// Whether groups below are charged too (v1; always, since Linux 5.11).
    pub use_hierarchy: Option<bool>,
    /// Whether a limit below what is used now is refused.
    pub check_before_update: bool,
}

/// Shares and limits of CPU time; times in microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Cpu {
    /// The share, as v1 counts it: 2 to 262144, 1024 unless said.
    pub shares: Option<u64>,
    /// The time in each period; 0 and less: all.
    pub quota: Option<i64>,
    /// What of it may be saved for later.
    pub burst: Option<u64>,
    /// The period.
    pub period: Option<u64>,
    /// Whether the group runs only when nobody else wants to: 0 or 1.
    pub idle: Option<i64>,
    /// The time of real-time processes in each period (v1).
    pub realtime_runtime: Option<i64>,
    /// That period (v1).
    pub realtime_period: Option<u64>,
}

/// CPUs and memory nodes, as lists of cpuset(7).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cpuset {
    /// The CPUs.
    pub cpus: Option<String>,
    /// The memory nodes.
    pub mems: Option<String>,
}

/// The number of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceNumber {
    /// Its first half.
    pub major: u32,
    /// Its second half.
    pub minor: u32,
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// Weights and limits of block devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BlockIo {
    /// The weight, 10 to 1000.
    pub weight: Option<u16>,
    /// The weight against the groups below (v1 with CFQ).
    pub leaf_weight: Option<u16>,
    /// Weights by device.
    pub weight_device: Vec<WeightDevice>,
    /// Bytes read in a second.
    pub read_bps: Vec<Throttle>,
    /// Bytes written in a second.
    pub write_bps: Vec<Throttle>,
    /// Reads in a second.
    pub read_iops: Vec<Throttle>,
    /// Writes in a second.
    pub write_iops: Vec<Throttle>,
}

/// The weights for one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeightDevice {
    /// Which.
    pub device: DeviceNumber,
    /// The weight.
    pub weight: Option<u16>,
    /// The weight against the groups below.
    pub leaf_weight: Option<u16>,
}

/// A limit of one device, each second; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Which.
    pub device: DeviceNumber,
    /// How much.
    pub rate: u64,
}

/// A limit of huge pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HugePageLimit {
    /// Their size, as the kernel names it: `2MB`.
    pub page_size: String,
    /// In bytes.
    pub limit: u64,
}

/// Marks on what the processes send.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Network {
    /// The class of net_cls.
    pub class_id: Option<u32>,
    /// Priorities by interface.
    pub priorities: BTreeMap<String, u32>,
}

/// Limits of an RDMA device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rdma {
    /// Handles.
    pub hca_handles: Option<u32>,
    /// Objects.
    pub hca_objects: Option<u32>,
}

impl Memory {
    /// True when nothing is asked for. A number 0 asks for nothing, as runc has it.
    pub fn is_empty(&self) -> bool {
        let numbers = [self.limit, self.reservation, self.swap, self.kernel, self.kernel_tcp];
        numbers.iter().all(|number| number.unwrap_or(0) == 0)
            && self.swappiness.is_none()
            && !self.disable_oom_killer.unwrap_or(false)
            && self.use_hierarchy.is_none()
    }
}

impl Cpu {
    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        let zero = |number: Option<u64>| number.unwrap_or(0) == 0;
        zero(self.shares)
            && self.quota.unwrap_or(0) == 0
            && self.burst.is_none()
            && zero(self.period)
            && self.idle.is_none()
            && self.realtime_runtime.unwrap_or(0) == 0
            && zero(self.realtime_period)
    }
}

impl BlockIo {
    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.weight.unwrap_or(0) == 0
            && self.leaf_weight.unwrap_or(0) == 0
            && self.weight_device.is_empty()
            && [&self.read_bps, &self.write_bps, &self.read_iops, &self.write_iops]
                .iter()
                .all(|list| list.is_empty())
    }
}

impl Resources {
    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.controllers().is_empty()
    }

    /// All but the limits of memory, and those alone: memory can be limited once what makes a container has done its
    /// work, which takes more than many a container is to have.
    #[must_use]
    pub fn split_memory(&self) -> (Self, Self) {
        let of_memory = |key: &str| key.split('.').next() == Some("memory");
        let (unified, rest) = self.unified.clone().into_iter().partition(|(key, _)| of_memory(key));
        let memory = Self { memory: self.memory.clone(), unified, ..Self::default() };
        (Self { memory: Memory::default(), unified: rest, ..self.clone() }, memory)
    }

    /// The controllers that are needed, by the names of v2 (those of v1 alone by their own).
    pub fn controllers(&self) -> Vec<&str> {
        let network = &self.network;
        let asked = [
            ("memory", !self.memory.is_empty()),
            ("cpu", !self.cpu.is_empty()),
            ("cpuset", self.cpuset != Cpuset::default()),
            ("pids", self.pids.is_some()),
            ("io", !self.block_io.is_empty()),
            ("hugetlb", !self.huge_pages.is_empty()),
            ("net_cls", network.class_id.unwrap_or(0) != 0),
            ("net_prio", !network.priorities.is_empty()),
            ("rdma", !self.rdma.is_empty()),
        ];
        let mut names: Vec<&str> = asked.iter().filter(|(_, asked)| *asked).map(|(name, _)| *name).collect();
        for key in self.unified.keys() {
            let name = key.split('.').next().unwrap_or(key);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}
