//! exec.

use std::os::fd::OwnedFd;
use std::path::Path;

use holm_cgroups::{Cgroup, Entrance, SubGroup};
use holm_namespaces::idmap::setgroups_denied;
use holm_namespaces::{Kind, Kinds, Namespace};
use holm_plan::{ExecPlan, Given, HostFacts, JoinTarget, Options, Phase, Step, plan_exec};
use holm_spec::Process;
use holm_state::{ProcessId, Record, Root, Status};
use rustix::process::Pid;

use crate::create::ChildOrders;
use crate::create::child::procfs;
use crate::create::parent::{self, Birth, system};
use crate::error::Error;
use crate::lifecycle::create::Container;
use crate::lifecycle::hand_out::{connect_console, send_pidfd, write_pid_file};
use crate::lifecycle::kill::pidfd;
use crate::lifecycle::state::settled;
use crate::observer::Observer;
use crate::probe::probe_for_process;
use crate::report::Narrator;
use crate::seccomp::Agent;
use crate::steps::{ParentBench, namespaces};

/// What [`exec`] is asked for.
#[derive(Debug, Clone)]
pub struct ExecRequest<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The process.
    pub process: &'a oci_spec::runtime::Process,
    /// As for a creation.
    pub console_socket: Option<&'a Path>,
    /// As for a creation.
    pub pid_file: Option<&'a Path>,
    /// Whether the process ends with the calling one.
    pub die_with_parent: bool,
    /// As for a creation.
    pub pidfd_socket: Option<&'a Path>,
    /// As for a creation.
    pub preserved: &'a [u32],
    /// Whether the process is not put under the container's filter of system calls.
    pub unfiltered: bool,
    /// Groups below the container's that the process is in; they must be there.
    pub cgroups: &'a [SubGroup],
    /// Also in a container that is paused; the process begins when that is resumed.
    pub ignore_paused: bool,
}

impl<'a> ExecRequest<'a> {
    /// For `process` in container `id`, with nothing asked for beyond it.
    pub fn new(id: &'a str, process: &'a oci_spec::runtime::Process) -> Self {
        Self {
            id,
            process,
            console_socket: None,
            pid_file: None,
            die_with_parent: false,
            pidfd_socket: None,
            preserved: &[],
            unfiltered: false,
            cgroups: &[],
            ignore_paused: false,
        }
    }
}

/// Runs a process in a running container: in all its namespaces and its cgroup.
///
/// # Errors
///
/// When the container does not run, or the process cannot be made or its command not be executed (status 126, 127).
pub fn exec(root: &Root, request: &ExecRequest<'_>, observer: &mut dyn Observer) -> Result<Container, Error> {
    let process = Process::check(request.process)?;
    let (record, container) = running(root, request)?;
    if record.chrooted {
        return Err(Error::new(format!("cannot execute in container {:?}", request.id))
            .with_cause("its root is its process's alone: there is no mount namespace of its own to enter")
            .with_hint("list {\"type\": \"mount\"} without a path in linux.namespaces"));
    }
    let facts = probe_for_process(&process)?;
    let target = pidfd(container)?;
    let cgroup = cgroup(&record, request.cgroups, container)?;
    let join = JoinTarget {
        v1_cgroup: cgroup.v1(),
        uid_outside: uid_outside(container, process.user.uid),
        ..join_target(container, &facts)?
    };
    if !container.is_alive() {
        // Then those may have been the namespaces of a later process with its pid, of the host perhaps.
        return Err(does_not_run(request.id, Status::Stopped));
    }
    let options = Options { die_with_parent: request.die_with_parent, ..Options::default() };
    let filter = record.seccomp.as_ref().filter(|_| !request.unfiltered);
    let given = Given { surroundings: record.surroundings.clone(), filter, rdt: record.rdt.is_some() };
    let plan = plan_exec(&process, &join, &given, &facts, &options)?;
    let joining = Joining { plan: &plan, facts: &facts, request, record: &record };
    let made = make(&joining, target, cgroup, observer)?;
    let written = request.pid_file.map_or(Ok(()), |path| write_pid_file(path, made.pid));
    let sent =
        written.and_then(|()| request.pidfd_socket.map_or(Ok(()), |path| send_pidfd(path, &made.pidfd)));
    sent.inspect_err(|_| parent::end(&made.pidfd))?;
    Ok(made)
}

/// The record of a container that runs, and the process whose namespaces are joined.
fn running(root: &Root, request: &ExecRequest<'_>) -> Result<(Record, ProcessId), Error> {
    let id = request.id;
    let record = settled(root, id)?;
    let status = if request.ignore_paused { record.status() } else { record.status_now() };
    match (status, record.member()) {
        // The namespaces of a container that waits for its start are made, and those that it will run in.
        (Status::Created | Status::Running, Some(process)) => Ok((record, process)),
        (status, _) => Err(does_not_run(id, status)),
    }
}

fn does_not_run(id: &str, status: Status) -> Error {
    holm_state::Error::Illegal { action: "execute in", id: id.to_owned(), status }.into()
}

/// An exec under way.
struct Joining<'a> {
    plan: &'a ExecPlan,
    facts: &'a HostFacts,
    request: &'a ExecRequest<'a>,
    record: &'a Record,
}

/// The container's cgroup, and the way into its v1 hierarchies.
struct Membership {
    cgroup: Option<Cgroup>,
    entrance: Option<Entrance>,
}

impl Membership {
    fn v1(&self) -> bool {
        self.entrance.as_ref().is_some_and(|entrance| !entrance.is_empty())
    }
}

