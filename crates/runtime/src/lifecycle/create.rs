//! create.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use holm_cgroups::{Cgroup, CgroupPath, RdtRecord};
use holm_plan::{CgroupDriver, HostFacts, Options, Phase, Plan, Step};
use holm_spec::Spec;
use holm_state::{Locked, ProcessId, Record, Root, Status};
use rustix::process::Pid;

use crate::create::handshake::Working;
use crate::create::parent::{self, Birth, Made, system};
use crate::create::program::Program;
use crate::create::{ChildOrders, Start};
use crate::error::Error;
use crate::hooks::{self, Told};
use crate::lifecycle::delete::destroy;
use crate::lifecycle::hand_out::{connect_console, send_pidfd, write_pid_file};
use crate::lifecycle::room;
use crate::lifecycle::start::executed;
use crate::observer::Observer;
use crate::probe::probe_for;
use crate::report::Narrator;
use crate::seccomp::Agent;
use crate::steps::network::Moves;
use crate::steps::{ParentBench, namespaces};

/// How long a cgroup may take to become empty once its processes are killed.
pub(crate) const CGROUP_PATIENCE: Duration = Duration::from_secs(10);

/// What [`create`] is asked for.
#[derive(Debug, Clone, Copy)]
pub struct CreateRequest<'a> {
    /// The container's id.
    pub id: &'a str,
    /// The bundle.
    pub bundle: &'a Path,
    /// The file with its configuration, from the bundle on; otherwise `config.json`.
    pub config_file: Option<&'a Path>,
    /// What is in that file, for who knows it: it is not read again then.
    pub config: Option<&'a oci_spec::runtime::Spec>,
    /// A listening UNIX stream socket that takes the master of the terminal; needed when the process has one.
    pub console_socket: Option<&'a Path>,
    /// A file that gets the pid of the container's process.
    pub pid_file: Option<&'a Path>,
    /// Whether the container ends with the calling process.
    pub die_with_parent: bool,
    /// The session keyring of the caller is the container's too.
    pub keep_keyring: bool,
    /// The root is entered without pivot_root(2): where the host's is an initramfs.
    pub no_pivot: bool,
    /// A listening UNIX stream socket that takes a pidfd of the container's process.
    pub pidfd_socket: Option<&'a Path>,
    /// The descriptors behind the standard streams that the command inherits (`holm_sys::inherit`).
    pub preserved: &'a [u32],
    /// Who makes the cgroup.
    pub cgroups: CgroupDriver,
}

impl<'a> CreateRequest<'a> {
    /// For container `id` of `bundle`, with nothing asked for beyond it.
    pub fn new(id: &'a str, bundle: &'a Path) -> Self {
        Self {
            id,
            bundle,
            config_file: None,
            config: None,
            console_socket: None,
            pid_file: None,
            die_with_parent: false,
            keep_keyring: false,
            no_pivot: false,
            pidfd_socket: None,
            preserved: &[],
            cgroups: CgroupDriver::default(),
        }
    }

    fn spec(&self) -> Result<Spec, Error> {
        match self.config {
            Some(config) => Ok(Spec::check(config, self.bundle)?),
            None => {
                let (config, notes) = holm_spec::read_config(&self.config_path())?;
                let mut spec = Spec::check(&config, self.bundle)?;
                spec.notes.extend(notes);
                Ok(spec)
            }
        }
    }

    /// Where its configuration is.
    pub fn config_path(&self) -> PathBuf {
        self.bundle.join(self.config_file.unwrap_or(Path::new(holm_spec::CONFIG)))
    }

    fn options(&self) -> Options {
        Options {
            die_with_parent: self.die_with_parent,
            keep_keyring: self.keep_keyring,
            no_pivot: self.no_pivot,
            cgroups: self.cgroups,
        }
    }
}

/// A process that was made: a child of the caller.
#[derive(Debug)]
pub struct Container {
    /// Its pid.
    pub pid: Pid,
    /// Its pidfd: it is readable when the process has ended, and waitid(2) takes its status.
    pub pidfd: OwnedFd,
}

/// The plan for a bundle on this host; nothing is made.
///
/// # Errors
///
/// As [`create`] has before it makes anything.
pub fn plan(request: &CreateRequest<'_>) -> Result<Plan, Error> {
    holm_state::check_id(request.id)?;
    let spec = request.spec()?;
    Ok(holm_plan::plan(request.id, &spec, &probe_for(&spec)?, &request.options())?)
}

