//! The commands.

mod create;
mod events;
mod exec;
mod features;
mod handles;
mod lifecycle;
mod list;
mod pause;
mod ps;
mod spec;
mod update;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use holm_plan::CgroupDriver;
use holm_runtime::{Error, Observer, Result};
use holm_state::Root;

pub use create::PlanFormat;

use crate::lazy::Lazy;
use crate::log::{Format, Level, Log};
use crate::output::Narrator;

/// Act as an OCI runtime
///
/// The operations of the OCI runtime specification on bundles, with the command line of runc.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Oci {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    operation: Operation,
}

/// What is said before the command.
#[derive(Debug, Args)]
struct Global {
    /// The directory of the states [default: the run directory of this user]
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,

    /// A file that gets what fails, and with --debug each step
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How the log is written
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: Format,

    /// What is written to the log
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: Level,

    /// Tell each step: in the log where there is one, else on standard error
    #[arg(long)]
    debug: bool,

    /// Have systemd make the cgroups of containers, as units: the same as --cgroup-manager=systemd
    #[arg(long)]
    systemd_cgroup: bool,

    /// Who makes the cgroups of containers
    #[arg(long, value_name = "WHO", default_value = "cgroupfs")]
    cgroup_manager: CgroupManager,

    /// Do without a cgroup where none can be made (true), or never (false) [auto: as an ordinary user]
    #[arg(long, value_name = "BOOL", default_value = "auto")]
    rootless: Rootless,

    /// Accepted as runc has it: nothing is checkpointed yet
    #[arg(long, value_name = "PATH", hide = true)]
    criu: Option<PathBuf>,
}

/// Whether a container may be without a cgroup that its creator may not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rootless {
    /// Where the caller is an ordinary user.
    Auto,
    /// Whoever it is.
    True,
    /// Whoever it is not.
    False,
}

/// Who makes the cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CgroupManager {
    /// Holm, in the file systems of the cgroups.
    Cgroupfs,
    /// systemd, which is asked for a unit; linux.cgroupsPath is SLICE:PREFIX:NAME then.
    Systemd,
    /// Nobody: containers stay in the cgroup of their creator.
    Disabled,
}

