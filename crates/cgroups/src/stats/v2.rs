//! The numbers of version 2.

use std::collections::BTreeMap;

use crate::Result;
use crate::directory::Directory;
use crate::stats::v1::unlimited_is_zero;
use crate::stats::{BlkioEntry, HugetlbStats, MemoryEntry, Pressure, PressureLine, Stats};

/// Fills in what the controllers of the group know.
pub(super) fn read(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let controllers = directory.read("cgroup.controllers")?;
    for controller in controllers.split_whitespace() {
        match controller {
            "cpu" => cpu(directory, stats)?,
            "memory" => memory(directory, stats)?,
            "pids" => {
                stats.pids.current = directory.number("pids.current")?;
                stats.pids.limit = directory.number("pids.max").map(unlimited_is_zero)?;
            }
            "io" => io(directory, stats),
            "hugetlb" => hugetlb(directory, stats),
            _ => {}
        }
    }
    Ok(())
}

/// Lines of a word and a number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key, value.trim().parse().ok()?))
    })
}

/// The same as a map.
pub(super) fn fields(text: &str) -> BTreeMap<String, u64> {
    lines(text).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The sizes of huge pages that this kernel has, as the files of the controller name them.
pub(super) fn huge_page_sizes() -> Vec<String> {
    let entries = std::fs::read_dir("/sys/kernel/mm/hugepages").into_iter().flatten().flatten();
    let size = |name: &str| {
        let kilobytes: u64 = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()?;
        Some(match kilobytes {
            1_048_576.. => format!("{}GB", kilobytes >> 20),
            1024.. => format!("{}MB", kilobytes >> 10),
            _ => format!("{kilobytes}KB"),
        })
    };
    entries.filter_map(|entry| size(entry.file_name().to_str()?)).collect()
}

fn cpu(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let nanoseconds = |microseconds: u64| microseconds.saturating_mul(1000);
    let text = directory.read("cpu.stat")?;
    for (key, value) in lines(&text) {
        match key {
            "usage_usec" => stats.cpu.usage.total = nanoseconds(value),
            "user_usec" => stats.cpu.usage.user = nanoseconds(value),
            "system_usec" => stats.cpu.usage.kernel = nanoseconds(value),
            "nr_periods" => stats.cpu.throttling.periods = value,
            "nr_throttled" => stats.cpu.throttling.throttled_periods = value,
            "throttled_usec" => stats.cpu.throttling.throttled_time = nanoseconds(value),
            _ => {}
        }
    }
    stats.cpu.psi = pressure(directory, "cpu.pressure");
    Ok(())
}

fn memory(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let memory = &mut stats.memory;
    memory.raw = fields(&directory.read("memory.stat")?);
    memory.cache = memory.raw.get("file").copied().unwrap_or(0);
    let entry = |prefix: &str| {
        let number = |name: &str| directory.number(&format!("{prefix}.{name}")).unwrap_or(0);
        MemoryEntry { limit: number("max"), usage: number("current"), max: number("peak"), failcnt: 0 }
    };
    memory.usage = entry("memory");
    let swap = entry("memory.swap");
    // Version 1 counts memory and swap together, and who reads this expects so; the most of both together nobody knows.
    memory.swap = MemoryEntry {
        limit: if swap.limit == u64::MAX { u64::MAX } else { swap.limit.saturating_add(memory.usage.limit) },
        usage: swap.usage.saturating_add(memory.usage.usage),
        max: 0,
        failcnt: 0,
    };
    memory.psi = pressure(directory, "memory.pressure");
    Ok(())
}

/// `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
fn io(directory: &Directory, stats: &mut Stats) {
    let text = directory.read("io.stat").unwrap_or_default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(|device| device.split_once(':')) else { continue };
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            let (list, op) = match key {
                "rbytes" => (&mut stats.blkio.io_service_bytes_recursive, "Read"),
                "wbytes" => (&mut stats.blkio.io_service_bytes_recursive, "Write"),
                "dbytes" => (&mut stats.blkio.io_service_bytes_recursive, "Discard"),
                "rios" => (&mut stats.blkio.io_serviced_recursive, "Read"),
                "wios" => (&mut stats.blkio.io_serviced_recursive, "Write"),
                "dios" => (&mut stats.blkio.io_serviced_recursive, "Discard"),
                _ => continue,
            };
            list.push(BlkioEntry {
                major: major.parse().unwrap_or(0),
                minor: minor.parse().unwrap_or(0),
                op: op.to_owned(),
                value: value.parse().unwrap_or(0),
            });
        }
    }
    stats.blkio.psi = pressure(directory, "io.pressure");
}

fn hugetlb(directory: &Directory, stats: &mut Stats) {
    for size in huge_page_sizes() {
        let rsvd = format!("hugetlb.{size}.rsvd.current");
        let usage = if directory.has_file(&rsvd) { rsvd } else { format!("hugetlb.{size}.current") };
        let events = directory.read(&format!("hugetlb.{size}.events")).unwrap_or_default();
        let failcnt = lines(&events).find(|(key, _)| *key == "max").map_or(0, |(_, value)| value);
        let usage = directory.number(&usage).unwrap_or(0);
        stats.hugetlb.insert(size, HugetlbStats { usage, max: 0, failcnt });
    }
}

/// A kernel without pressure has none to tell.
fn pressure(directory: &Directory, name: &str) -> Option<Pressure> {
    directory.read(name).ok().map(|text| read_pressure(&text))
}

/// `some avg10=0.12 avg60=0.34 avg300=0.56 total=78`, and the same with `full`.
pub(super) fn read_pressure(text: &str) -> Pressure {
    let mut pressure = Pressure::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let kind = words.next();
        let mut numbers = PressureLine::default();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "avg10" => numbers.avg10 = value.parse().unwrap_or(0.0),
                "avg60" => numbers.avg60 = value.parse().unwrap_or(0.0),
                "avg300" => numbers.avg300 = value.parse().unwrap_or(0.0),
                "total" => numbers.total = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        match kind {
            Some("some") => pressure.some = numbers,
            Some("full") => pressure.full = numbers,
            _ => {}
        }
    }
    pressure
}
