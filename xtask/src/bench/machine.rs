//! The machine in words, without its name.

use std::path::Path;

use holm_cgroups::Kind;

use super::place::Place;
use crate::Result;

pub(super) fn in_words(place: &Place) -> Result<String> {
    let kernel = rustix::system::uname();
    let cores = std::thread::available_parallelism()?;
    let cgroups = match place.layout.kind() {
        Kind::Unified => "cgroup v2",
        Kind::Legacy => "cgroup v1",
        Kind::Hybrid => "hybrid cgroups",
        Kind::None => "no cgroups",
    };
    Ok(format!(
        "{} cores of {}, {} GiB of memory, Linux {}, {}, {cgroups} ({} hierarchies), {} under the images and bundles",
        cores,
        field("/proc/cpuinfo", "model name", ':')?,
        memory()?,
        kernel.release().to_string_lossy(),
        field("/etc/os-release", "PRETTY_NAME", '=')?,
        place.layout.hierarchies.len(),
        file_system(place.directory())?,
    ))
}

/// The value of the first line that begins with `name`.
fn field(path: &str, name: &str, separator: char) -> Result<String> {
    let text = std::fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(separator));
    Ok(line.map_or("?", |(_, value)| value).trim().trim_matches('"').to_owned())
}

fn memory() -> Result<u64> {
    let text = field("/proc/meminfo", "MemTotal", ':')?;
    let kibibytes: u64 = text.trim_end_matches("kB").trim().parse()?;
    Ok((kibibytes + (1 << 19)) >> 20)
}

/// By the longest mount point above `path`.
fn file_system(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string("/proc/self/mounts")?;
    let mounts = text.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    let nearest = above.max_by_key(|(point, _)| point.components().count());
    Ok(nearest.map_or("?", |(_, fstype)| fstype).to_owned())
}