/// Makes a container. Its process waits for [`crate::start`].
///
/// # Errors
///
/// With the step that failed; nothing is left behind then.
pub fn create(
    root: &Root,
    request: &CreateRequest<'_>,
    observer: &mut dyn Observer,
) -> Result<Container, Error> {
    make(root, request, Mode::Create, observer)
}

/// Makes a container and lets it run its command: [`create`] and [`crate::start`] without anything in between.
///
/// # Errors
///
/// As both of them; nothing is left behind then.
pub fn run(
    root: &Root,
    request: &CreateRequest<'_>,
    observer: &mut dyn Observer,
) -> Result<Container, Error> {
    make(root, request, Mode::Run, observer)
}

/// How far it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Run,
}

fn make(
    root: &Root,
    request: &CreateRequest<'_>,
    mode: Mode,
    observer: &mut dyn Observer,
) -> Result<Container, Error> {
    let spec = request.spec()?;
    spec.notes.iter().for_each(|note| observer.note(note));
    let facts = probe_for(&spec)?;
    let plan = holm_plan::plan(request.id, &spec, &facts, &request.options())?;
    if mode == Mode::Create {
        room::check(&plan, request.preserved)?;
    }
    let entry = root.create_entry(request.id)?.lock()?;
    let work = Work { spec: &spec, facts: &facts, plan: &plan, request, mode, entry: &entry };
    let mut record = work.first_record();
    match work.make(&mut record, observer) {
        Ok(container) if mode == Mode::Run && !record.hooks.poststart.is_empty() => {
            // A hook may want to do something with the container, for which nobody must hold it.
            drop(entry);
            run_poststart(root, container, &record, observer)
        }
        Ok(container) => Ok(container),
        Err((error, left)) => {
            // What failed is what the caller hears of; what cannot be removed either, the next deletion finds.
            if left == Left::Nothing && entry.remove().is_ok() {
                hooks::poststop(&record, observer);
            }
            Err(error)
        }
    }
}

fn run_poststart(
    root: &Root,
    container: Container,
    record: &Record,
    observer: &mut dyn Observer,
) -> Result<Container, Error> {
    match hooks::poststart(record) {
        Ok(()) => Ok(container),
        Err(error) => {
            parent::end(&container.pidfd);
            destroy(root, &record.id, observer);
            Err(error)
        }
    }
}

/// A creation under way.
struct Work<'a> {
    spec: &'a Spec,
    facts: &'a HostFacts,
    plan: &'a Plan,
    request: &'a CreateRequest<'a>,
    mode: Mode,
    entry: &'a Locked,
}

