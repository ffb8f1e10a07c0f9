//! How a process runs: scheduling, I/O priority, CPUs, memory nodes, execution domain.

use std::fmt;

use holm_sys::{Context, Result, SchedAttr};
use rustix::thread::{CpuSet, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// A name of the kernel's headers, and its number.
type Named = (&'static str, u64);

/// The policies of sched(7) that a kernel has.
const POLICIES: [Named; 6] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

/// The flags of sched_setattr(2).
const FLAGS: [Named; 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

fn number(table: &[Named], name: &str) -> Option<u64> {
    table.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// How a process is scheduled (sched_setattr(2)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scheduling {
    /// The policy, by its name.
    pub policy: String,
    /// The nice value.
    pub nice: i32,
    /// The static priority.
    pub priority: u32,
    /// Flags, by their names.
    pub flags: Vec<String>,
    /// Of a deadline, in nanoseconds.
    pub runtime: u64,
    /// As well.
    pub deadline: u64,
    /// As well.
    pub period: u64,
}

impl Scheduling {
    /// Whether the kernel has a policy of this name. (`SCHED_ISO` was never in it.)
    pub fn has_policy(name: &str) -> bool {
        number(&POLICIES, name).is_some()
    }

    /// Whether it has a flag of this name.
    pub fn has_flag(name: &str) -> bool {
        number(&FLAGS, name).is_some()
    }

    /// Whether it has a static priority.
    pub fn is_real_time(&self) -> bool {
        matches!(self.policy.as_str(), "SCHED_FIFO" | "SCHED_RR")
    }

    /// Whether it is one of deadlines.
    pub fn is_deadline(&self) -> bool {
        self.policy == "SCHED_DEADLINE"
    }

    /// Schedules the calling thread this way.
    ///
    /// # Errors
    ///
    /// As [`holm_sys::sched_setattr`].
    pub fn apply(&self) -> Result<()> {
        let policy = number(&POLICIES, &self.policy).and_then(|policy| u32::try_from(policy).ok());
        let flags = self.flags.iter().filter_map(|flag| number(&FLAGS, flag));
        holm_sys::sched_setattr(&SchedAttr {
            policy: policy.unwrap_or(u32::MAX),
            flags: flags.fold(0, |all, flag| all | flag),
            nice: self.nice,
            priority: self.priority,
            runtime: self.runtime,
            deadline: self.deadline,
            period: self.period,
        })
    }
}

/// The classes of I/O priority (ioprio_set(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IoClass {
    /// Before all others.
    RealTime = 1,
    /// The usual one.
    BestEffort = 2,
    /// When nobody else wants the disk.
    Idle = 3,
}

impl fmt::Display for IoClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::RealTime => "real-time",
            Self::BestEffort => "best-effort",
            Self::Idle => "idle",
        })
    }
}

/// Sets the I/O priority of the calling thread.
///
/// # Errors
///
/// As [`holm_sys::ioprio_set`].
pub fn set_io_priority(class: IoClass, level: u8) -> Result<()> {
    holm_sys::ioprio_set(class as u16, level.into())
}

/// Lets the calling thread run on these CPUs alone (sched_setaffinity(2)).
///
/// # Errors
///
/// `EINVAL` when none of them is there and in the cpuset of the thread's cgroup.
pub fn set_cpus(cpus: &NumberSet) -> Result<()> {
    let mut set = CpuSet::new();
    cpus.iter().map(|cpu| cpu as usize).filter(|cpu| *cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(cpu));
    sched_setaffinity(None, &set).call(|| format!("sched_setaffinity(0, {cpus})"))
}

/// CPUs or nodes, as `0-3,7` has them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NumberSet {
    /// First and last of each range.
    ranges: Vec<(u32, u32)>,
}

impl NumberSet {
    /// No number is larger: what the kernel's masks have room for.
    pub const LARGEST: u32 = 1023;

    /// Understands a list of numbers and ranges; `None` when it is none, or one of them is too large.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= Self::LARGEST)
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (number(first.trim())?, number(last.trim())?);
            (first <= last).then_some((first, last))
        };
        text.trim()
            .split(',')
            .map(|part| range(part.trim()))
            .collect::<Option<_>>()
            .map(|ranges| Self { ranges })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// As a mask of bits.
    fn mask(&self) -> Vec<u64> {
        let mut mask = Vec::new();
        for number in self.iter() {
            let (word, bit) = (number as usize / 64, number % 64);
            if mask.len() <= word {
                mask.resize(word + 1, 0);
            }
            if let Some(word) = mask.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        mask
    }
}

impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

/// The modes of set_mempolicy(2).
const MODES: [Named; 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];

/// Their flags.
const MODE_FLAGS: [Named; 3] = [
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_STATIC_NODES", 1 << 15),
];

/// From which nodes a process gets its memory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MemoryPolicy {
    /// The mode, by its name.
    pub mode: String,
    /// The nodes, for a mode that has some.
    pub nodes: Option<NumberSet>,
    /// Flags, by their names.
    pub flags: Vec<String>,
}

impl MemoryPolicy {
    /// Sets it for the calling thread, and what it becomes by an exec.
    ///
    /// # Errors
    ///
    /// As [`holm_sys::set_mempolicy`].
    pub fn apply(&self) -> Result<()> {
        let flags = self.flags.iter().filter_map(|flag| number(&MODE_FLAGS, flag));
        let mode = number(&MODES, &self.mode).map(|mode| flags.fold(mode, |all, flag| all | flag));
        let mode = mode.and_then(|mode| i32::try_from(mode).ok()).unwrap_or(-1);
        let nodes = self.nodes.as_ref().map(NumberSet::mask).unwrap_or_default();
        holm_sys::set_mempolicy(mode, &nodes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers_are_read_and_written() {
        for text in ["0", "0-3", "0-3,7", "5,1", "1023"] {
            assert_eq!(NumberSet::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(NumberSet::parse(" 0-2 , 7 ").unwrap().iter().collect::<Vec<_>>(), [0, 1, 2, 7]);
        for text in ["", ",", "1,", "3-1", "-1", "a", "1024", "1--2", "+1", "1.5", "99999999999"] {
            assert_eq!(NumberSet::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_mask_has_a_bit_for_each() {
        assert_eq!(NumberSet::parse("0,2-3,64,130").unwrap().mask(), [0b1101, 1, 4]);
        assert!(NumberSet::default().mask().is_empty());
    }

    #[test]
    fn what_the_kernel_never_had_is_no_policy() {
        assert!(Scheduling::has_policy("SCHED_BATCH") && !Scheduling::has_policy("SCHED_ISO"));
        assert!(Scheduling::has_flag("SCHED_FLAG_DL_OVERRUN") && !Scheduling::has_flag("SCHED_DL_OVERRUN"));
    }
}
