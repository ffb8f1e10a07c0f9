//! Whether the limits of the command leave room for its start, which comes in as a descriptor.

use holm_plan::{FilterTime, Plan, Step};

use crate::error::Error;

/// The standard streams, the start socket, the connection that comes in there, and the pidfd of the parent.
const OF_A_START: u64 = 6;
/// A filter that is loaded at the start, its agent, and its listener.
const OF_A_FILTER: u64 = 3;
/// The host's procfs, and the file in it that takes a label, with the directory that it is in.
const OF_A_LABEL: u64 = 3;
/// The host's procfs, the state that a hook reads, both ends of three pipes, and the pidfd of the hook.
const OF_A_HOOK: u64 = 9;

/// Refuses a limit under which the container could be made, but not be started.
pub(crate) fn check(plan: &Plan, preserved: &[u32]) -> Result<(), Error> {
    let limits = plan.privileges.iter().filter_map(|step| match step {
        Step::SetRlimit { resource, limit } if resource.name() == "RLIMIT_NOFILE" => Some(limit.soft),
        _ => None,
    });
    let needed = needed(plan) + u64::try_from(preserved.len()).unwrap_or(u64::MAX);
    limits.filter(|limit| *limit < needed).try_for_each(|limit| {
        let instead = if plan.start.is_empty() { ", or make and start it at once, by `run`" } else { "" };
        Err(Error::new("cannot create a container that waits for its start")
            .with_cause(format!(
                "with RLIMIT_NOFILE at {limit} its process has no descriptor to be started by"
            ))
            .with_hint(format!("give it {needed} or more{instead}")))
    })
}

/// Hooks and labels come one after the other.
fn needed(plan: &Plan) -> u64 {
    let waits = |step: &Step| matches!(step, Step::LoadSeccomp { time: FilterTime::BeforeCommand, .. });
    let filter = if plan.privileges.iter().any(waits) { OF_A_FILTER } else { 0 };
    let at_start = plan.start.iter().map(|step| match step {
        Step::RunHook { .. } => OF_A_HOOK,
        _ => OF_A_LABEL,
    });
    OF_A_START + filter + at_start.max().unwrap_or_default()
}
