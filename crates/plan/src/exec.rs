//! A further process in a container that runs.

use holm_credentials::NumberSet;
use holm_namespaces::{Kind, Kinds};
use holm_seccomp::Filter;
use holm_spec::{Process, Surroundings};
use serde::Serialize;

use crate::privileges::{Situation, steps};
use crate::{CloneStep, Command, Error, HostFacts, Options, Step, attributes, streams};

/// The namespaces of the container's process that are not the caller's own.
#[derive(Debug, Clone, Copy)]
pub struct JoinTarget {
    /// Those that belong to the container's user namespace, or to the caller's where it has none of its own.
    pub inner: Kinds,
    /// Those that belong to a user namespace further out: they are joined first, while that is permitted.
    pub outer: Kinds,
    /// The ids that the child takes in the container's user namespace: root's where it is mapped, else the first.
    pub ids: Option<(u32, u32)>,
    /// Whether setgroups(2) is denied inside.
    pub groups_denied: bool,
    /// What the process's uid is for the caller, where the container has a user namespace of its own.
    pub uid_outside: Option<u32>,
    /// Whether the container has a cgroup in a v1 hierarchy, which is entered; a v2 one the child is born in.
    pub v1_cgroup: bool,
}

/// What every process of the container has.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// How it runs.
    pub surroundings: Surroundings,
    /// The filter of its system calls.
    pub filter: Option<&'a Filter>,
    /// Whether it is in a group of resctrl.
    pub rdt: bool,
}

/// What is done to run a process in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecPlan {
    /// By the parent, before the clone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prepare: Vec<Step>,
    /// The clone, by a process between that joins first.
    pub clone: CloneStep,
    /// By the parent, while the child waits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adopt: Vec<Step>,
    /// By the child.
    pub isolate: Vec<Step>,
    /// By the child, inside.
    pub privileges: Vec<Step>,
    /// What is run.
    pub command: Command,
}

/// Decides how `process` gets into the container of `target`, under the filter that the container has.
///
/// # Errors
///
/// When the container has namespaces that belong to a user namespace further out than its own, and the caller has no
/// privilege there: it would run in its own ones instead.
pub fn plan_exec(
    process: &Process,
    target: &JoinTarget,
    given: &Given<'_>,
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
    let mut isolate = join(target.cgroup_namespace());
    if own_user {
        isolate.push(Step::TakeIds { ids: target.ids });
    }
    if process.terminal {
        isolate.push(Step::OpenTerminal { size: process.console_size, console: false });
    }
    let owner_outside = if own_user { target.uid_outside } else { Some(process.user.uid) };
    let owner_outside = owner_outside.filter(|_| facts.privileged());
    let situation = Situation {
        available: if own_user { facts.known } else { facts.permitted & facts.bounding },
        groups_stay: target.groups_denied,
        owner_outside,
        options: *options,
        surroundings: given.surroundings.clone(),
    };
    let attributes = &process.attributes;
    let cpus = |cpus: &Option<NumberSet>| cpus.clone().map(|cpus| Step::SetCpus { cpus });
    let mut between = between(target);
    between.splice(..0, cpus(&attributes.initial_cpus));
    isolate.splice(..0, cpus(&attributes.final_cpus));
    let mut privileges = steps(process, &situation, given.filter);
    privileges.extend(attributes::labels(attributes, facts)?);
    Ok(ExecPlan {
        prepare: attributes::born(attributes, facts)
            .into_iter()
            .chain(streams::by_parent(process, owner_outside))
            .collect(),
        clone: CloneStep { namespaces: Kinds::default(), into_cgroup: true, between },
        adopt: given.rdt.then_some(Step::EnterRdtGroup).into_iter().collect(),
        isolate,
        privileges,
        command: Command {
            args: process.args.clone(),
            env: process.env.clone(),
            init: false,
            terminal: process.terminal,
        },
    })
}

/// A process between joins all there is before the child is cloned: one that joined from inside could be traced in there
/// while it still has the host's root, by a container that was given CAP_SYS_PTRACE; and without privilege outside there
/// is no other way into a PID namespace. The cgroups come first, and the cgroup namespace is left to the child: who is in
/// it can no longer see the way in from outside.
fn between(target: &JoinTarget) -> Vec<Step> {
    let enter = target.v1_cgroup.then_some(Step::EnterCgroup);
    let without_cgroup = |kinds: Kinds| kinds.iter().filter(|kind| *kind != Kind::Cgroup).collect::<Kinds>();
    // A cgroup namespace further out can only be joined while there is privilege there.
    let joins = [target.outer, without_cgroup(target.inner)].map(join);
    enter.into_iter().chain(joins.into_iter().flatten()).collect()
}

impl JoinTarget {
    fn cgroup_namespace(&self) -> Kinds {
        self.inner.iter().filter(|kind| *kind == Kind::Cgroup).collect()
    }
}

fn join(kinds: Kinds) -> Vec<Step> {
    if kinds.is_empty() { Vec::new() } else { vec![Step::JoinProcess { kinds }] }
}
