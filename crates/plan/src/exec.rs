//! A further process in a container that runs.

use holm_namespaces::{Kind, Kinds};
use holm_spec::Process;
use serde::Serialize;

use crate::privileges::{Situation, steps};
use crate::{Command, HostFacts, Options, Step};

/// The namespaces of the container's process that are not the caller's own.
#[derive(Debug, Clone, Copy)]
pub struct JoinTarget {
    /// Those that belong to the container's user namespace, or to the caller's where it has none of its own.
    pub inner: Kinds,
    /// Those that belong to a user namespace further out: they are joined first, while that is permitted.
    pub outer: Kinds,
    /// Whether setgroups(2) is denied inside.
    pub groups_denied: bool,
}

/// What is done to run a process in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecPlan {
    /// By the parent, before the clone.
    pub prepare: Vec<Step>,
    /// By the child.
    pub isolate: Vec<Step>,
    /// By the child, inside.
    pub privileges: Vec<Step>,
    /// What is run.
    pub command: Command,
}

/// Decides how `process` gets into the container of `target`.
pub fn plan_exec(process: &Process, target: &JoinTarget, facts: &HostFacts, options: &Options) -> ExecPlan {
    let join = |kinds: Kinds| (!kinds.is_empty()).then_some(Step::JoinProcess { kinds });
    let without_pid = |kinds: Kinds| kinds.iter().filter(|kind| *kind != Kind::Pid).collect::<Kinds>();
    let pid = [target.inner, target.outer].iter().any(|kinds| kinds.contains(Kind::Pid));
    let own_user = target.inner.contains(Kind::User);
    let mut isolate: Vec<Step> = join(without_pid(target.outer)).into_iter().collect();
    isolate.extend(join(without_pid(target.inner)));
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
    ExecPlan {
        prepare: if pid { vec![Step::JoinProcess { kinds: Kinds::from(Kind::Pid) }] } else { Vec::new() },
        isolate,
        privileges: steps(process, &situation),
        command: Command { args: process.args.clone(), env: process.env.clone(), init: false, terminal: process.terminal },
    }
}

