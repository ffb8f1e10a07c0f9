//! Many containers of `holm-runtime`: at once, and one after the other.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Programs;
use super::place::{Place, Stage};
use super::row::Program;
use super::runtime::Kept;
use super::starts::bundle;
use crate::Result;

const AT_ONCE: usize = 500;
const CYCLES: usize = 10_000;
/// How many cycles at the beginning and at the end are compared.
const COMPARED: usize = 500;

/// What of the machine must be as it was.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    cgroups: usize,
    mounts: usize,
    states: usize,
}

impl Traces {
    fn now(place: &Place) -> Result<Self> {
        place.enter(Stage::OneVersion)?;
        let entries = |path: &Path| std::fs::read_dir(path).map_or(0, Iterator::count);
        let groups = place.layout.hierarchies.iter().map(|hierarchy| entries(&hierarchy.mount_point)).sum();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo")?.lines().count();
        Ok(Self { cgroups: groups, mounts, states: entries(Path::new("/run/holm/runtime")) })
    }
}

/// Measures both; an error where anything is left.
pub(super) fn report(programs: &Programs, place: &Place) -> Result<String> {
    let before = Traces::now(place)?;
    let alive = at_once(programs, place)?;
    let (first, last) = cycles(programs, place)?;
    let after = Traces::now(place)?;
    if before.cgroups != after.cgroups || before.mounts != after.mounts || after.states != 0 {
        return Err(format!("something is left: {before:?} before, {after:?} after").into());
    }
    Ok(format!(
        "### Many containers\n\n- {AT_ONCE} at once: made and started in {:.1} s, {:.2} ms each.\n\
         - {CYCLES} one after the other: {:.2} ms each of the first {COMPARED}, {:.2} ms of the last (medians). Nothing is left.\n",
        alive.as_secs_f64(),
        alive.as_secs_f64() * 1000.0 / f64::from(u32::try_from(AT_ONCE)?),
        first.as_secs_f64() * 1000.0,
        last.as_secs_f64() * 1000.0,
    ))
}

fn at_once(programs: &Programs, place: &Place) -> Result<Duration> {
    let bundle = bundle(programs, place, "crowd-sleep", &[], &["/bin/sleep", "1000000"])?;
    each_in_its_own_cgroup(&bundle)?;
    let begin = Instant::now();
    let start = |number| Kept::start(place, &programs.runtime, &format!("holm-bench-{number}"), &bundle);
    let containers = (0..AT_ONCE).map(start).collect::<Result<Vec<_>>>()?;
    let time = begin.elapsed();
    drop(containers);
    Ok(time)
}

/// Without a path in the configuration a container's cgroup has the name of its id.
fn each_in_its_own_cgroup(bundle: &Path) -> Result<()> {
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    let linux = config.get_mut("linux").and_then(serde_json::Value::as_object_mut);
    linux.ok_or("the bundle has no section linux")?.remove("cgroupsPath");
    Ok(std::fs::write(path, config.to_string())?)
}

fn cycles(programs: &Programs, place: &Place) -> Result<(Duration, Duration)> {
    let bundle = bundle(programs, place, "crowd-true", &[], &["/bin/true"])?;
    let program = super::runtime::life(place, &programs.runtime, &bundle);
    let mut times = Vec::with_capacity(CYCLES);
    for cycle in 0..CYCLES {
        if cycle % 100 == 0 {
            eprint!("\r{cycle} of {CYCLES} ");
        }
        times.extend(Program::measure(&program)?);
    }
    eprintln!();
    let median = |times: &[Duration]| super::table::percentile(times, 50).unwrap_or_default();
    let first = median(times.get(..COMPARED).unwrap_or_default());
    let last = median(times.get(CYCLES - COMPARED..).unwrap_or_default());
    Ok((first, last))
}