impl Global {
    fn driver(&self) -> CgroupDriver {
        match (self.systemd_cgroup, self.cgroup_manager, self.rootless) {
            (true, ..) | (_, CgroupManager::Systemd, _) => CgroupDriver::Systemd,
            (_, CgroupManager::Disabled, _) => CgroupDriver::Disabled,
            (_, CgroupManager::Cgroupfs, Rootless::Auto) => CgroupDriver::Files,
            (_, CgroupManager::Cgroupfs, Rootless::True) => CgroupDriver::FilesIfDelegated,
            (_, CgroupManager::Cgroupfs, Rootless::False) => CgroupDriver::FilesAlways,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Operation {
    /// Make a container; its process waits for its start
    Create(Lazy<create::Create>),
    /// Let the process of a container run its command
    Start(Lazy<lifecycle::Start>),
    /// Make and start a container, wait for its end, and delete it
    Run(Lazy<create::Run>),
    /// Print the state of a container as JSON
    State(Lazy<list::OneState>),
    /// Send a signal to a container
    Kill(Lazy<lifecycle::Kill>),
    /// Remove a container that has stopped
    Delete(Lazy<lifecycle::Delete>),
    /// Run a further process in a container
    Exec(Lazy<exec::Exec>),
    /// Stop the processes of a container where they are
    Pause(Lazy<pause::Pause>),
    /// Let the processes of a paused container go on
    Resume(Lazy<pause::Resume>),
    /// Change what a container may use
    Update(Lazy<update::Update>),
    /// List the processes of a container
    Ps(Lazy<ps::Ps>),
    /// Tell what a container uses, and when it had too little memory
    Events(Lazy<events::Events>),
    /// List the containers
    List(Lazy<list::List>),
    /// Write a configuration to start from
    Spec(Lazy<spec::Template>),
    /// Check a bundle, and name everything that is wrong with it
    Verify(Lazy<verify::Verify>),
    /// Print what this runtime can do, as JSON
    Features(Lazy<features::Features>),
    /// Not there yet: save a container to disk
    Checkpoint(Lazy<NotYet>),
    /// Not there yet: go on with a saved container
    Restore(Lazy<NotYet>),
}

/// What a command works with.
struct Bench<'a> {
    root: Root,
    cgroups: CgroupDriver,
    /// Descriptors that the command gets.
    inherited: &'a [u32],
    narrator: &'a mut Narrator,
}

impl Oci {
    /// Whether a process that this program is executed by gets among the processes of a container, whatever container that
    /// is. Where the configuration decides, the command looks to it.
    pub fn is_seen_from_inside(&self) -> bool {
        matches!(self.operation, Operation::Exec(_))
    }

    /// What runc ends with when the command fails: an engine tells by it a failure of exec from the end of its process.
    pub(crate) fn status_of_failure(&self) -> u8 {
        if matches!(self.operation, Operation::Exec(_)) { 255 } else { 1 }
    }

    /// Does what was said, and answers with the exit status. Where [`Self::is_seen_from_inside`], the program has been put
    /// out of reach (`holm_runtime::protect_own_program`) by who calls this.
    ///
    /// # Errors
    ///
    /// What failed; it is in the log already.
    pub fn execute(self, narrator: &mut Narrator) -> Result<u8> {
        // Before anything is opened here: it could have the number of a descriptor that is to be handed on.
        let inherited = holm_sys::inherit(self.preserved());
        self.global.prepare(narrator)?;
        let result = self.operate(&inherited, narrator);
        if let (Err(error), Some(log)) = (&result, narrator.log()) {
            log.error(error);
        }
        result
    }

    /// How many descriptors are to be handed on.
    fn preserved(&self) -> u32 {
        match &self.operation {
            Operation::Create(create) => create.0.preserved(),
            Operation::Run(run) => run.0.preserved(),
            Operation::Exec(exec) => exec.0.preserved(),
            _ => 0,
        }
    }

    fn operate(self, inherited: &[u32], narrator: &mut Narrator) -> Result<u8> {
        let without_root = match self.operation {
            Operation::Spec(template) => return template.0.execute(),
            Operation::Features(features) => return features.0.execute(),
            Operation::Verify(verify) => return verify.0.execute(),
            Operation::Checkpoint(_) => return Err(not_yet("checkpoint")),
            Operation::Restore(_) => return Err(not_yet("restore")),
            operation => operation,
        };
        let root = match &self.global.root {
            Some(path) => Root::open(path)?,
            None => holm_runtime::run_directory()?,
        };
        let mut bench = Bench { root, cgroups: self.global.driver(), inherited, narrator };
        match without_root {
            Operation::Create(create) => create.0.execute(&mut bench),
            Operation::Start(start) => start.0.execute(&mut bench),
            Operation::Run(run) => run.0.execute(&mut bench),
            Operation::State(state) => state.0.execute(&bench),
            Operation::Kill(kill) => kill.0.execute(&mut bench),
            Operation::Delete(delete) => delete.0.execute(&mut bench),
            Operation::Exec(exec) => exec.0.execute(&mut bench),
            Operation::Pause(pause) => pause.0.execute(&bench),
            Operation::Resume(resume) => resume.0.execute(&bench),
            Operation::Update(update) => update.0.execute(&bench),
            Operation::Ps(ps) => ps.0.execute(&bench),
            Operation::Events(events) => events.0.execute(&bench),
            Operation::List(list) => list.0.execute(&bench),
            Operation::Spec(_)
            | Operation::Verify(_)
            | Operation::Features(_)
            | Operation::Checkpoint(_)
            | Operation::Restore(_) => Ok(0),
        }
    }
}

impl Global {
    fn prepare(&self, narrator: &mut Narrator) -> Result<()> {
        let level = if self.debug { self.log_level.max(Level::Debug) } else { self.log_level };
        if self.criu.is_some() {
            narrator.note("--criu does nothing: containers are not checkpointed yet");
        }
        match &self.log {
            Some(path) => narrator.keep_log(Log::open(path, self.log_format, level)?),
            None if level >= Level::Debug => {
                narrator.keep_log(Log::on_standard_error(self.log_format, level)?);
            }
            None => {}
        }
        Ok(())
    }
}

/// The words of a command that is not there yet, whatever they are.
#[derive(Debug, Args)]
struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _words: Vec<String>,
}

fn not_yet(command: &str) -> Error {
    Error::new(format!("cannot {command} a container"))
        .with_cause("this version of Holm does not save and restore containers yet")
        .with_hint("runc and crun do, with CRIU; a container is bound to the runtime that has made it")
}

/// A value as JSON on one line, for programs; lists are so from runc.
fn compact(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n").map_err(|error| Error::new("cannot write JSON").with_cause(error))
}

/// A value as JSON, for people too.
fn json(value: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Error::new("cannot write JSON").with_cause(error))
}