impl Work<'_> {
    fn make(&self, record: &mut Record, observer: &mut dyn Observer) -> Result<Container, (Error, Left)> {
        self.entry.write(record).map_err(|error| (error.into(), Left::Nothing))?;
        let phases = self.plan.phases().into_iter().filter(|(phase, _)| *phase != Phase::Undo);
        let mut narrator = Narrator::new(phases.collect(), self.facts, observer);
        let mut bench = ParentBench {
            layout: &self.facts.cgroups.layout,
            cgroup: None,
            target: None,
            child: None,
            taken: Vec::new(),
            own_pids: None,
            score: None,
            network: None,
            rdt: None,
            told: (!self.spec.hooks.is_empty()).then(|| Told::of(record)),
        };
        let made = self.run(&mut bench, record, &mut narrator).and_then(|made| self.settle(made, record));
        made.map_err(|error| {
            let lost = bench.network.take().map(Moves::put_back).unwrap_or_default();
            lost.iter().for_each(|lost| observer.note(lost));
            // For hooks that run because of it, where the clone was not reached.
            let _ = namespaces::return_to_own_pids(&mut bench);
            (error, undo(&self.plan.undo, &bench))
        })
    }

    fn run(
        &self,
        bench: &mut ParentBench<'_>,
        record: &mut Record,
        narrator: &mut Narrator<'_>,
    ) -> Result<Made, Error> {
        parent::run_phase(bench, Phase::Prepare, &self.plan.prepare, narrator)?;
        if bench.rdt.is_some() {
            record.rdt.clone_from(&bench.rdt);
            self.entry.write(record)?;
        }
        let orders = ChildOrders {
            phases: vec![
                (Phase::Isolate, self.plan.isolate.as_slice()),
                (Phase::Root, self.plan.root.as_slice()),
                (Phase::Enter, self.plan.enter.as_slice()),
                (Phase::Privileges, self.plan.privileges.as_slice()),
            ],
            command: self.plan.command.as_ref(),
            watched: narrator.watched(),
            awaits_maps: self.plan.adopt.iter().any(|step| matches!(step, Step::WriteIdMaps { .. })),
            entrance: entrance(bench, &self.plan.isolate)?,
            target: None,
            console_socket: self.request.console_socket.map(connect_console).transpose()?,
            inherited: self.request.preserved,
            awaits_hooks: !self.plan.hooks.is_empty(),
            start_hooks: &self.plan.start,
            told: bench.told.clone(),
            procfs: None,
            agent: Agent::connect(&self.plan.privileges, record, false)?,
            start: Some(self.start()?),
        };
        let born = |bench: &ParentBench<'_>, pid: Pid, working: &Working| {
            self.write_born(bench, pid, record)?;
            match self.mode {
                Mode::Create => Ok(()),
                Mode::Run if self.confines() => Ok(()),
                // It hears this when it is made, and goes on without waiting for anybody.
                Mode::Run => working.recorded_ahead().map_err(not_let_go),
            }
        };
        let birth = Birth { clone: &self.plan.clone, adopt: &self.plan.adopt, hooks: &self.plan.hooks };
        let made = parent::make(&birth, orders, bench, narrator, born)?;
        self.confine(&made, bench, narrator).inspect_err(|_| parent::end(&made.pidfd))?;
        Ok(made)
    }

    /// Whether something is done when the child is ready, so that it has to wait for it.
    fn confines(&self) -> bool {
        !self.plan.confine.is_empty()
    }

    /// What is done when the child is ready.
    fn confine(
        &self,
        made: &Made,
        bench: &mut ParentBench<'_>,
        narrator: &mut Narrator<'_>,
    ) -> Result<(), Error> {
        parent::run_phase(bench, Phase::Confine, &self.plan.confine, narrator)?;
        if self.confines() && self.mode == Mode::Run {
            made.working.recorded().map_err(not_let_go)?;
        }
        Ok(())
    }

    /// Whether hooks run before it is made: what they see is a container that is being created.
    fn awaits_hooks(&self) -> bool {
        !self.plan.hooks.is_empty() || !self.spec.hooks.create_container.is_empty()
    }

    /// What the child waits for, and what it becomes while it waits.
    fn start(&self) -> Result<Start, Error> {
        let failed = |error| system("prepare the container's init", error);
        let own = self.request.die_with_parent.then(|| parent::open_pidfd(rustix::process::getpid()));
        Ok(Start {
            listener: (self.mode == Mode::Create).then(|| self.entry.listen_start_socket()).transpose()?,
            program: Program::in_memory().map_err(failed)?,
            parent: own.transpose().map_err(failed)?,
        })
    }

    /// Writes down what there is while the child makes the rest of it.
    fn write_born(&self, bench: &ParentBench<'_>, pid: Pid, record: &mut Record) -> Result<(), Error> {
        let unknown = || Error::new("cannot find the container's process in /proc");
        record.process = Some(ProcessId::of(pid).ok_or_else(unknown)?);
        if self.mode == Mode::Run && !self.awaits_hooks() {
            // It is started as soon as it is ready, and whoever wants more of it than its pid waits for the lock.
            record.status = Status::Created;
        }
        record.cgroup = bench.cgroup.as_ref().map(Cgroup::to_record);
        record.expected_cgroup = None;
        Ok(self.entry.write(record)?)
    }

    /// Writes down what was made, and lets it go on. The child is killed if that fails: nobody could find it again.
    fn settle(&self, made: Made, record: &mut Record) -> Result<Container, Error> {
        let settled = match self.mode {
            Mode::Create => {
                self.write_created(&made, record).and_then(|()| made.working.recorded().map_err(not_let_go))
            }
            Mode::Run => self.write_running(&made, record),
        };
        match settled {
            Ok(()) => Ok(Container { pid: made.pid, pidfd: made.pidfd }),
            Err(error) => {
                parent::end(&made.pidfd);
                Err(error)
            }
        }
    }

    fn write_created(&self, made: &Made, record: &mut Record) -> Result<(), Error> {
        record.status = Status::Created;
        self.entry.write(record)?;
        self.hand_out(made)
    }

    fn write_running(&self, made: &Made, record: &mut Record) -> Result<(), Error> {
        self.hand_out(made)?;
        executed(made.working.hear_refusal())?;
        record.status = Status::Running;
        Ok(self.entry.write(record)?)
    }

    /// Its pid and its pidfd, to who asked for them.
    fn hand_out(&self, made: &Made) -> Result<(), Error> {
        self.request.pid_file.map_or(Ok(()), |path| write_pid_file(path, made.pid))?;
        self.request.pidfd_socket.map_or(Ok(()), |path| send_pidfd(path, &made.pidfd))
    }

    /// The filter, which processes that come later get as well.
    fn filter(&self) -> Option<holm_seccomp::Filter> {
        self.plan.privileges.iter().find_map(|step| match step {
            Step::LoadSeccomp { filter, .. } => Some((**filter).clone()),
            _ => None,
        })
    }

    /// Written down before it is made: who is killed right after making it has had no time to.
    /// A unit of systemd goes with its processes, but not what is made beside it in hierarchies of v1.
    fn expected_cgroup(&self) -> Option<holm_cgroups::Record> {
        let path = self.plan.prepare.iter().chain(&self.plan.adopt).find_map(|step| match step {
            Step::CreateCgroup { path } => Some(path.clone()),
            Step::StartUnit { scope, .. } => CgroupPath::parse(&scope.unit.path()).ok(),
            _ => None,
        });
        path.map(|path| Cgroup::expected(&self.facts.cgroups.layout, &path))
    }

    /// The same for what is made of a group of resctrl.
    fn expected_rdt(&self) -> Option<RdtRecord> {
        self.plan.prepare.iter().find_map(|step| match step {
            Step::MakeRdtGroup { group } => Some(group.expected()),
            _ => None,
        })
    }

    fn first_record(&self) -> Record {
        Record {
            id: self.request.id.to_owned(),
            status: Status::Creating,
            process: ProcessId::of(rustix::process::getpid()),
            init: self.spec.init,
            bundle: self.spec.bundle.clone(),
            config: std::path::absolute(self.request.config_path()).unwrap_or_default(),
            rootfs: self.spec.root.path.clone(),
            chrooted: !self.spec.linux.is_new(holm_namespaces::Kind::Mount),
            created: humantime::format_rfc3339_nanos(SystemTime::now()).to_string(),
            owner: rustix::process::geteuid().as_raw(),
            annotations: self.spec.annotations.clone(),
            cgroup: None,
            expected_cgroup: self.expected_cgroup(),
            rdt: self.expected_rdt(),
            check_before_update: self.spec.linux.limits.resources.memory.check_before_update,
            oci_version: self.spec.version.clone(),
            surroundings: self.spec.linux.surroundings.clone(),
            seccomp: self.filter(),
            hooks: self.spec.hooks.later(),
        }
    }
}

