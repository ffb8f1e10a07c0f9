//! What holds for the last phase, of a plan and of an exec alike.

use holm_credentials::CapabilitySet;
use holm_namespaces::Kind;
use holm_plan::{HostFacts, Options, Step, plan};
use holm_spec::Process;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::given::{any_config, any_options, spec};
use crate::hosts::any_host;

/// Where the one step is that `wanted` picks.
fn one(steps: &[Step], wanted: impl Fn(&Step) -> bool) -> Result<usize, TestCaseError> {
    let places: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| wanted(step)).map(|(place, _)| place).collect();
    prop_assert_eq!(places.len(), 1, "{:?}", steps);
    Ok(places[0])
}

/// Each step comes while it is possible: limits before the ids lose the right to raise them, the bounding set before
/// CAP_SETPCAP is gone, ids before the capabilities to change them, the signal after the ids, whose change clears it.
pub(crate) fn are_in_order(
    steps: &[Step],
    process: &Process,
    options: &Options,
) -> Result<(), TestCaseError> {
    let session = one(steps, |step| matches!(step, Step::NewSession { .. }))?;
    let bounding = one(steps, |step| matches!(step, Step::DropBounding { .. }))?;
    let directory = one(steps, |step| matches!(step, Step::ChangeDirectory { .. }))?;
    let ids = one(steps, |step| matches!(step, Step::SetIds { .. }))?;
    let capabilities = one(steps, |step| matches!(step, Step::SetCapabilities { .. }))?;
    prop_assert!(session < ids && bounding < ids && directory < ids && ids < capabilities);
    let places = |wanted: &Step| -> Vec<usize> {
        steps.iter().enumerate().filter(|(_, step)| *step == wanted).map(|(place, _)| place).collect()
    };
    let no_new = places(&Step::NoNewPrivileges);
    prop_assert_eq!(no_new.len(), usize::from(process.no_new_privileges));
    prop_assert!(no_new.iter().all(|place| *place > capabilities));
    // With no_new_privs it is the last thing; else it comes while there is a capability for it, after all that needs others.
    let filters = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::LoadSeccomp { .. }));
    for (place, _) in filters {
        let expected = if process.no_new_privileges { steps.len() - 1 } else { capabilities - 1 };
        prop_assert_eq!(place, expected);
    }
    let die = places(&Step::DieWithParent);
    prop_assert_eq!(die.len(), usize::from(options.die_with_parent));
    prop_assert!(die.iter().all(|place| *place > capabilities));
    let keyring = places(&Step::NewKeyring);
    prop_assert_eq!(keyring.len(), usize::from(!options.keep_keyring));
    prop_assert!(keyring.iter().all(|place| *place < ids));
    Ok(())
}

/// All that was said about the process is in the plan, and nothing else.
pub(crate) fn are_those_asked_for(steps: &[Step], process: &Process) -> Result<(), TestCaseError> {
    let mut limits = Vec::new();
    let mut umask = None;
    for step in steps {
        match step {
            Step::SetRlimit { resource, limit } => limits.push((*resource, *limit)),
            Step::SetUmask { mask } => umask = Some(*mask),
            Step::SetIds { uid, gid, .. } => {
                prop_assert_eq!((*uid, *gid), (process.user.uid, process.user.gid));
            }
            Step::GiveStreams { uid } => {
                prop_assert!(!process.terminal);
                prop_assert_eq!(*uid, process.user.uid);
            }
            Step::ChangeDirectory { path } => prop_assert_eq!(path, &process.cwd),
            Step::NewSession { terminal_owner } => {
                prop_assert_eq!(*terminal_owner, process.terminal.then_some(process.user.uid));
            }
            _ => {}
        }
    }
    let wanted: Vec<_> = process.rlimits.iter().map(|limit| (limit.resource, limit.limit)).collect();
    prop_assert_eq!(limits, wanted);
    prop_assert_eq!(umask, Some(process.user.umask.unwrap_or(0o022)));
    let ids = one(steps, |step| matches!(step, Step::SetIds { .. }))?;
    let raised = steps[ids..].iter().any(|step| matches!(step, Step::SetRlimit { .. }));
    prop_assert!(!raised, "limits are raised while that is permitted");
    Ok(())
}

/// No set has more than was asked for and can be had; capset(2) and prctl(2) take them as they are.
pub(crate) fn sets_are_legal(
    steps: &[Step],
    process: &Process,
    available: CapabilitySet,
) -> Result<(), TestCaseError> {
    let within = |set: CapabilitySet, limit: CapabilitySet| (set - limit).is_empty();
    for step in steps {
        match step {
            Step::DropBounding { keep } => {
                prop_assert_eq!(*keep, process.capabilities.bounding & available);
            }
            Step::SetCapabilities { sets } => {
                prop_assert_eq!(sets.permitted, process.capabilities.permitted & available);
                prop_assert!(within(sets.effective, sets.permitted));
                prop_assert!(within(sets.effective, process.capabilities.effective));
                prop_assert!(within(sets.inheritable, process.capabilities.inheritable & available));
                prop_assert!(within(sets.ambient, sets.permitted & sets.inheritable));
                prop_assert!(within(sets.ambient, process.capabilities.ambient));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a process can have: all in a user namespace of the container's own, what the caller has otherwise.
pub(crate) fn available(own_user: bool, facts: &HostFacts) -> CapabilitySet {
    if own_user { facts.known } else { facts.permitted & facts.bounding }
}

proptest! {
    #[test]
    fn privileges_are_given_up_in_the_order_that_allows_it(
        config in any_config(), facts in any_host(), options in any_options(),
    ) {
        let spec = spec(&config);
        let Ok(plan) = plan("id", &spec, &facts, &options) else { return Ok(()) };
        let Some(process) = &spec.process else {
            prop_assert!(plan.privileges.is_empty());
            return Ok(());
        };
        are_in_order(&plan.privileges, process, &options)?;
        are_those_asked_for(&plan.privileges, process)?;
        let own_user = spec.linux.namespaces.contains_key(&Kind::User);
        sets_are_legal(&plan.privileges, process, available(own_user, &facts))?;
    }
}
