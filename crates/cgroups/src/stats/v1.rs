//! The numbers of version 1.

use crate::Result;
use crate::directory::Directory;
use crate::stats::v2::{fields, huge_page_sizes, lines};
use crate::stats::{BlkioEntry, CpusetStats, HugetlbStats, MemoryEntry, Stats};

/// Nanoseconds in a tick of `cpuacct.stat` (USER_HZ is 100 on every architecture of today).
const TICK: u64 = 10_000_000;

/// Fills in what the controllers of this hierarchy know.
pub(super) fn read(directory: &Directory, stats: &mut Stats) -> Result<()> {
    for controller in &directory.record.controllers {
        match controller.as_str() {
            "cpu" => throttling(directory, stats)?,
            "cpuacct" => usage(directory, stats)?,
            "cpuset" => stats.cpuset = cpuset(directory),
            "memory" => memory(directory, stats)?,
            "pids" => {
                stats.pids.current = directory.number("pids.current")?;
                stats.pids.limit = directory.number("pids.max").map(unlimited_is_zero)?;
            }
            "blkio" => blkio(directory, stats),
            "hugetlb" => hugetlb(directory, stats),
            _ => {}
        }
    }
    Ok(())
}

/// As runc tells a limit that is none.
pub(super) fn unlimited_is_zero(number: u64) -> u64 {
    if number == u64::MAX { 0 } else { number }
}

fn throttling(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let text = directory.read("cpu.stat")?;
    for (key, value) in lines(&text) {
        match key {
            "nr_periods" => stats.cpu.throttling.periods = value,
            "nr_throttled" => stats.cpu.throttling.throttled_periods = value,
            "throttled_time" => stats.cpu.throttling.throttled_time = value,
            _ => {}
        }
    }
    Ok(())
}

fn usage(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let usage = &mut stats.cpu.usage;
    usage.total = directory.number("cpuacct.usage")?;
    let percpu = directory.read("cpuacct.usage_percpu").unwrap_or_default();
    usage.percpu = percpu.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    // A line for each CPU behind the headline: `0 USER SYSTEM`.
    let all = directory.read("cpuacct.usage_all").unwrap_or_default();
    for line in all.lines().skip(1) {
        let mut numbers = line.split_whitespace().skip(1).filter_map(|number| number.parse::<u64>().ok());
        usage.percpu_user.extend(numbers.next());
        usage.percpu_kernel.extend(numbers.next());
    }
    let text = directory.read("cpuacct.stat")?;
    for (key, value) in lines(&text) {
        match key {
            "user" => usage.user = value.saturating_mul(TICK),
            "system" => usage.kernel = value.saturating_mul(TICK),
            _ => {}
        }
    }
    Ok(())
}

fn cpuset(directory: &Directory) -> CpusetStats {
    let number = |name: &str| directory.number(&format!("cpuset.{name}")).unwrap_or(0);
    let list = |name: &str| list(&directory.read(&format!("cpuset.{name}")).unwrap_or_default());
    let level = directory.read("cpuset.sched_relax_domain_level").unwrap_or_default();
    CpusetStats {
        cpus: list("cpus"),
        cpu_exclusive: number("cpu_exclusive"),
        mems: list("mems"),
        mem_hardwall: number("mem_hardwall"),
        mem_exclusive: number("mem_exclusive"),
        memory_migrate: number("memory_migrate"),
        memory_spread_page: number("memory_spread_page"),
        memory_spread_slab: number("memory_spread_slab"),
        memory_pressure: number("memory_pressure"),
        sched_load_balance: number("sched_load_balance"),
        sched_relax_domain_level: level.trim().parse().unwrap_or(0),
    }
}

/// `0-2,5` one by one.
pub(super) fn list(text: &str) -> Vec<u16> {
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?)
    };
    text.trim().split(',').filter_map(range).flatten().collect()
}

fn memory(directory: &Directory, stats: &mut Stats) -> Result<()> {
    let memory = &mut stats.memory;
    memory.raw = fields(&directory.read("memory.stat")?);
    memory.cache = memory.raw.get("cache").copied().unwrap_or(0);
    memory.usage = entry(directory, "memory");
    memory.swap = entry(directory, "memory.memsw");
    memory.kernel = entry(directory, "memory.kmem");
    memory.kernel_tcp = entry(directory, "memory.kmem.tcp");
    Ok(())
}

fn entry(directory: &Directory, prefix: &str) -> MemoryEntry {
    let number = |name: &str| directory.number(&format!("{prefix}.{name}")).unwrap_or(0);
    MemoryEntry {
        limit: number("limit_in_bytes"),
        usage: number("usage_in_bytes"),
        max: number("max_usage_in_bytes"),
        failcnt: number("failcnt"),
    }
}

/// BFQ's numbers, or CFQ's, or where there is neither those of the throttling.
fn blkio(directory: &Directory, stats: &mut Stats) {
    let read = |name: &str| entries(&directory.read(&format!("blkio.{name}")).unwrap_or_default());
    let first = |name: &str| {
        let names = [format!("bfq.{name}"), name.to_owned(), format!("throttle.{name}")];
        names.iter().map(|name| read(name)).find(|entries| !entries.is_empty()).unwrap_or_default()
    };
    let blkio = &mut stats.blkio;
    blkio.io_service_bytes_recursive = first("io_service_bytes_recursive");
    blkio.io_serviced_recursive = first("io_serviced_recursive");
    blkio.io_queue_recursive = first("io_queued_recursive");
    blkio.io_service_time_recursive = first("io_service_time_recursive");
    blkio.io_wait_time_recursive = first("io_wait_time_recursive");
    blkio.io_merged_recursive = first("io_merged_recursive");
    blkio.io_time_recursive = first("time_recursive");
    blkio.sectors_recursive = first("sectors_recursive");
}

/// `8:0 Read 4096`, or `8:0 4096`; the lines with totals have no device.
pub(super) fn entries(text: &str) -> Vec<BlkioEntry> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let (major, minor) = words.next()?.split_once(':')?;
        let (op, value) = match (words.next()?, words.next()) {
            (op, Some(value)) => (op, value),
            (value, None) => ("", value),
        };
        Some(BlkioEntry {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            op: op.to_owned(),
            value: value.parse().ok()?,
        })
    };
    text.lines().filter_map(entry).collect()
}

fn hugetlb(directory: &Directory, stats: &mut Stats) {
    for size in huge_page_sizes() {
        let rsvd = format!("hugetlb.{size}.rsvd");
        let prefix = if directory.has_file(&format!("{rsvd}.usage_in_bytes")) {
            rsvd
        } else {
            format!("hugetlb.{size}")
        };
        let number = |name: &str| directory.number(&format!("{prefix}.{name}")).unwrap_or(0);
        let used = HugetlbStats {
            usage: number("usage_in_bytes"),
            max: number("max_usage_in_bytes"),
            failcnt: number("failcnt"),
        };
        stats.hugetlb.insert(size, used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_taken_apart() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert!(list("\n").is_empty());
    }

    #[test]
    fn totals_are_no_devices() {
        let text = "8:0 Read 4096\n8:0 Total 4096\n7:1 12\nTotal 4096\n";
        let found = entries(text);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].major, found[0].op.as_str(), found[0].value), (8, "Read", 4096));
        assert_eq!((found[2].minor, found[2].op.as_str(), found[2].value), (1, "", 12));
    }
}
