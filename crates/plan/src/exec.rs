//! A further process in a container that runs.

use holm_namespaces::{Kind, Kinds};
use holm_spec::Process;
use serde::Serialize;

use crate::privileges::{Situation, steps};
use crate::{CloneStep, Command, Error, HostFacts, Options, Step};

/// The namespaces of the container's process that are not the caller's own.
#[derive(Debug, Clone, Copy)]
pub struct JoinTarget {
    /// Those that belong to the container's user namespace, or to the caller's where it has none of its own.
    pub inner: Kinds,
    /// Those that belong to a user namespace further out: they are joined first, while that is permitted.
    pub outer: Kinds,
    /// Whether setgroups(2) is denied inside.
    pub groups_denied: bool,
    /// Whether the container has a cgroup in a v1 hierarchy, which is entered; a v2 one the child is born in.
    pub v1_cgroup: bool,
}

/// What is done to run a process in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecPlan {
    /// By the parent, before the clone.
    pub prepare: Vec<Step>,
    /// The clone.
    pub clone: CloneStep,
    /// By the child.
    pub isolate: Vec<Step>,
    /// By the child, inside.
    pub privileges: Vec<Step>,
    /// What is run.
    pub command: Command,
}

/// Decides how `process` gets into the container of `target`.
///
/// # Errors
///
/// When the container has namespaces that belong to a user namespace further out than its own, and the caller has no
/// privilege there: it would run in its own ones instead.
pub fn plan_exec(
    process: &Process,
    target: &JoinTarget,
    facts: &HostFacts,
    options: &Options,
) -> Result<ExecPlan, Error> {
    let own_user = target.inner.contains(Kind::User);
    if own_user && !facts.privileged() && !target.outer.is_empty() {
        return Err(Error::new(
            "enter the container",
            format!(
                "its namespaces {} belong to a user namespace in which you have no privilege",
                target.outer
            ),
            "ask who made it, or root, to do this",
        ));
    }
    // Without privilege outside there is none to join a PID namespace with before the user namespace is joined, and who
    // joins that cannot be the parent: it would not come back.
    let (prepare, between, joins) =
        if own_user && !facts.privileged() { from_between(target) } else { in_turn(target) };
    // First of all: who is in the container's cgroup namespace can no longer see the way in from outside.
    let mut isolate: Vec<Step> = target.v1_cgroup.then_some(Step::EnterCgroup).into_iter().collect();
    isolate.extend(joins);
    if own_user {
        isolate.push(Step::TakeIds { ids: None });
    }
    if process.terminal {
        isolate.push(Step::OpenTerminal { size: process.console_size, console: false });
    }
    let situation = Situation {
        available: if own_user { facts.known } else { facts.permitted & facts.bounding },
        groups_denied: target.groups_denied,
        options: *options,
    };
    Ok(ExecPlan {
        prepare,
        clone: CloneStep { namespaces: Kinds::default(), into_cgroup: true, between },
        isolate,
        privileges: steps(process, &situation),
        command: Command {
            args: process.args.clone(),
            env: process.env.clone(),
            init: false,
            terminal: process.terminal,
        },
    })
}

/// With privilege: the parent joins the PID namespace for its child, which joins first what belongs further out.
fn in_turn(target: &JoinTarget) -> (Vec<Step>, Vec<Step>, Vec<Step>) {
    let without_pid = |kinds: Kinds| kinds.iter().filter(|kind| *kind != Kind::Pid).collect::<Kinds>();
    let pid = [target.inner, target.outer].iter().any(|kinds| kinds.contains(Kind::Pid));
    let prepare = if pid { join(Kinds::from(Kind::Pid)) } else { Vec::new() };
    let joins = join(without_pid(target.outer)).into_iter().chain(join(without_pid(target.inner)));
    (prepare, Vec::new(), joins.collect())
}

/// Without: a process between joins all but the mount namespace, in whose /proc it would not find itself.
fn from_between(target: &JoinTarget) -> (Vec<Step>, Vec<Step>, Vec<Step>) {
    let (mount, others): (Vec<Kind>, Vec<Kind>) = target.inner.iter().partition(|kind| *kind == Kind::Mount);
    (Vec::new(), join(others.into_iter().collect()), join(mount.into_iter().collect()))
}

fn join(kinds: Kinds) -> Vec<Step> {
    if kinds.is_empty() { Vec::new() } else { vec![Step::JoinProcess { kinds }] }
}
