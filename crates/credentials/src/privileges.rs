//! Settings of prctl(2) that decide what a process can become, and who can look into it.

use holm_sys::{Context, Result};
use rustix::process::{
    DumpableBehavior, Signal, getpid, set_child_subreaper, set_dumpable_behavior,
    set_parent_process_death_signal,
};
use rustix::thread::set_no_new_privs as no_new_privs;

/// From now on no exec gives privileges, for this process and all it makes; `PR_SET_NO_NEW_PRIVS` (Linux 3.5).
///
/// # Errors
///
/// None are known.
pub fn set_no_new_privs() -> Result<()> {
    no_new_privs(true).call(|| "prctl(PR_SET_NO_NEW_PRIVS, 1)")
}

/// Whether others with the same ids may trace this process and read its /proc; `PR_SET_DUMPABLE`. An exec resets it.
///
/// # Errors
///
/// None are known.
pub fn set_dumpable(dumpable: bool) -> Result<()> {
    let behavior = if dumpable { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable };
    set_dumpable_behavior(behavior).call(|| format!("prctl(PR_SET_DUMPABLE, {})", i32::from(dumpable)))
}

/// `SIGKILL` for this process when its parent (the thread that made it) ends; `PR_SET_PDEATHSIG`. A change of ids clears it.
/// A parent that has ended before is not noticed: the caller finds that out by the end of a pipe or socket.
///
/// # Errors
///
/// None are known.
pub fn die_with_parent() -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).call(|| "prctl(PR_SET_PDEATHSIG, SIGKILL)")
}

/// Orphans below this process become its children; `PR_SET_CHILD_SUBREAPER` (Linux 3.4).
///
/// # Errors
///
/// None are known.
pub fn become_subreaper() -> Result<()> {
    set_child_subreaper(Some(getpid())).call(|| "prctl(PR_SET_CHILD_SUBREAPER, 1)")
}
