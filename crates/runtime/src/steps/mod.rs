//! How each step is carried out: a file per family. What is decided was decided in the plan; what can only be known
//! now (a file's type, a flag that is locked) is settled inside the step.

pub(crate) mod attributes;
pub(crate) mod cgroup;
pub(crate) mod copyup;
pub(crate) mod devices;
pub(crate) mod idmaps;
pub(crate) mod masks;
pub(crate) mod mounts;
pub(crate) mod namespaces;
pub(crate) mod network;
pub(crate) mod privileges;
pub(crate) mod rdt;
pub(crate) mod root;
pub(crate) mod streams;
pub(crate) mod take;
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_cgroups::{Cgroup, Entrance, Layout, RdtRecord};
use holm_mounts::{Detached, Root, Scratch};
use holm_namespaces::Namespace;
use holm_plan::{Slot, Step};
use holm_spec::{Hook, HookKind};
use rustix::process::Pid;

use crate::error::StepError;
use crate::hooks::Told;

pub(crate) type StepResult = Result<(), StepError>;

/// What the parent's steps work on.
pub(crate) struct ParentBench<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) cgroup: Option<Cgroup>,
    /// The container's process to join, for an exec.
    pub(crate) target: Option<OwnedFd>,
    /// The child, once it is there.
    pub(crate) child: Option<Pid>,
    /// Mounts that were taken for the child.
    pub(crate) taken: Vec<(Slot, OwnedFd)>,
    /// Network devices that became the container's.
    pub(crate) network: Option<network::Moves>,
    /// The group of resctrl.
    pub(crate) rdt: Option<RdtRecord>,
    /// What hooks hear.
    pub(crate) told: Option<Told>,
    /// The PID namespace that this process is in, once its children are to be born in another.
    pub(crate) own_pids: Option<Namespace>,
    /// The oom_score_adj that this process had before it took that of the child.
    pub(crate) score: Option<String>,
}

impl ParentBench<'_> {
    /// Carries out a step of the parent.
    pub(crate) fn run(&mut self, step: &Step) -> StepResult {
        match step {
            Step::CreateCgroup { path } => cgroup::create(self, path),
            Step::StartUnit { scope, properties } => cgroup::start_unit(self, scope, properties),
            Step::SetLimits { resources } => cgroup::limit(self, resources),
            Step::AllowDevices { policy } => cgroup::allow_devices(self, policy),
            Step::DelegateCgroup { uid } => cgroup::delegate(self, *uid),
            Step::MakeRdtGroup { group } => rdt::make(self, group),
            Step::EnterRdtGroup => rdt::enter(self),
            Step::JoinNamespace { kind, path } => namespaces::join_for_child(self, *kind, path),
            Step::JoinProcess { kinds } => namespaces::join_process(self.target.as_ref(), *kinds),
            Step::WriteIdMaps { uids, gids, writer } => idmaps::write(self, uids, gids, *writer),
            Step::TakeMount { slot, path, recursive, idmap, follow } => take::by_parent(
                self,
                *slot,
                &take::Source { path, recursive: *recursive, follow: *follow },
                idmap.as_ref(),
            ),
            Step::MoveNetDevice { device, name, into } => {
                network::move_device(self, device, name, into.as_deref())
            }
            Step::SetOomScoreAdj { score, required } => {
                attributes::set_oom_score_adj(self, *score, *required)
            }
            Step::GiveStreams { uid } => streams::give(*uid),
            Step::RunHook { kind, hook } => {
                let told = self.told.as_ref().ok_or_else(|| misplaced(step))?;
                told.run(*kind, hook, self.child.map(|pid| pid.as_raw_nonzero().get()))
            }
            other => Err(misplaced(other)),
        }
    }

    /// The child that the step is for.
    pub(crate) fn child(&self) -> Result<Pid, StepError> {
        self.child.ok_or_else(|| StepError::new("there is no child yet"))
    }
}

/// What the child's steps work on.
pub(crate) struct ChildBench {
    /// The host's /proc, verified, from before any mount of the container.
    pub(crate) proc: Option<OwnedFd>,
    /// Where the offsets of this process's clocks are written, opened while it could be.
    pub(crate) clocks: Option<OwnedFd>,
    pub(crate) entrance: Option<Entrance>,
    /// The container's process to join, for an exec.
    pub(crate) target: Option<OwnedFd>,
    /// The connection over which the terminal's master goes out.
    pub(crate) console_socket: Option<OwnedFd>,
    /// Mounts that were taken and wait for their place.
    pub(crate) taken: BTreeMap<Slot, Detached>,
    pub(crate) root: Option<Root>,
    /// Whether the root is attached nowhere.
    pub(crate) detached: bool,
    /// Mounts that are in their places, by what the configuration calls those.
    pub(crate) placed: BTreeMap<PathBuf, Detached>,
    /// What takes the writes to overlays.
    pub(crate) scratch: Option<Scratch>,
    /// The terminal's other side.
    pub(crate) terminal: Option<OwnedFd>,
    /// Whether the terminal becomes this process's, or that of the program under its init.
    pub(crate) takes_terminal: bool,
    /// Who gets the listener of the filter.
    pub(crate) agent: Option<crate::seccomp::Agent>,
    /// The filter that is loaded right before the command.
    pub(crate) filter: Option<crate::seccomp::Waiting>,
    /// What covers masked files and directories, made when the first is masked.
    pub(crate) covers: masks::Covers,
    /// What hooks hear.
    pub(crate) told: Option<Told>,
}

