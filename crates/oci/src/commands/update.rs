//! update.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use holm_runtime::{Error, Result};
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxPids, LinuxResources};

use super::Bench;

/// More than anybody writes.
const LARGEST: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(super) struct Update {
    /// A file with resources of the specification as JSON, or - for standard input; the other options are passed over then
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,

    /// The weight among others that use the same disks, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,

    /// The period of the quota, in microseconds
    #[arg(long, value_name = "TIME")]
    cpu_period: Option<u64>,

    /// The CPU time in each period, in microseconds; -1 for all
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    cpu_quota: Option<i64>,

    /// What of the quota may be saved for later, in microseconds
    #[arg(long, value_name = "TIME")]
    cpu_burst: Option<u64>,

    /// The share of CPU time among others
    #[arg(long, visible_alias = "cpu-shares", value_name = "SHARES")]
    cpu_share: Option<u64>,

    /// The period of real-time processes, in microseconds
    #[arg(long, value_name = "TIME")]
    cpu_rt_period: Option<u64>,

    /// Their time in each period, in microseconds
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    cpu_rt_runtime: Option<i64>,

    /// The CPUs
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// The memory nodes
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// 1 to run only when nobody else wants to, 0 for the opposite
    #[arg(long, value_name = "0|1", allow_negative_numbers = true)]
    cpu_idle: Option<i64>,

    /// The most memory, as in 512m; -1 for no limit
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true, value_parser = bytes)]
    memory: Option<i64>,

    /// The memory that is left to it when others need some
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true, value_parser = bytes)]
    memory_reservation: Option<i64>,

    /// The most memory and swap together; -1 for no limit
    #[arg(long, value_name = "SIZE", allow_negative_numbers = true, value_parser = bytes)]
    memory_swap: Option<i64>,

    /// Counts within --memory in every kernel of today: passed over, as runc has it
    #[arg(long, hide = true, value_name = "SIZE")]
    kernel_memory: Option<String>,

    /// As --kernel-memory
    #[arg(long, hide = true, value_name = "SIZE")]
    kernel_memory_tcp: Option<String>,

    /// The most processes; -1 for no limit
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pids_limit: Option<i64>,

    /// What of the L3 cache its group of resctrl gets, as in L3:0=7f0;1=1f
    #[arg(long, value_name = "SCHEMA")]
    l3_cache_schema: Option<String>,

    /// What of the memory's bandwidth, as in MB:0=20;1=70
    #[arg(long, value_name = "SCHEMA")]
    mem_bw_schema: Option<String>,

    /// The container
    id: String,
}

impl Update {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        let lines = holm_spec::rdt_lines(self.l3_cache_schema.as_deref(), self.mem_bw_schema.as_deref())?;
        if !lines.is_empty() {
            holm_runtime::update_rdt(&bench.root, &self.id, &lines)?;
            if self.resources.is_none() && self.said() == nothing_said() {
                return Ok(0);
            }
        }
        let resources = match &self.resources {
            Some(file) => read(file)?,
            None => self.said(),
        };
        holm_runtime::update(&bench.root, &self.id, &resources)?;
        Ok(0)
    }

    /// What the single options say.
    fn said(&self) -> LinuxResources {
        let mut memory = LinuxMemory::default();
        memory.set_limit(self.memory).set_reservation(self.memory_reservation).set_swap(self.memory_swap);
        let mut cpu = LinuxCpu::default();
        cpu.set_shares(self.cpu_share)
            .set_quota(self.cpu_quota)
            .set_period(self.cpu_period)
            .set_burst(self.cpu_burst)
            .set_idle(self.cpu_idle)
            .set_realtime_period(self.cpu_rt_period)
            .set_realtime_runtime(self.cpu_rt_runtime)
            .set_cpus(self.cpuset_cpus.clone())
            .set_mems(self.cpuset_mems.clone());
        let mut io = LinuxBlockIo::default();
        io.set_weight(self.blkio_weight);
        let pids = self.pids_limit.filter(|limit| *limit != 0).map(|limit| {
            let mut pids = LinuxPids::default();
            pids.set_limit(limit);
            pids
        });
        let mut resources = LinuxResources::default();
        resources.set_memory(Some(memory)).set_cpu(Some(cpu)).set_block_io(Some(io)).set_pids(pids);
        resources
    }
}

/// What no single option says.
fn nothing_said() -> LinuxResources {
    let mut resources = LinuxResources::default();
    resources
        .set_memory(Some(LinuxMemory::default()))
        .set_cpu(Some(LinuxCpu::default()))
        .set_block_io(Some(LinuxBlockIo::default()));
    resources
}

fn read(file: &Path) -> Result<LinuxResources> {
    let mut text = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_end(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(LARGEST).read_to_end(&mut text))
    };
    read.map_err(|error| Error::new(format!("cannot read {}", file.display())).with_cause(error))?;
    serde_json::from_slice(&text).map_err(|error| {
        Error::new(format!("{} has no resources in it", file.display()))
            .with_cause(error)
            .with_hint("it is what linux.resources of a configuration is, as in {\"pids\": {\"limit\": 10}}")
    })
}

/// A number of bytes, with a suffix or without: `512m`, `1.5g`, `100kb`, `2GiB`; -1.
fn bytes(text: &str) -> std::result::Result<i64, String> {
    if text == "-1" {
        return Ok(-1);
    }
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_ascii_lowercase();
    let power = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => {
            return Err(
                "a size is a number of bytes, or one with k, m, g, t or p behind it, as in 512m".into()
            );
        }
    };
    let number: f64 = number.parse().map_err(|_| "a size begins with a number, as in 512m".to_owned())?;
    let size = number * 1024_f64.powi(power);
    if !(0.0..9.2e18).contains(&size) {
        return Err("that is more than there can be".into());
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is below 2^63, and a part of a byte is none")]
    Ok(size as i64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_read_as_runc_reads_them() {
        let known = [
            ("-1", -1),
            ("0", 0),
            ("1024", 1024),
            ("512m", 512 << 20),
            ("512MB", 512 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("1k", 1024),
        ];
        for (text, number) in known {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for text in ["", "m", "-2", "1x", "1e3", "1.2.3", "99999999p"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