fn not_let_go(error: holm_sys::Error) -> Error {
    system("let the container's process go on", error)
}

/// The files by which the child enters its v1 cgroups, opened while that is permitted.
fn entrance(bench: &ParentBench<'_>, isolate: &[Step]) -> Result<Option<holm_cgroups::Entrance>, Error> {
    match &bench.cgroup {
        Some(cgroup) if isolate.contains(&Step::EnterCgroup) => {
            cgroup.entrance().map(Some).map_err(|error| system("open the container's cgroup", error))
        }
        _ => Ok(None),
    }
}

/// What is there of a container that was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    Group,
}

/// What the parent made goes again; errors have nobody to go to, as there is one already.
fn undo(steps: &[Step], bench: &ParentBench<'_>) -> Left {
    let cgroup = bench.cgroup.as_ref().filter(|_| steps.contains(&Step::RemoveCgroup));
    let removed = cgroup.map(|cgroup| {
        let killed = cgroup.kill_all(CGROUP_PATIENCE);
        killed.and(cgroup.delete(CGROUP_PATIENCE))
    });
    // Processes that are left in there are no hindrance.
    let rdt = bench.rdt.as_ref().map_or(Ok(()), RdtRecord::remove);
    match (removed, rdt) {
        (None | Some(Ok(())), Ok(())) => Left::Nothing,
        _ => Left::Group,
    }
}