impl ChildBench {
    /// Carries out a step of the child.
    pub(crate) fn run(&mut self, step: &Step) -> StepResult {
        match step {
            Step::EnterCgroup => cgroup::enter(&mut self.entrance),
            Step::JoinNamespace { kind, path } => namespaces::join(*kind, path),
            Step::JoinProcess { kinds } => namespaces::join_process(self.target.as_ref(), *kinds),
            Step::TakeIds { ids } => namespaces::take_ids(*ids),
            Step::UnshareCgroup => namespaces::unshare_cgroup(),
            Step::UnshareTime { offsets } => namespaces::unshare_time(self, offsets),
            Step::SetHostname { name } => namespaces::set_hostname(name),
            Step::SetDomainname { name } => namespaces::set_domainname(name),
            Step::LoopbackUp => Ok(holm_network::loopback_up()?),
            Step::WriteSysctl { path, value } => namespaces::write_sysctl(self, path, value),
            Step::OpenTerminal { size, console } => terminal::open(self, *size, *console),
            _ => self.run_mounts(step),
        }
    }

    fn run_mounts(&mut self, step: &Step) -> StepResult {
        match step {
            Step::TakeMount { slot, path, recursive, follow, .. } => {
                take::by_child(self, *slot, &take::Source { path, recursive: *recursive, follow: *follow })
            }
            Step::SeverMounts => root::sever(),
            Step::MakeRoot { path, attach, source, change } => {
                root::make(self, attach.then_some(path), source, change)
            }
            Step::MountOverlay { path, change } => root::overlay(self, path, change),
            Step::MountFilesystem { destination, fstype, source, options, change, symlinks, inherits } => {
                let (source, inherits) = (source.as_deref(), *inherits);
                let filesystem = mounts::Filesystem { fstype, source, options, inherits };
                mounts::filesystem(
                    self,
                    &filesystem,
                    &mounts::Place { destination, symlinks: *symlinks, change },
                )
            }
            Step::AttachMount { slot, destination, change, symlinks, copy_link } => {
                let place = mounts::Place { destination, symlinks: *symlinks, change };
                mounts::attach(self, *slot, &place, *copy_link)
            }
            Step::MakeDevice { device, own_mount, default } => {
                devices::make(self, device, *own_mount, *default)
            }
            Step::BindDevice { device } => devices::bind(self, device),
            Step::MakeSymlink { path, target, replace } => {
                let root = self.root()?.strict();
                let make = if *replace { Root::replace_by_symlink } else { Root::make_symlink };
                Ok(make(&root, target, path)?)
            }
            Step::MakeDirectory { path } => mounts::make_directory(self, path),
            Step::MaskPath { path } => masks::mask(self, path),
            Step::ReadonlyPath { path } => masks::readonly(self, path),
            Step::Reconfigure { path, options, change } => mounts::reconfigure(self, path, options, change),
            Step::ChangeMount { path, change } => mounts::change(self, path, change),
            Step::EnterRoot { by } => root::enter(self, *by),
            Step::RunHook { kind, hook } => self.run_hook(step, *kind, hook),
            _ => self.run_privileges(step),
        }
    }

    fn run_privileges(&mut self, step: &Step) -> StepResult {
        match step {
            Step::NewKeyring => privileges::new_keyring(),
            Step::GiveStreams { uid } => streams::give(*uid),
            Step::NewSession { terminal_owner } => terminal::new_session(self, *terminal_owner),
            Step::SetRlimit { resource, limit } => privileges::set_rlimit(*resource, *limit),
            Step::NoNewPrivileges => privileges::no_new_privileges(),
            Step::DropBounding { keep } => privileges::drop_bounding(*keep),
            Step::SetIds { uid, gid, groups } => privileges::set_ids(self, *uid, *gid, groups.as_deref()),
            Step::SetCapabilities { sets } => privileges::set_capabilities(sets),
            Step::LoadSeccomp { filter, time } => {
                crate::seccomp::load(self, filter, *time).map_err(crate::seccomp::failed)
            }
            Step::SetUmask { mask } => privileges::set_umask(*mask),
            Step::ChangeDirectory { path } => privileges::change_directory(path),
            Step::DieWithParent => privileges::die_with_parent(),
            Step::SetLabel { lsm, label } => attributes::set_label(self.proc.as_ref(), *lsm, label),
            other => attributes::run(other),
        }
    }

    /// In the root, which it can reach by its path on the host too.
    fn run_hook(&self, step: &Step, kind: HookKind, hook: &Hook) -> StepResult {
        let told = self.told.as_ref().ok_or_else(|| misplaced(step))?;
        let own = rustix::process::getpid().as_raw_nonzero().get();
        told.run_in(kind, hook, Some(own), Some(self.root()?.as_fd()))
    }

    /// What takes the writes to overlays.
    pub(crate) fn scratch(&mut self) -> Result<&mut Scratch, StepError> {
        self.scratch.as_mut().ok_or_else(|| StepError::new("there is no scratch space yet"))
    }

    /// The root that the process sees in the end: the one that is being made, or for an exec that of the mount namespace
    /// that it has joined by now.
    pub(crate) fn final_root(&self) -> Result<Root, StepError> {
        match &self.root {
            Some(root) => Ok(root.strict()),
            None => Ok(Root::open(Path::new("/"))?.strict()),
        }
    }

    /// The root that the mounts go into.
    pub(crate) fn root(&self) -> Result<&Root, StepError> {
        self.root.as_ref().ok_or_else(|| StepError::new("there is no root yet"))
    }
}

fn misplaced(step: &Step) -> StepError {
    StepError::new(format!("the plan has {step:?} in a phase where nobody can carry it out"))
}
