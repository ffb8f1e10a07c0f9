//! The parent's side: its steps, the clone, the child's word.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use holm_plan::{CloneStep, Phase, Step};
use holm_sys::{CloneFlags, CloneRequest, Forked, clone3};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};

use crate::create::handshake::{Channel, FromChild, Newborn, Working};
use crate::create::{ChildOrders, between, child};
use crate::error::{Error, Failure, StepError};
use crate::report::Narrator;
use crate::steps::{ParentBench, attributes, namespaces};

/// A child that has done its part.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    /// Still open: over it comes whether the command was executed.
    pub(crate) working: Working,
}

/// A child that is killed unless it is let go: nothing stays behind when the parent gives up.
struct Guarded {
    pid: Pid,
    pidfd: Option<OwnedFd>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            end(pidfd);
        }
    }
}

/// How the child comes into the world.
pub(crate) struct Birth<'a> {
    /// The clone.
    pub(crate) clone: &'a CloneStep,
    /// What the parent does for it before it works.
    pub(crate) adopt: &'a [Step],
    /// The hooks that the parent runs while the child waits with its mounts made.
    pub(crate) hooks: &'a [Step],
}

/// Runs the parent's steps of a phase.
pub(crate) fn run_phase(
    bench: &mut ParentBench<'_>,
    phase: Phase,
    steps: &[Step],
    narrator: &mut Narrator<'_>,
) -> Result<(), Error> {
    for (index, step) in steps.iter().enumerate() {
        let begin = Instant::now();
        bench.run(step).map_err(|error| narrator.explain(&Failure::Step { phase, index, error }))?;
        narrator.ran(phase, index, begin.elapsed());
    }
    Ok(())
}

