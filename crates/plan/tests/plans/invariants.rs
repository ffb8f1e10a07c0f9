//! What holds for every plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use holm_credentials::Capability;
use holm_mounts::MountAttr;
use holm_namespaces::Kind;
use holm_plan::{HostFacts, IdMapWriter, Phase, Plan, RootEntry, Step, Who, plan};
use holm_spec::{HookKind, NamespaceChoice, Spec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::given::{any_config, any_options, namespace_file, spec};
use crate::hosts::any_host;
use crate::steps::{Subject, making, places, subject, undone_by, uses};

/// The order of joins, as [`Phase`] and kind.
fn joins(plan: &Plan) -> Vec<(Phase, Kind)> {
    let join = |(phase, step): (Phase, &Step)| match step {
        Step::JoinNamespace { kind, .. } => Some((phase, *kind)),
        _ => None,
    };
    making(plan).into_iter().filter_map(join).collect()
}

/// By whom each new namespace is made.
fn made(plan: &Plan) -> BTreeMap<Kind, usize> {
    let mut made: BTreeMap<Kind, usize> = plan.clone.namespaces.iter().map(|kind| (kind, 1)).collect();
    for (_, step) in making(plan) {
        match step {
            Step::UnshareCgroup => *made.entry(Kind::Cgroup).or_default() += 1,
            Step::UnshareTime { .. } => *made.entry(Kind::Time).or_default() += 1,
            _ => {}
        }
    }
    made
}

/// Without a user namespace, a node that somebody makes must not open a device of the host: the cgroup has rules for devices
/// before anybody is in it, or no mount takes nodes unless the configuration has the word for it; terminals are nodes.
fn nodes_do_nothing(plan: &Plan, spec: &Spec) -> Result<(), TestCaseError> {
    let ruled = plan.prepare.iter().any(|step| matches!(step, Step::AllowDevices { .. }));
    if ruled || spec.linux.namespaces.contains_key(&Kind::User) {
        return Ok(());
    }
    for (_, step) in making(plan) {
        let change = match step {
            Step::MountFilesystem { fstype, change, .. } if fstype != "devpts" => change,
            Step::AttachMount { change, .. }
            | Step::MountOverlay { change, .. }
            | Step::MakeRoot { change, .. } => change,
            _ => continue,
        };
        let closed = (change.set | change.set_recursive).contains(MountAttr::NODEV);
        let asked = (change.clear | change.clear_recursive).contains(MountAttr::NODEV);
        prop_assert!(closed || asked, "nodes would work: {step}");
    }
    Ok(())
}

fn chosen(spec: &Spec, wanted: impl Fn(&NamespaceChoice) -> bool) -> Vec<Kind> {
    spec.linux.namespaces.iter().filter(|(_, choice)| wanted(choice)).map(|(kind, _)| *kind).collect()
}

/// The user namespace is joined after the others by who is privileged outside, before them by who is not; the mount
/// namespace, in which /proc is another, last; a PID namespace by who clones.
fn order_of_joins_is_legal(plan: &Plan, facts: &HostFacts) -> Result<(), TestCaseError> {
    let joins = joins(plan);
    let place = |wanted: Kind| joins.iter().position(|(_, kind)| *kind == wanted);
    if let Some(mount) = place(Kind::Mount) {
        prop_assert_eq!(mount, joins.len() - 1, "/proc is another after it");
    }
    if let Some(user) = place(Kind::User) {
        let others =
            joins.iter().enumerate().filter(|(_, (_, kind))| !matches!(kind, Kind::User | Kind::Mount));
        for (place, (_, kind)) in others {
            prop_assert_eq!(place < user, facts.privileged(), "{} and the user namespace", kind);
        }
    }
    for (phase, kind) in &joins {
        let expected: &[Phase] = match kind {
            Kind::Pid => &[Phase::Prepare, Phase::Between],
            _ => &[Phase::Between, Phase::Isolate],
        };
        prop_assert!(expected.contains(phase), "{kind} is joined in {phase:?}");
        // A child in a new user namespace may not join what belongs further out.
        prop_assert!(*phase != Phase::Isolate || !plan.clone.namespaces.contains(Kind::User));
    }
    Ok(())
}

fn maps_are_written_once(plan: &Plan, spec: &Spec, facts: &HostFacts) -> Result<(), TestCaseError> {
    let writes = places(plan, |step| matches!(step, Step::WriteIdMaps { .. }));
    prop_assert_eq!(writes.len(), usize::from(spec.linux.is_new(Kind::User)));
    let Some(place) = writes.first() else { return Ok(()) };
    let (phase, step) = making(plan)[*place];
    prop_assert_eq!(phase, Phase::Adopt);
    prop_assert_eq!(&plan.adopt[0], step, "a child without ids can be given nothing else");
    let Step::WriteIdMaps { uids, gids, writer } = step else { unreachable!() };
    prop_assert_eq!(Some(uids), spec.linux.uid_map.as_ref());
    prop_assert_eq!(Some(gids), spec.linux.gid_map.as_ref());
    let may = |capability| facts.permitted.contains(capability);
    let root = may(Capability::Setuid) && may(Capability::Setgid);
    match writer {
        IdMapWriter::Parent => prop_assert!(root),
        IdMapWriter::OwnId => {
            let own = [(uids, facts.euid), (gids, facts.egid)];
            for (map, id) in own {
                prop_assert_eq!(
                    map.mappings().iter().map(|m| (m.host, m.size)).collect::<Vec<_>>(),
                    [(id, 1)]
                );
            }
            prop_assert!(!root);
        }
        IdMapWriter::Programs => prop_assert!(!root && facts.id_map_programs),
    }
    Ok(())
}

fn taken_mounts_are_used_once(plan: &Plan) -> Result<(), TestCaseError> {
    let steps = making(plan);
    let mut waiting = Vec::new();
    let mut taken = Vec::new();
    for (phase, step) in &steps {
        if let Step::TakeMount { slot, .. } = step {
            prop_assert!(matches!(phase, Phase::Adopt | Phase::Root));
            waiting.push(*slot);
            taken.push(*slot);
        }
        for slot in uses(step) {
            let place = waiting.iter().position(|other| *other == slot);
            prop_assert!(place.is_some(), "{step:?} uses what was not taken, or was used before");
            waiting.remove(place.unwrap());
        }
    }
    prop_assert!(waiting.is_empty(), "taken for nothing: {waiting:?}");
    taken.sort_unstable();
    prop_assert_eq!(&taken, &(0..taken.len()).collect::<Vec<_>>());
    Ok(())
}

/// The host's mounts are in sight until the root is entered, peers of the host's until they are severed.
fn mounts_are_in_order(plan: &Plan, spec: &Spec) -> Result<(), TestCaseError> {
    let one = |wanted: &dyn Fn(&Step) -> bool| {
        let places = places(plan, wanted);
        prop_assert_eq!(places.len(), 1);
        Ok(places[0])
    };
    let own = spec.linux.is_new(Kind::Mount);
    let severed = places(plan, |step| *step == Step::SeverMounts);
    prop_assert_eq!(severed.len(), usize::from(own));
    let root = one(&|step| matches!(step, Step::MakeRoot { .. }))?;
    let severed = severed.first().copied().unwrap_or(root);
    let entered = one(&|step| matches!(step, Step::EnterRoot { .. }))?;
    prop_assert!(severed <= root && root < entered);
    for (_, step) in making(plan) {
        match step {
            Step::EnterRoot { by } => prop_assert_eq!(*by == RootEntry::Chroot, !own),
            Step::MakeRoot { attach, .. } => prop_assert_eq!(*attach, own),
            _ => {}
        }
    }
    for (place, (phase, step)) in making(plan).into_iter().enumerate() {
        match step {
            Step::TakeMount { .. } => prop_assert!(place < severed),
            Step::ChangeMount { .. } => prop_assert!(place > root),
            Step::SeverMounts | Step::MakeRoot { .. } | Step::EnterRoot { .. } => {}
            _ if subject(step) == Subject::Mount => {
                prop_assert!(place > root && place < entered, "{step:?}");
            }
            _ => {}
        }
        prop_assert!(
            subject(step) != Subject::Mount || matches!(phase, Phase::Adopt | Phase::Root | Phase::Enter)
        );
    }
    Ok(())
}

/// Each hook runs once, in the order of the runtime-spec ("Lifecycle"): before the root is entered, but when it is whole;
/// before the command, but as who it is; when the command runs; when the container is gone.
fn hooks_are_in_order(plan: &Plan, spec: &Spec) -> Result<(), TestCaseError> {
    let all =
        plan.phases().into_iter().flat_map(|(phase, steps)| steps.iter().map(move |step| (phase, step)));
    let hook = |(phase, step): (Phase, &Step)| match step {
        Step::RunHook { kind, hook } => Some((*kind, hook.index, phase)),
        _ => None,
    };
    let ran: Vec<_> = all.filter_map(hook).collect();
    prop_assert!(ran.is_sorted(), "{ran:?}");
    let asked = [
        (&spec.hooks.prestart, HookKind::Prestart, Phase::Hooks),
        (&spec.hooks.create_runtime, HookKind::CreateRuntime, Phase::Hooks),
        (&spec.hooks.create_container, HookKind::CreateContainer, Phase::Enter),
        (&spec.hooks.start_container, HookKind::StartContainer, Phase::Start),
        (&spec.hooks.poststart, HookKind::Poststart, Phase::Started),
        (&spec.hooks.poststop, HookKind::Poststop, Phase::Undo),
    ];
    let asked = asked
        .into_iter()
        .flat_map(|(list, kind, phase)| (0..list.len()).map(move |index| (kind, index, phase)));
    prop_assert_eq!(ran, asked.collect::<Vec<_>>());
    // A hook may mount into the root, and change what is in it, until then.
    let is_hook = |step: &Step| matches!(step, Step::RunHook { .. });
    let others = plan.enter.iter().skip_while(|step| is_hook(step));
    prop_assert_eq!(others.filter(|step| is_hook(step)).count(), 0);
    let closes = |step: &Step| {
        matches!(step, Step::MaskPath { .. } | Step::ReadonlyPath { .. } | Step::EnterRoot { .. })
    };
    prop_assert!(!plan.root.iter().any(closes));
    if let Some(removed) = plan.undo.iter().position(|step| *step == Step::RemoveCgroup) {
        prop_assert_eq!(removed, 0, "the container is gone before the last hooks run");
    }
    Ok(())
}

fn nothing_is_made_without_privilege(plan: &Plan) -> Result<(), TestCaseError> {
    let dropped = |step: &Step| {
        matches!(step, Step::DropBounding { .. } | Step::SetIds { .. } | Step::SetCapabilities { .. })
    };
    let Some(first) = places(plan, dropped).into_iter().min() else {
        prop_assert!(plan.command.is_none());
        return Ok(());
    };
    // What the parent does when the child is done is done with the parent's privileges.
    for (_, step) in making(plan).into_iter().skip(first).filter(|(phase, _)| *phase != Phase::Confine) {
        prop_assert!(matches!(subject(step), Subject::Process | Subject::Hook), "{step:?}");
    }
    for step in &plan.privileges {
        prop_assert_eq!(subject(step), Subject::Process, "{:?}", step);
    }
    Ok(())
}

/// What `--dry-run=json` prints: each phase under its name, each step with its own.
fn json_has_every_step(plan: &Plan) -> Result<(), TestCaseError> {
    let json = serde_json::to_value(plan).unwrap();
    for (phase, steps) in plan.phases() {
        let name = serde_json::to_value(phase).unwrap();
        let list = match phase {
            Phase::Between => &json["clone"]["between"],
            _ => &json[name.as_str().unwrap()],
        };
        let list = list.as_array().cloned().unwrap_or_default();
        prop_assert_eq!(list.len(), steps.len(), "{:?}", phase);
        prop_assert!(list.iter().all(|step| step["step"].as_str().is_some_and(|name| !name.is_empty())));
    }
    prop_assert_eq!(json["id"].as_str(), Some("id"));
    Ok(())
}

/// What `--dry-run` prints: a line for each step, with its number and who does it.
fn text_has_every_step(plan: &Plan) -> Result<(), TestCaseError> {
    let text = plan.to_string();
    let mut lines = text.lines().filter(|line| line.trim_start().starts_with(|c: char| c.is_ascii_digit()));
    let mut number = 0;
    for (phase, steps) in plan.phases() {
        let who = match phase {
            Phase::Prepare | Phase::Adopt | Phase::Hooks | Phase::Confine | Phase::Started | Phase::Undo => {
                Who::Parent
            }
            Phase::Between => Who::Between,
            Phase::Isolate | Phase::Root | Phase::Enter | Phase::Privileges | Phase::Start => Who::Child,
        };
        for (index, step) in steps.iter().enumerate() {
            number += 1;
            prop_assert_eq!(plan.number(phase, index), number);
            let said = step.to_string();
            prop_assert!(!said.is_empty(), "{step:?} has no words");
            let expected = format!("{number}. {who} {said}");
            let expected: Vec<&str> = expected.split_whitespace().collect();
            let line: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
            prop_assert_eq!(line, expected);
        }
    }
    prop_assert_eq!(lines.next(), None);
    prop_assert_eq!(plan.len() + plan.undo.len(), number);
    Ok(())
}

/// Each kind that was asked for is made or joined once, and no other.
fn namespaces_are_those_asked_for(plan: &Plan, spec: &Spec) -> Result<(), TestCaseError> {
    let new = chosen(spec, |choice| *choice == NamespaceChoice::New);
    prop_assert_eq!(made(plan), new.into_iter().map(|kind| (kind, 1)).collect::<BTreeMap<_, _>>());
    let mut joined: Vec<Kind> = joins(plan).into_iter().map(|(_, kind)| kind).collect();
    joined.sort_unstable();
    prop_assert_eq!(joined, chosen(spec, |choice| *choice != NamespaceChoice::New));
    for (_, step) in making(plan) {
        if let Step::JoinNamespace { kind, path } = step {
            prop_assert_eq!(path, &PathBuf::from(namespace_file(*kind)));
        }
    }
    Ok(())
}

/// All limits are set by the parent on a cgroup that was made; those of memory when the child is done, the others before it
/// is there.
fn limits_come_before_what_they_limit(plan: &Plan, made: bool) -> Result<(), TestCaseError> {
    for (phase, step) in making(plan) {
        if let Step::SetLimits { resources } = step {
            let memory = resources.controllers() == ["memory"];
            prop_assert!(made && !resources.is_empty());
            prop_assert_eq!(phase, if memory { Phase::Confine } else { Phase::Prepare });
        }
        if matches!(step, Step::AllowDevices { .. } | Step::DelegateCgroup { .. }) {
            prop_assert!(made && phase == Phase::Prepare);
        }
    }
    Ok(())
}

/// Nothing is set in a namespace that the host has too, and a cgroup namespace is rooted in the container's cgroup.
fn namespaces_are_furnished_inside(plan: &Plan, spec: &Spec) -> Result<(), TestCaseError> {
    let asked = |kind| spec.linux.namespaces.contains_key(&kind);
    let isolate = |wanted: &Step| plan.isolate.iter().position(|step| step == wanted);
    for (phase, step) in making(plan) {
        match step {
            Step::SetHostname { .. } | Step::SetDomainname { .. } => prop_assert!(asked(Kind::Uts)),
            Step::LoopbackUp => prop_assert!(spec.linux.is_new(Kind::Network)),
            Step::TakeIds { .. } => prop_assert!(asked(Kind::User)),
            _ => continue,
        }
        prop_assert_eq!(phase, Phase::Isolate);
    }
    if let (Some(enter), Some(unshare)) = (isolate(&Step::EnterCgroup), isolate(&Step::UnshareCgroup)) {
        prop_assert!(enter < unshare);
    }
    let last_join = plan.isolate.iter().rposition(|step| matches!(step, Step::JoinNamespace { .. }));
    let ids = plan.isolate.iter().position(|step| matches!(step, Step::TakeIds { .. }));
    prop_assert_eq!(ids.is_some(), asked(Kind::User));
    prop_assert!(last_join.is_none() || ids.is_none() || last_join < ids);
    Ok(())
}

fn all_that_is_made_is_undone(plan: &Plan) -> Result<(), TestCaseError> {
    let undo: Vec<Step> = making(plan).into_iter().rev().filter_map(|(_, step)| undone_by(step)).collect();
    let undone: Vec<&Step> = plan.undo.iter().filter(|step| subject(step) != Subject::Hook).collect();
    prop_assert_eq!(undone, undo.iter().collect::<Vec<_>>());
    // Who enters a cgroup, or is born in one, enters the one that was made.
    let made = plan.prepare.iter().any(|step| matches!(step, Step::CreateCgroup { .. }));
    limits_come_before_what_they_limit(plan, made)?;
    prop_assert!(made || !(plan.clone.into_cgroup || plan.isolate.contains(&Step::EnterCgroup)));
    Ok(())
}

/// A configuration, read anew each time: what a hash map has in it comes in another order then.
fn twice(config: &Value, facts: &HostFacts) -> Result<(), TestCaseError> {
    let options = holm_plan::Options::default();
    let again = || plan("id", &spec(config), facts, &options);
    prop_assert_eq!(again(), again());
    Ok(())
}

/// The plans that there are; of the others there is nothing to say here.
fn of(config: &Value, facts: &HostFacts) -> Option<(Spec, Plan)> {
    let spec = spec(config);
    let plan = plan("id", &spec, facts, &holm_plan::Options::default()).ok()?;
    Some((spec, plan))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_mounted_joined_or_attached_once_privileges_are_dropped(config in any_config(), facts in any_host()) {
        let Some((_, plan)) = of(&config, &facts) else { return Ok(()) };
        nothing_is_made_without_privilege(&plan)?;
    }

    #[test]
    fn what_is_made_outside_is_undone_in_reverse(config in any_config(), facts in any_host()) {
        let Some((_, plan)) = of(&config, &facts) else { return Ok(()) };
        all_that_is_made_is_undone(&plan)?;
    }

    #[test]
    fn a_node_in_a_mount_opens_no_device(config in any_config(), facts in any_host()) {
        let Some((spec, plan)) = of(&config, &facts) else { return Ok(()) };
        nodes_do_nothing(&plan, &spec)?;
    }

    #[test]
    fn joins_come_in_a_legal_order(config in any_config(), facts in any_host()) {
        let Some((_, plan)) = of(&config, &facts) else { return Ok(()) };
        order_of_joins_is_legal(&plan, &facts)?;
    }

    #[test]
    fn every_namespace_is_made_or_joined_once(config in any_config(), facts in any_host()) {
        let Some((spec, plan)) = of(&config, &facts) else { return Ok(()) };
        namespaces_are_those_asked_for(&plan, &spec)?;
        namespaces_are_furnished_inside(&plan, &spec)?;
    }

    #[test]
    fn every_taken_mount_is_used_once_and_later(config in any_config(), facts in any_host()) {
        let Some((_, plan)) = of(&config, &facts) else { return Ok(()) };
        taken_mounts_are_used_once(&plan)?;
    }

    #[test]
    fn mounts_come_between_the_severing_and_the_root(config in any_config(), facts in any_host()) {
        let Some((spec, plan)) = of(&config, &facts) else { return Ok(()) };
        mounts_are_in_order(&plan, &spec)?;
        hooks_are_in_order(&plan, &spec)?;
    }

    #[test]
    fn id_maps_have_one_writer_who_may(config in any_config(), facts in any_host()) {
        let Some((spec, plan)) = of(&config, &facts) else { return Ok(()) };
        maps_are_written_once(&plan, &spec, &facts)?;
    }

    #[test]
    fn each_step_is_numbered_and_said_with_who_does_it(config in any_config(), facts in any_host(), options in any_options()) {
        let Ok(plan) = plan("id", &spec(&config), &facts, &options) else { return Ok(()) };
        text_has_every_step(&plan)?;
        json_has_every_step(&plan)?;
    }

    #[test]
    fn one_question_has_one_answer(config in any_config(), facts in any_host()) {
        twice(&config, &facts)?;
    }

    #[test]
    fn what_the_kernel_does_not_have_is_refused(config in any_config(), facts in any_host()) {
        let spec = spec(&config);
        let missing = spec.linux.namespaces.keys().any(|kind| !facts.kinds.contains(*kind));
        let powerless = !facts.privileged() && !spec.linux.namespaces.contains_key(&Kind::User);
        let plan = plan("id", &spec, &facts, &holm_plan::Options::default());
        prop_assert!(plan.is_err() || !(missing || powerless));
        if let Err(error) = plan {
            prop_assert!(error.hint.is_some_and(|hint| !hint.is_empty()), "{}: {}", error.what, error.cause);
        }
    }
}
