//! The decisions, in the order of the phases.

use holm_namespaces::Kind;
use holm_spec::Spec;

use crate::{
    CloneStep, Command, Error, HostFacts, Idmap, Plan, Slot, Step, attributes, cgroups, filesystem, hooks,
    namespaces, privileges, rdt, seccomp, streams,
};

/// Decides what will be done to make container `id` of `spec` on the host of `facts`.
///
/// # Errors
///
/// When the host cannot give what the configuration asks for, with what to do about it.
pub fn plan(id: &str, spec: &Spec, facts: &HostFacts, options: &Options) -> Result<Plan, Error> {
    namespaces::check(spec, facts)?;
    let mut draft = Draft::new(spec, facts);
    draft.no_pivot = options.no_pivot;
    cgroups::decide(&mut draft, id, options.cgroups)?;
    namespaces::decide(&mut draft)?;
    rdt::decide(&mut draft, id)?;
    filesystem::decide(&mut draft)?;
    let mut plan = draft.finish(id, spec);
    hooks::decide(&spec.hooks, &mut plan);
    if let Some(process) = &spec.process {
        let filter = seccomp::filter(spec.linux.seccomp.as_ref())?;
        let situation = privileges::Situation::of(process, spec, facts, options);
        plan.adopt.extend(streams::by_parent(process, situation.owner_outside));
        plan.privileges = privileges::steps(process, &situation, filter.as_ref());
        plan.command = Some(Command {
            args: process.args.clone(),
            env: process.env.clone(),
            init: spec.init,
            terminal: process.terminal,
        });
    }
    attributes::decide(spec, facts, &mut plan)?;
    Ok(plan)
}

/// What the caller asks for beyond the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The container ends when its parent does.
    pub die_with_parent: bool,
    /// The session keyring of the caller is kept.
    pub keep_keyring: bool,
    /// The root is entered without pivot_root(2), for a host whose root is an initramfs.
    pub no_pivot: bool,
    /// Who makes the cgroup.
    pub cgroups: CgroupDriver,
}

/// Who makes the container's cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CgroupDriver {
    /// Holm, in the hierarchies themselves; none is made for an ordinary user to whom none is delegated.
    #[default]
    Files,
    /// The same for root too: none is made where none is delegated.
    FilesIfDelegated,
    /// The same, and where none can be made there is no container.
    FilesAlways,
    /// systemd, as a unit of its own: the machine's for its root, else the caller's.
    Systemd,
    /// Nobody: the container stays in the cgroup of its creator.
    Disabled,
}

/// How a mount of the host is taken.
pub(crate) struct Taking {
    /// With all below it.
    pub(crate) recursive: bool,
    pub(crate) idmap: Option<Idmap>,
    /// A link at the end of its path is followed.
    pub(crate) follow: bool,
}

impl Taking {
    /// As it is, with all below it or alone.
    pub(crate) fn plainly(recursive: bool) -> Self {
        Self { recursive, idmap: None, follow: true }
    }
}

/// A plan in the making.
pub(crate) struct Draft<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) facts: &'a HostFacts,
    pub(crate) prepare: Vec<Step>,
    pub(crate) clone: CloneStep,
    pub(crate) adopt: Vec<Step>,
    /// Mounts that the child itself takes: before it severs its mounts from the host's.
    pub(crate) take: Vec<Step>,
    pub(crate) isolate: Vec<Step>,
    pub(crate) root: Vec<Step>,
    pub(crate) confine: Vec<Step>,
    /// What comes after the hooks, which see the root as it is mounted and may still mount into it.
    pub(crate) enter: Vec<Step>,
    pub(crate) undo: Vec<Step>,
    /// Whether something keeps a node that is made inside from opening a device of the host: a user namespace, in which
    /// nobody can make one and those that are there have the host's permissions; or the device rules of a cgroup.
    pub(crate) nodes_guarded: bool,
    /// The root is not entered by pivot_root(2).
    pub(crate) no_pivot: bool,
    slots: Slot,
}

impl<'a> Draft<'a> {
    fn new(spec: &'a Spec, facts: &'a HostFacts) -> Self {
        Self {
            spec,
            facts,
            prepare: Vec::new(),
            clone: CloneStep {
                namespaces: holm_namespaces::Kinds::default(),
                into_cgroup: false,
                between: Vec::new(),
            },
            adopt: Vec::new(),
            take: Vec::new(),
            isolate: Vec::new(),
            root: Vec::new(),
            confine: Vec::new(),
            enter: Vec::new(),
            undo: Vec::new(),
            nodes_guarded: spec.linux.namespaces.contains_key(&Kind::User),
            no_pivot: false,
            slots: 0,
        }
    }

    /// Whether the container gets a user namespace of its own.
    pub(crate) fn new_user_namespace(&self) -> bool {
        self.spec.linux.is_new(Kind::User)
    }

    /// Takes a mount of the host: by the parent where the child, root of a lesser user namespace, might not reach the
    /// path or keep its propagation; by the child where the parent may not.
    pub(crate) fn take_mount(&mut self, path: &std::path::Path, how: Taking) -> Slot {
        let slot = self.slots;
        self.slots += 1;
        let across = self.spec.linux.namespaces.contains_key(&Kind::User) && self.facts.privileged();
        // Namespaces for the maps of a mount are made by the parent.
        let by_parent = across || how.idmap.as_ref().is_some_and(|idmap| idmap.maps.is_some());
        let Taking { recursive, idmap, follow } = how;
        let step = Step::TakeMount { slot, path: path.to_owned(), recursive, idmap, follow };
        if by_parent {
            self.adopt.push(step);
        } else {
            self.take.push(step);
        }
        slot
    }

    fn finish(self, id: &str, spec: &Spec) -> Plan {
        Plan {
            id: id.to_owned(),
            bundle: spec.bundle.clone(),
            prepare: self.prepare,
            clone: self.clone,
            adopt: self.adopt,
            isolate: self.isolate,
            root: self.take.into_iter().chain(self.root).collect(),
            hooks: Vec::new(),
            enter: self.enter,
            privileges: Vec::new(),
            start: Vec::new(),
            started: Vec::new(),
            command: None,
            confine: self.confine,
            undo: self.undo,
        }
    }
}
