//! The child, from its first instruction to its last before the command's.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use holm_mounts::{Detached, is_procfs};
use holm_plan::{Phase, Step};
use holm_sys::{Context, Errno, exit_now};
use rustix::net::{SocketFlags, accept_with};

use crate::command;
use crate::command::Prepared;
use crate::create::handshake::{Channel, FromChild, FromParent, Go};
use crate::create::program::{Begin, Program};
use crate::create::{ChildOrders, Start};
use crate::error::{Failure, StepError};
use crate::hooks;
use crate::seccomp::{self, Waiting};
use crate::steps::ChildBench;

/// The whole life of the child before the command. It never returns: it becomes the command, or the init above it,
/// or it ends. Whatever it was copied from is not its own: nothing of that is dropped or run.
pub(crate) fn run(orders: ChildOrders<'_>, channel: Channel) -> ! {
    match close_others(&orders, &channel).and_then(|()| make(orders, &channel)) {
        Ok(made) => go_on(made, channel),
        Err(failure) => {
            // When nobody listens any more there is nobody to tell.
            let _ = channel.send(&FromChild::Failed(failure), &[]);
            exit_now(crate::error::STATUS_FAILED)
        }
    }
}

/// The parent's locks, and its end of the channel, are open here too: held on to, they would keep others waiting, and the
/// parent's end would not be noticed.
fn close_others(orders: &ChildOrders<'_>, channel: &Channel) -> Result<(), Failure> {
    let mut keep = orders.descriptors();
    keep.push(channel.as_fd());
    holm_sys::close_all_but(orders.inherited, &keep)
        .map_err(|error| other("close the parent's descriptors", error))
}

/// A container that is made.
struct Made<'a> {
    prepared: Option<Prepared>,
    start: Option<Start>,
    bench: ChildBench,
    /// What runs at the start, ahead of the command.
    hooks: &'a [Step],
    /// Whether the parent has recorded it already.
    recorded: bool,
}

fn make<'a>(orders: ChildOrders<'a>, channel: &Channel) -> Result<Made<'a>, Failure> {
    // What it makes has the modes that it says; the command gets a mask of its own.
    rustix::process::umask(rustix::fs::Mode::empty());
    let mut bench = bench(&orders).map_err(|error| other("prepare the container's process", error))?;
    let (awaits_hooks, hooks) = (orders.awaits_hooks, orders.start_hooks);
    let ChildOrders {
        phases,
        command,
        watched,
        entrance,
        target,
        console_socket,
        told,
        agent,
        mut start,
        ..
    } = orders;
    bench.entrance = entrance;
    bench.target = target;
    bench.console_socket = console_socket;
    bench.told = told;
    bench.agent = agent;
    let mut recorded = false;
    wait(&mut bench, channel)?;
    holm_credentials::set_dumpable(false).map_err(|error| other("close the own memory", error))?;
    for (phase, steps) in phases {
        if phase == Phase::Root
            && let Some(start) = &mut start
        {
            provide_program(start)?;
        }
        if phase == Phase::Enter && awaits_hooks {
            recorded = wait_for_hooks(channel)?;
        }
        run_phase(&mut bench, channel, phase, steps, watched)?;
    }
    let prepared = command.map(command::prepare).transpose()?;
    Ok(Made { prepared, start, bench, hooks, recorded })
}

/// Lets the parent run its hooks. Whether it has said already that the child is recorded, which it may say at any time.
fn wait_for_hooks(channel: &Channel) -> Result<bool, Failure> {
    channel.send(&FromChild::AwaitsHooks, &[]).map_err(|error| other("wait for the hooks", error))?;
    let mut recorded = false;
    loop {
        match channel.receive().map_err(|error| other("wait for the hooks", error))? {
            Some((FromParent::HooksRan, _)) => return Ok(recorded),
            Some((FromParent::Recorded, _)) => recorded = true,
            None => exit_now(crate::error::STATUS_FAILED),
        }
    }
}

