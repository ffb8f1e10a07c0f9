//! Who the process is in the end: the last phase, after which nothing is mounted.

use holm_credentials::CapabilitySet;
use holm_namespaces::Kind;
use holm_seccomp::Filter;
use holm_spec::{Process, Spec, Surroundings};

use crate::{CapabilitySets, HostFacts, Options, Step, attributes, seccomp, streams};

/// Of a process whose configuration names none, as other runtimes have it: not that of whoever calls.
const USUAL_UMASK: u32 = 0o022;

/// What this phase depends on besides the process.
pub(crate) struct Situation {
    /// What the process can have at most: all of it in a user namespace of its own, what the caller has otherwise.
    pub(crate) available: CapabilitySet,
    /// Whether the additional groups stay as they are: where the user namespace denies setgroups(2), or that is asked for.
    pub(crate) groups_stay: bool,
    /// The process's user as the caller has it, where the caller gives that the standard streams.
    pub(crate) owner_outside: Option<u32>,
    /// The caller's wishes.
    pub(crate) options: Options,
    /// How every process of the container runs.
    pub(crate) surroundings: Surroundings,
}

impl Situation {
    pub(crate) fn of(process: &Process, spec: &Spec, facts: &HostFacts, options: &Options) -> Self {
        let own = spec.linux.namespaces.contains_key(&Kind::User);
        let single = |map: &Option<holm_namespaces::IdMap>| {
            map.as_ref().is_some_and(|map| matches!(map.mappings(), [only] if only.size == 1))
        };
        let mapped_by_self = !facts.privileged() && single(&spec.linux.gid_map);
        Self {
            available: if own { facts.known } else { facts.permitted & facts.bounding },
            groups_stay: mapped_by_self || facts.groups_denied || spec.keeps_groups,
            owner_outside: streams::owner_outside(process, spec, facts),
            options: *options,
            surroundings: spec.linux.surroundings.clone(),
        }
    }
}

/// The steps for `process`. The order is what keeps each possible: limits while they may be raised, the bounding set while
/// there is CAP_SETPCAP, the directory while root may enter it, ids before the capabilities that changing them needs, the signal for the parent's end after
/// the ids, whose change clears it (prctl(2)).
pub(crate) fn steps(process: &Process, situation: &Situation, filter: Option<&Filter>) -> Vec<Step> {
    let mut steps = Vec::with_capacity(12);
    if !situation.options.keep_keyring {
        steps.push(Step::NewKeyring);
    }
    let terminal_owner = process.terminal.then_some(process.user.uid);
    steps.push(Step::NewSession { terminal_owner });
    steps.extend(streams::by_child(process, situation.owner_outside));
    steps.extend(
        process.rlimits.iter().map(|limit| Step::SetRlimit { resource: limit.resource, limit: limit.limit }),
    );
    steps.extend(attributes::steps(&process.attributes, &situation.surroundings));
    let wanted = &process.capabilities;
    let have = |set: CapabilitySet| set & situation.available;
    steps.push(Step::DropBounding { keep: have(wanted.bounding) });
    let groups = (!situation.groups_stay).then(|| process.user.additional_gids.clone());
    steps.push(Step::ChangeDirectory { path: process.cwd.clone() });
    steps.push(Step::SetIds { uid: process.user.uid, gid: process.user.gid, groups });
    let permitted = have(wanted.permitted);
    let inheritable = have(wanted.inheritable);
    steps.push(Step::SetCapabilities {
        sets: CapabilitySets {
            effective: have(wanted.effective) & permitted,
            permitted,
            inheritable,
            ambient: have(wanted.ambient) & permitted & inheritable,
        },
    });
    if process.no_new_privileges {
        steps.push(Step::NoNewPrivileges);
    }
    steps.push(Step::SetUmask { mask: process.user.umask.unwrap_or(USUAL_UMASK) });
    if situation.options.die_with_parent {
        steps.push(Step::DieWithParent);
    }
    seccomp::add(&mut steps, filter, process.no_new_privileges);
    steps
}