/// Makes the child and sees it through to the end of its steps. `born` is what the parent does while the child works.
pub(crate) fn make(
    birth: &Birth<'_>,
    orders: ChildOrders<'_>,
    bench: &mut ParentBench<'_>,
    narrator: &mut Narrator<'_>,
    born: impl FnOnce(&ParentBench<'_>, Pid, &Working) -> Result<(), Error>,
) -> Result<Made, Error> {
    let (ours, theirs) = Channel::pair().map_err(|error| system("make the handshake", error))?;
    let cgroup =
        v2_cgroup(birth.clone, bench).map_err(|error| system("open the container's cgroup", error))?;
    let child = guarded_clone(birth.clone, cgroup.as_ref(), orders, theirs, narrator);
    attributes::restore_oom_score_adj(bench);
    let returned = namespaces::return_to_own_pids(bench);
    let mut child = child?;
    returned.map_err(|error| system("leave the PID namespace that was joined", error))?;
    let newborn = Newborn::new(ours);
    if !birth.clone.between.is_empty() {
        child = exchange(child, &newborn, narrator)?;
    }
    bench.child = Some(child.pid);
    run_phase(bench, Phase::Adopt, birth.adopt, narrator)?;
    let working = newborn
        .go(child.pid, &bench.taken)
        .map_err(|error| system("let the container's process go", error))?;
    bench.taken.clear();
    born(bench, child.pid, &working)?;
    listen(
        &working,
        &child,
        &mut |narrator| run_phase(bench, Phase::Hooks, birth.hooks, narrator),
        narrator,
    )?;
    let pidfd = child.pidfd.take().ok_or_else(|| Error::new("cannot find the container's process"))?;
    Ok(Made { pid: child.pid, pidfd, working })
}

fn v2_cgroup(clone: &CloneStep, bench: &ParentBench<'_>) -> holm_sys::Result<Option<OwnedFd>> {
    match &bench.cgroup {
        Some(cgroup) if clone.into_cgroup => cgroup.v2_dir_fd(),
        _ => Ok(None),
    }
}

/// The clone. In the child, and in the process between, this does not return.
fn guarded_clone(
    clone: &CloneStep,
    cgroup: Option<&OwnedFd>,
    mut orders: ChildOrders<'_>,
    theirs: Channel,
    narrator: &Narrator<'_>,
) -> Result<Guarded, Error> {
    let direct = clone.between.is_empty();
    let request = CloneRequest {
        flags: if direct { clone.namespaces.clone_flags() } else { CloneFlags::empty() },
        cgroup: cgroup.filter(|_| direct).map(AsFd::as_fd),
    };
    let forked = clone3(&request).map_err(|error| {
        let what = format!("make the container's process in new namespaces: {}", clone.namespaces);
        narrator.explain(&Failure::Other { what, error: error.into() })
    })?;
    match forked {
        Forked::Parent { pid, pidfd } => Ok(Guarded { pid, pidfd: Some(pidfd) }),
        Forked::Child => {
            if !direct {
                between::run(clone, cgroup.map(AsFd::as_fd), &mut orders, &theirs);
            }
            child::run(orders, theirs)
        }
    }
}

/// Takes the child from the process between, which ends.
fn exchange(between: Guarded, newborn: &Newborn, narrator: &Narrator<'_>) -> Result<Guarded, Error> {
    let answer = newborn.wait_born().map_err(|error| system("hear from the process between", error))?;
    let pidfd = match answer {
        Some(Ok(pidfd)) => pidfd,
        Some(Err(failure)) => return Err(narrator.explain(&failure)),
        None => {
            return Err(
                Error::new("cannot make the container's process").with_cause("the process between ended")
            );
        }
    };
    drop(between);
    let pid = pid_of(&pidfd).map_err(|error| system("find the container's process", error))?;
    Ok(Guarded { pid, pidfd: Some(pidfd) })
}

/// The pid behind a pidfd, as this PID namespace has it (fdinfo of a pidfd, pidfd_open(2)).
fn pid_of(pidfd: &OwnedFd) -> holm_sys::Result<Pid> {
    use holm_sys::Context;
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd());
    let text = std::fs::read_to_string(&path).call(|| format!("read({path:?})"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"));
    let pid = line.and_then(|pid| pid.trim().parse().ok()).and_then(holm_sys::pid_of_number);
    pid.ok_or_else(|| holm_sys::Error::new(format!("read({path:?})"), holm_sys::Errno::SRCH))
}

/// Hears the child out.
fn listen(
    working: &Working,
    child: &Guarded,
    hooks: &mut dyn FnMut(&mut Narrator<'_>) -> Result<(), Error>,
    narrator: &mut Narrator<'_>,
) -> Result<(), Error> {
    loop {
        let heard = working.hear().map_err(|error| system("hear from the container's process", error))?;
        match heard {
            Some(FromChild::Ran { phase, index, elapsed }) => narrator.ran(phase, index, elapsed),
            Some(FromChild::AwaitsHooks) => {
                hooks(narrator)?;
                working.hooks_ran().map_err(|error| system("let the container's process go on", error))?;
            }
            Some(FromChild::Ready) => return Ok(()),
            Some(FromChild::Failed(failure)) => return Err(narrator.explain(&failure)),
            None => return Err(ended(child)),
        }
    }
}

/// The child ended without a word: its exit status is all there is.
fn ended(child: &Guarded) -> Error {
    let error = Error::new("cannot make the container: its process ended before it was made");
    let Some(pidfd) = &child.pidfd else { return error };
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    match status.ok().flatten().and_then(|status| status.terminating_signal()) {
        Some(9) => error
            .with_cause("killed by SIGKILL")
            .with_hint("somebody killed it, or the memory limit of its cgroup is below what its start takes"),
        Some(signal) => error.with_cause(format!("killed by signal {signal}")),
        None => error,
    }
}

/// Waits for the command to be executed; the channel closes on exec.
pub(crate) fn wait_executed(working: &Working, narrator: &Narrator<'_>) -> Result<(), Error> {
    match working.hear_refusal().map_err(|error| system("hear from the container's process", error))? {
        Some(failure) => Err(narrator.explain(&failure)),
        None => Ok(()),
    }
}

/// Kills a child and takes its status away.
pub(crate) fn end(pidfd: &OwnedFd) {
    let _ = pidfd_send_signal(pidfd, Signal::KILL);
    reap(pidfd);
}

/// Waits for the end of a child and takes its status away.
pub(crate) fn reap(pidfd: &OwnedFd) {
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED) {}
}

/// Opens a pidfd.
pub(crate) fn open_pidfd(pid: Pid) -> holm_sys::Result<OwnedFd> {
    use holm_sys::Context;
    pidfd_open(pid, PidfdFlags::empty()).call(|| format!("pidfd_open({})", pid.as_raw_nonzero()))
}

/// An error of the runtime's own work.
pub(crate) fn system(what: &str, error: impl Into<StepError>) -> Error {
    let error = error.into();
    Error::new(format!("cannot {what}")).with_cause(error.cause).with_some_hint(error.hint)
}