/// Where memory may not be executed the init is on a mount, which is made while this process may still mount, and once
/// it is somebody in its user namespace.
fn provide_program(start: &mut Start) -> Result<(), Failure> {
    if start.program.is_none() {
        let made = Program::on_its_own().map_err(|error| other("prepare the container's init", error))?;
        start.program = Some(made);
    }
    Ok(())
}

fn other(what: &str, error: impl Into<StepError>) -> Failure {
    Failure::Other { what: what.to_owned(), error: error.into() }
}

/// The procfs of the host is opened before anything of the container is mounted, and verified to be one.
///
/// Who joins a container must not be open to a process in it that traces it, and who makes one has the host's memory
/// in its own (CVE-2016-9962). Only a child that waits for its id maps stays open until it has them: the files of
/// /proc/PID that an ordinary user writes them to would be root's (proc(5), "dumpable"). It is alone with its
/// capabilities in a user namespace that was made with it, so whoever could trace it now is its maker's equal.
fn bench(orders: &ChildOrders<'_>) -> holm_sys::Result<ChildBench> {
    let clocks = clocks(orders);
    if !orders.awaits_maps {
        holm_credentials::set_dumpable(false)?;
    }
    let proc = if orders.target.is_some() { None } else { procfs()? };
    Ok(ChildBench {
        proc,
        clocks,
        entrance: None,
        target: None,
        console_socket: None,
        taken: std::collections::BTreeMap::new(),
        root: None,
        detached: false,
        placed: std::collections::BTreeMap::new(),
        scratch: None,
        terminal: None,
        takes_terminal: !orders.command.is_some_and(|command| command.init),
        covers: crate::steps::masks::Covers::default(),
        told: None,
        agent: None,
        filter: None,
    })
}

/// The host's procfs. Who joins a container has no use for it, and would bring it within the container's reach.
fn procfs() -> holm_sys::Result<Option<OwnedFd>> {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    let proc =
        rustix::fs::open("/proc", flags, rustix::fs::Mode::empty()).call(|| "open(\"/proc\", O_PATH)")?;
    Ok(is_procfs(proc.as_fd())?.then_some(proc))
}

/// The file of this process's clocks, for a plan that sets them. A child of a process between is closed already, and does
/// without: as root it can open the file later.
fn clocks(orders: &ChildOrders<'_>) -> Option<OwnedFd> {
    let mut steps = orders.phases.iter().flat_map(|(_, steps)| steps.iter());
    let sets =
        steps.any(|step| matches!(step, Step::UnshareTime { offsets } if *offsets != Default::default()));
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    let open = || rustix::fs::open("/proc/self/timens_offsets", flags, rustix::fs::Mode::empty()).ok();
    sets.then(open).flatten()
}

/// Waits for the parent's word, which comes with the mounts that it took.
fn wait(bench: &mut ChildBench, channel: &Channel) -> Result<(), Failure> {
    loop {
        let answer = channel.receive::<Go>().map_err(|error| other("wait for the parent", error))?;
        let Some((go, mounts)) = answer else { exit_now(crate::error::STATUS_FAILED) };
        bench.taken.extend(go.slots.into_iter().zip(mounts.into_iter().map(Detached::from_fd)));
        if let Some(agent) = &mut bench.agent {
            agent.is_for(go.pid);
        }
        if !go.more {
            return Ok(());
        }
    }
}

fn run_phase(
    bench: &mut ChildBench,
    channel: &Channel,
    phase: Phase,
    steps: &[Step],
    watched: bool,
) -> Result<(), Failure> {
    for (index, step) in steps.iter().enumerate() {
        let begin = watched.then(Instant::now);
        bench.run(step).map_err(|error| Failure::Step { phase, index, error })?;
        if let Some(begin) = begin {
            let ran = FromChild::Ran { phase, index, elapsed: begin.elapsed() };
            channel.send(&ran, &[]).map_err(|error| other("report a step", error))?;
        }
    }
    Ok(())
}

