//! Limits as properties of a unit (systemd.resource-control(5)).

use super::Property;
use super::bus::value::Value;
use crate::v1::cpu::asked as asked_unsigned;
use crate::v1::memory::asked;
use crate::{Cpu, Memory, Resources, v2};

/// Of v2.
pub(super) fn of_limits(resources: &Resources) -> Vec<Property> {
    let mut properties = Vec::new();
    let mut number = |name: &str, value: Option<u64>| {
        properties.extend(value.map(|value| Property::new(name, Value::U64(value))));
    };
    let Resources { memory, cpu, .. } = resources;
    number("MemoryMax", asked(memory.limit).map(bytes));
    number("MemoryLow", asked(memory.reservation).map(bytes));
    number("MemorySwapMax", swap(memory));
    number("CPUWeight", weight(cpu));
    number("TasksMax", resources.pids.map(tasks));
    number("IOWeight", resources.block_io.weight.filter(|weight| *weight != 0).map(v2::io::weight));
    properties.extend(bandwidth(cpu));
    properties.extend(set_of("AllowedCPUs", resources.cpuset.cpus.as_deref()));
    properties.extend(set_of("AllowedMemoryNodes", resources.cpuset.mems.as_deref()));
    properties.extend(resources.unified.iter().flat_map(|(file, text)| of_file(file, text)));
    properties
}

/// Of v1.
pub(super) fn of_limits_v1(resources: &Resources) -> Vec<Property> {
    let mut properties = Vec::new();
    let mut number = |name: &str, value: Option<u64>| {
        properties.extend(value.map(|value| Property::new(name, Value::U64(value))));
    };
    number("MemoryLimit", asked(resources.memory.limit).map(bytes));
    number("CPUShares", asked_unsigned(resources.cpu.shares));
    number("TasksMax", resources.pids.map(tasks));
    number("BlockIOWeight", resources.block_io.weight.filter(|weight| *weight != 0).map(u64::from));
    properties.extend(bandwidth(&resources.cpu));
    properties
}

/// None is infinity, as systemd has it.
fn bytes(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn tasks(number: i64) -> u64 {
    if number > 0 { bytes(number) } else { u64::MAX }
}

/// v2 counts swap alone; what cannot be told without the group's own files is left to them.
fn swap(memory: &Memory) -> Option<u64> {
    match (asked(memory.limit), asked(memory.swap)) {
        (_, Some(-1)) | (Some(-1), None) => Some(u64::MAX),
        (Some(limit), Some(swap)) if limit > 0 => u64::try_from(swap.checked_sub(limit)?).ok(),
        _ => None,
    }
}

/// A weight of 0 is idle (systemd 252).
fn weight(cpu: &Cpu) -> Option<u64> {
    match cpu.idle {
        Some(1) => Some(0),
        _ => asked_unsigned(cpu.shares).map(v2::cpu::weight),
    }
}

/// The quota is a time in each second. systemd rounds it down to a hundredth of it, so it is rounded up here.
fn bandwidth(cpu: &Cpu) -> Vec<Property> {
    const SECOND: u64 = 1_000_000;
    const HUNDREDTH: u64 = 10_000;
    let (quota, period) = (cpu.quota.filter(|quota| *quota != 0), asked_unsigned(cpu.period));
    let per_second = quota.map(|quota| match u64::try_from(quota) {
        Ok(quota) => {
            let exact = quota.saturating_mul(SECOND) / period.unwrap_or(100_000).max(1);
            exact.checked_next_multiple_of(HUNDREDTH).unwrap_or(u64::MAX)
        }
        Err(_) => u64::MAX,
    });
    let property = |name, value: Option<u64>| value.map(|value| Property::new(name, Value::U64(value)));
    [property("CPUQuotaPeriodUSec", period), property("CPUQuotaPerSecUSec", per_second)]
        .into_iter()
        .flatten()
        .collect()
}

/// Numbers such as `0-3,8` as bits, the lowest first.
fn set_of(name: &str, list: Option<&str>) -> Option<Property> {
    let mut bits: Vec<u8> = Vec::new();
    for part in list?.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        // The kernel has no more of them; a longer list is refused by it.
        if first > last || last > 8191 {
            return None;
        }
        for number in first..=last {
            if bits.len() <= number / 8 {
                bits.resize(number / 8 + 1, 0);
            }
            if let Some(byte) = bits.get_mut(number / 8) {
                *byte |= 1 << (number % 8);
            }
        }
    }
    let bits = bits.into_iter().map(Value::Byte).collect();
    Some(Property::new(name, Value::Array("y".into(), bits)))
}