/// The group for the process: the container's own, one below that was asked for, or that of a member where nobody may be in
/// the container's own.
fn cgroup(record: &Record, below: &[SubGroup], member: ProcessId) -> Result<Membership, Error> {
    let failed = |error| system("find the container's cgroup", error);
    if record.cgroup.is_none() && !below.is_empty() {
        return Err(Error::new("cannot find the cgroup for the process")
            .with_cause("the container has no cgroup of its own")
            .with_hint("do without --cgroup"));
    }
    let own = record.cgroup.clone().map(|record| record.below(below)).transpose().map_err(failed)?;
    let mut cgroup = own.as_ref().map(Cgroup::from_record).transpose().map_err(failed)?;
    if let (Some(cgroup), Some(member), true) = (&mut cgroup, member.pid(), below.is_empty()) {
        cgroup.descend_to(member).map_err(failed)?;
    }
    let entrance = cgroup.as_ref().map(Cgroup::entrance).transpose().map_err(failed)?;
    Ok(Membership { cgroup, entrance })
}

fn make(
    joining: &Joining<'_>,
    target: OwnedFd,
    membership: Membership,
    observer: &mut dyn Observer,
) -> Result<Container, Error> {
    let plan = joining.plan;
    let phases = vec![
        (Phase::Prepare, plan.prepare.as_slice()),
        (Phase::Between, plan.clone.between.as_slice()),
        (Phase::Adopt, plan.adopt.as_slice()),
        (Phase::Isolate, plan.isolate.as_slice()),
        (Phase::Privileges, plan.privileges.as_slice()),
    ];
    let mut narrator = Narrator::new(phases, joining.facts, observer);
    let child_target =
        target.try_clone().map_err(|error| Error::new("cannot copy a descriptor").with_cause(error))?;
    let mut bench = ParentBench {
        layout: &joining.facts.cgroups.layout,
        cgroup: membership.cgroup,
        target: Some(target),
        child: None,
        taken: Vec::new(),
        network: None,
        rdt: joining.record.rdt.clone(),
        told: None,
        own_pids: None,
        score: None,
    };
    let orders = ChildOrders {
        phases: vec![
            (Phase::Isolate, plan.isolate.as_slice()),
            (Phase::Privileges, plan.privileges.as_slice()),
        ],
        command: Some(&plan.command),
        watched: narrator.watched(),
        awaits_maps: false,
        entrance: membership.entrance.filter(|entrance| !entrance.is_empty()),
        target: Some(child_target),
        console_socket: joining.request.console_socket.map(connect_console).transpose()?,
        inherited: joining.request.preserved,
        awaits_hooks: false,
        start_hooks: &[],
        told: None,
        procfs: labelled(plan)
            .then(procfs)
            .transpose()
            .map_err(|error| system("open /proc", error))?
            .flatten(),
        agent: Agent::connect(&plan.privileges, joining.record, true)?,
        start: None,
    };
    parent::run_phase(&mut bench, Phase::Prepare, &plan.prepare, &mut narrator)?;
    let made = parent::make(
        &Birth { clone: &plan.clone, adopt: &plan.adopt, hooks: &[] },
        orders,
        &mut bench,
        &mut narrator,
        |_, _, _| Ok(()),
    )?;
    // Others in the container could keep it from ending by itself.
    parent::wait_executed(&made.working, &narrator).inspect_err(|_| parent::end(&made.pidfd))?;
    Ok(Container { pid: made.pid, pidfd: made.pidfd })
}

/// Whether its command is executed with a label, which is written through the procfs of the host.
fn labelled(plan: &ExecPlan) -> bool {
    plan.privileges.iter().any(|step| matches!(step, Step::SetLabel { .. }))
}

/// Which namespaces of the container's process are not the caller's, and to whom they belong.
fn join_target(process: ProcessId, facts: &HostFacts) -> Result<JoinTarget, Error> {
    let failed = |error: holm_namespaces::Error| system("find the container's namespaces", error);
    let pid = process.pid().unwrap_or(Pid::INIT);
    let user = Namespace::of_process(pid, Kind::User).map_err(failed)?;
    let user_id = user.id().map_err(failed)?;
    let own_user = user_id != Namespace::of_self(Kind::User).and_then(|own| own.id()).map_err(failed)?;
    let mut target = JoinTarget {
        inner: Kinds::default(),
        outer: Kinds::default(),
        ids: own_user.then(|| first_ids(pid)).flatten(),
        groups_denied: false,
        uid_outside: None,
        v1_cgroup: false,
    };
    for kind in facts.kinds.iter() {
        let theirs = Namespace::of_process(pid, kind).map_err(failed)?;
        let ours = Namespace::of_self(kind).map_err(failed)?;
        if theirs.id().map_err(failed)? == ours.id().map_err(failed)? {
            continue;
        }
        // A namespace that belongs to somebody further out can be joined only before the user namespace is.
        let inner = kind == Kind::User || !own_user || belongs_to(&theirs, &user_id);
        if inner { target.inner.insert(kind) } else { target.outer.insert(kind) }
    }
    target.groups_denied = own_user && setgroups_denied(pid);
    Ok(target)
}

fn belongs_to(namespace: &Namespace, user: &holm_namespaces::NamespaceId) -> bool {
    namespace.owner().and_then(|owner| owner.id()).is_ok_and(|owner| owner == *user)
}

/// What `uid` of the user namespace of `process` is in this process's.
fn uid_outside(process: ProcessId, uid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{}/uid_map", process.pid)).ok()?;
    namespaces::outside(&text, uid)
}

/// The uid and gid of root in the user namespace of `pid`, where it is mapped; else the first that are.
fn first_ids(pid: Pid) -> Option<(u32, u32)> {
    let first = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/{}/{name}", pid.as_raw_nonzero())).ok()?;
        namespaces::first_mapped(&text)
    };
    Some((first("uid_map")?, first("gid_map")?))
}