/// Says that the container is made, and becomes what waits for its start, or the command at once.
fn go_on(made: Made<'_>, channel: Channel) -> ! {
    let Made { prepared, start, mut bench, hooks: steps, recorded } = made;
    let (told, filter) = (bench.told.take(), bench.filter.take());
    drop(bench);
    // Whoever knows that it is there may send it signals, which PID 1 would lose.
    if start.is_some() && holm_sys::block_signals().is_err() {
        exit_now(crate::error::STATUS_FAILED);
    }
    if channel.send(&FromChild::Ready, &[]).is_err() {
        exit_now(crate::error::STATUS_FAILED);
    }
    match (prepared, start) {
        (None, _) => exit_now(0),
        (Some(prepared), None) => {
            channel.announce();
            fail(prepared.execute(|| put_under(filter.as_ref())), &channel)
        }
        (Some(prepared), Some(start)) => {
            if !recorded && !matches!(channel.receive::<FromParent>(), Ok(Some(_))) {
                exit_now(crate::error::STATUS_FAILED);
            }
            match told.filter(|_| !steps.is_empty()) {
                None => become_init(&prepared, &start, filter.as_ref(), channel),
                Some(told) => start_with_hooks(&prepared, start, channel, || {
                    // What runs in the container runs under its filter.
                    put_under(filter.as_ref())?;
                    hooks::start_container(&told, steps)
                }),
            }
        }
    }
}

/// Waits for the start as itself, and runs the hooks in the container, before it becomes the init: which is too small to
/// run them.
fn start_with_hooks(
    prepared: &Prepared,
    mut start: Start,
    mut channel: Channel,
    hooks: impl FnOnce() -> Result<(), Failure>,
) -> ! {
    if let Some(listener) = start.listener.take() {
        channel = match wait_for_start(&listener) {
            Ok(starter) => starter,
            Err(_) => exit_now(crate::error::STATUS_FAILED),
        };
    }
    if let Err(failure) = hooks() {
        fail(failure, &channel)
    }
    become_init(prepared, &start, None, channel)
}

fn put_under(filter: Option<&Waiting>) -> Result<(), Failure> {
    let loaded = filter.map_or(Ok(()), Waiting::load);
    loaded.map_err(|error| other("filter system calls", seccomp::failed(error)))
}

/// Becomes the init, which waits for its start, or has it over `channel` already. Where that fails, whoever starts the
/// container hears of it.
fn become_init(prepared: &Prepared, start: &Start, filter: Option<&Waiting>, channel: Channel) -> ! {
    let parent = start.parent.as_ref().map(AsFd::as_fd);
    let begin = match &start.listener {
        Some(listener) => Begin::Later(listener.as_fd()),
        None => Begin::Now(channel.as_fd()),
    };
    let what = "execute the container's init";
    let failure = match &start.program {
        Some(program) => match program.execute(prepared, begin, parent, filter) {
            error if error.errno() == Errno::TOOBIG => command::too_long(error),
            error => other(what, error),
        },
        None => other(what, StepError::new("there is none")),
    };
    let Some(listener) = &start.listener else { fail(failure, &channel) };
    drop(channel);
    match wait_for_start(listener) {
        Ok(starter) => fail(failure, &starter),
        Err(_) => exit_now(crate::error::STATUS_FAILED),
    }
}

fn fail(failure: Failure, teller: &Channel) -> ! {
    let status = command::status(&failure);
    let _ = teller.send(&FromChild::Failed(failure), &[]);
    exit_now(status)
}

/// Takes one connection on the start socket. Who can reach it is the owner of the run directory.
fn wait_for_start(listener: &OwnedFd) -> holm_sys::Result<Channel> {
    loop {
        match accept_with(listener, SocketFlags::CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(Channel::from_fd).call(|| "accept4(start socket)"),
        }
    }
}