/// A file of v2 that is written as it is; those that systemd does not have are not its business.
fn of_file(file: &str, text: &str) -> Vec<Property> {
    let number = |text: &str| if text == "max" { Some(u64::MAX) } else { text.parse().ok() };
    let one =
        |name: &str| number(text).map(|value| Property::new(name, Value::U64(value))).into_iter().collect();
    let text = text.trim();
    match file {
        "memory.max" => one("MemoryMax"),
        "memory.high" => one("MemoryHigh"),
        "memory.low" => one("MemoryLow"),
        "memory.min" => one("MemoryMin"),
        "memory.swap.max" => one("MemorySwapMax"),
        "pids.max" => one("TasksMax"),
        "cpu.weight" => one("CPUWeight"),
        "cpuset.cpus" => set_of("AllowedCPUs", Some(text)).into_iter().collect(),
        "cpuset.mems" => set_of("AllowedMemoryNodes", Some(text)).into_iter().collect(),
        "cpu.max" => {
            let (quota, period) = text.split_once(' ').unwrap_or((text, "100000"));
            let quota = if quota == "max" { Some(-1) } else { quota.parse().ok() };
            bandwidth(&Cpu { quota, period: period.trim().parse().ok(), ..Cpu::default() })
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockIo, Cpuset};

    fn told(resources: &Resources) -> Vec<(String, Value)> {
        of_limits(resources).into_iter().map(|property| (property.name, property.value)).collect()
    }

    fn number(name: &str, value: u64) -> (String, Value) {
        (name.to_owned(), Value::U64(value))
    }

    #[test]
    fn limits_are_those_that_the_files_get() {
        let resources = Resources {
            memory: Memory {
                limit: Some(1 << 20),
                swap: Some(3 << 20),
                reservation: Some(-1),
                ..Memory::default()
            },
            cpu: Cpu { shares: Some(1024), quota: Some(12_345), period: Some(50_000), ..Cpu::default() },
            pids: Some(0),
            block_io: BlockIo { weight: Some(1000), ..BlockIo::default() },
            cpuset: Cpuset { cpus: Some("0-1,9".into()), mems: Some("0".into()) },
            ..Resources::default()
        };
        let set = |name: &str, bytes: &[u8]| {
            (name.to_owned(), Value::Array("y".into(), bytes.iter().copied().map(Value::Byte).collect()))
        };
        assert_eq!(
            told(&resources),
            [
                number("MemoryMax", 1 << 20),
                number("MemoryLow", u64::MAX),
                number("MemorySwapMax", 2 << 20),
                number("CPUWeight", 100),
                number("TasksMax", u64::MAX),
                number("IOWeight", 10_000),
                number("CPUQuotaPeriodUSec", 50_000),
                number("CPUQuotaPerSecUSec", 250_000),
                set("AllowedCPUs", &[3, 2]),
                set("AllowedMemoryNodes", &[1]),
            ]
        );
        assert_eq!(told(&Resources::default()), []);
    }

    #[test]
    fn files_of_v2_are_told_too() {
        let unified =
            [("cpu.max", "max 20000"), ("pids.max", "5"), ("memory.high", "x"), ("io.max", "8:0 rbps=1")];
        let unified = unified.map(|(file, text)| (file.to_owned(), text.to_owned())).into();
        let expected = [
            number("CPUQuotaPeriodUSec", 20_000),
            number("CPUQuotaPerSecUSec", u64::MAX),
            number("TasksMax", 5),
        ];
        assert_eq!(told(&Resources { unified, ..Resources::default() }), expected);
    }

    #[test]
    fn idle_is_a_weight_of_nothing() {
        let cpu = Cpu { idle: Some(1), shares: Some(1024), ..Cpu::default() };
        assert_eq!(told(&Resources { cpu, ..Resources::default() }), [number("CPUWeight", 0)]);
    }

    #[test]
    fn sets_that_make_no_sense_are_left_to_the_kernel() {
        for list in ["3-1", "a", "0-999999999", "1--2", "-1"] {
            assert_eq!(set_of("AllowedCPUs", Some(list)), None, "{list}");
        }
    }
}
