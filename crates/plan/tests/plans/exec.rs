//! What holds for every way into a container that runs.

use holm_namespaces::{Kind, Kinds};
use holm_plan::{ExecPlan, Given, HostFacts, JoinTarget, Options, Step, plan_exec};
use holm_spec::Process;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::given::{any_options, process};
use crate::hosts::any_host;
use crate::privileges;
use crate::steps::{Subject, subject};

pub(crate) fn checked(config: &Value) -> Process {
    Process::check(&serde_json::from_value(config.clone()).unwrap()).unwrap()
}

fn kinds(bits: u8) -> Kinds {
    let kinds = Kind::ALL.into_iter().enumerate();
    kinds.filter(|(place, _)| bits & (1 << place) != 0).map(|(_, kind)| kind).collect()
}

/// Namespaces of a container, of which those further out are not of its own user namespace.
fn any_target() -> impl Strategy<Value = JoinTarget> {
    (any::<[u8; 2]>(), any::<[bool; 2]>()).prop_map(|([all, outer], [groups_denied, v1_cgroup])| {
        let user = kinds(all).contains(Kind::User);
        let further = |kind: &Kind| user && *kind != Kind::User && kinds(outer).contains(*kind);
        let (outer, inner): (Vec<Kind>, Vec<Kind>) = kinds(all).iter().partition(further);
        JoinTarget {
            inner: inner.into_iter().collect(),
            outer: outer.into_iter().collect(),
            ids: user.then_some((0, 0)),
            groups_denied,
            uid_outside: user.then_some(1000),
            v1_cgroup,
        }
    })
}

/// The kinds of each join: those before the clone, and those of the child.
fn joins(plan: &ExecPlan) -> (Vec<Kinds>, Vec<Kinds>) {
    let kinds = |steps: &[Step]| -> Vec<Kinds> {
        let kinds = |step: &Step| match step {
            Step::JoinProcess { kinds } => Some(*kinds),
            _ => None,
        };
        steps.iter().filter_map(kinds).collect()
    };
    (kinds(&plan.clone.between), kinds(&plan.isolate))
}

/// Each namespace once, by who clones: a child that joins is in sight of the container with the host's root. But a cgroup
/// namespace of the container's own hides the way into its cgroup. Those that lie further out come before the user
/// namespace.
fn joins_are_legal(plan: &ExecPlan, target: &JoinTarget) -> Result<(), TestCaseError> {
    let (before, child) = joins(plan);
    prop_assert!(child.iter().all(|kinds| *kinds == Kinds::from(Kind::Cgroup)));
    let order: Vec<Kinds> = before.into_iter().chain(child).collect();
    let mut joined: Vec<Kind> = order.iter().flat_map(|kinds| kinds.iter()).collect();
    joined.sort_unstable();
    let mut wanted: Vec<Kind> = target.inner.iter().chain(target.outer.iter()).collect();
    wanted.sort_unstable();
    prop_assert_eq!(joined, wanted);
    let place = |wanted: Kind| order.iter().position(|kinds| kinds.contains(wanted));
    let Some(user) = place(Kind::User) else { return Ok(()) };
    for kind in target.outer.iter() {
        prop_assert!(place(kind).unwrap() < user, "{kind} belongs further out");
    }
    for kind in target.inner.iter() {
        prop_assert!(place(kind).unwrap() >= user, "{kind} takes the rights of inside");
    }
    Ok(())
}

fn steps_are_in_place(plan: &ExecPlan, target: &JoinTarget) -> Result<(), TestCaseError> {
    let enter = plan.clone.between.iter().position(|step| *step == Step::EnterCgroup);
    prop_assert_eq!(
        enter,
        target.v1_cgroup.then_some(0),
        "in a joined cgroup namespace the way in is out of sight"
    );
    let take = plan.isolate.iter().position(|step| matches!(step, Step::TakeIds { .. }));
    prop_assert_eq!(take.is_some(), target.inner.contains(Kind::User));
    let last_join = plan.isolate.iter().rposition(|step| matches!(step, Step::JoinProcess { .. }));
    prop_assert!(take.is_none() || last_join.is_none() || last_join < take);
    prop_assert!(plan.clone.namespaces.is_empty(), "an exec makes no namespace");
    for step in &plan.privileges {
        prop_assert_eq!(subject(step), Subject::Process);
    }
    Ok(())
}

fn of(process: &Process, target: &JoinTarget, facts: &HostFacts, options: &Options) -> ExecPlan {
    plan_exec(process, target, &Given::default(), facts, options).unwrap()
}

proptest! {
    #[test]
    fn an_exec_joins_what_there_is_in_a_legal_order(
        process in process(), target in any_target(), facts in any_host(),
    ) {
        // Nobody without privilege gets into what belongs further out: it is not in such a container's reach.
        let reachable = facts.privileged() || target.outer.is_empty();
        prop_assume!(reachable);
        let plan = of(&checked(&process), &target, &facts, &Options::default());
        joins_are_legal(&plan, &target)?;
        steps_are_in_place(&plan, &target)?;
    }

    #[test]
    fn what_belongs_further_out_is_not_left_out_without_privilege(
        process in process(), target in any_target(), facts in any_host(),
    ) {
        let inside_only = target.inner.contains(Kind::User) && !facts.privileged() && !target.outer.is_empty();
        let planned = plan_exec(&checked(&process), &target, &Given::default(), &facts, &Options::default());
        prop_assert_eq!(planned.is_err(), inside_only);
    }

    #[test]
    fn an_exec_gives_up_privileges_as_a_container_does(
        process in process(), target in any_target(), facts in any_host(), options in any_options(),
    ) {
        prop_assume!(facts.privileged() || target.outer.is_empty());
        let process = checked(&process);
        let plan = of(&process, &target, &facts, &options);
        privileges::are_in_order(&plan.privileges, &process, &options)?;
        privileges::are_those_asked_for(&plan.privileges, &process)?;
        let available = privileges::available(target.inner.contains(Kind::User), &facts);
        privileges::sets_are_legal(&plan.privileges, &process, available)?;
        let denied = plan.privileges.iter().any(|step| matches!(step, Step::SetIds { groups: None, .. }));
        prop_assert_eq!(denied, target.groups_denied);
        prop_assert_eq!(of(&process, &target, &facts, &options), plan);
    }
}
