//! `holm oci`: the operations of the OCI runtime specification, with the options of runc.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use holm_engine::options::SignalNumber;
use holm_engine::{Error, Result, exec_process, run_bundle};
use holm_runtime::{CreateRequest, ExecRequest};
use holm_state::{Root, State};
use holm_sys::Context;

use crate::output::{Narrator, answer};

/// Act as an OCI runtime
///
/// The operations of the OCI runtime specification on bundles, with the command line of runc.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Oci {
    /// The directory of the states [default: the run directory of this user]
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,

    #[command(subcommand)]
    operation: Operation,
}

#[derive(Debug, Subcommand)]
enum Operation {
    /// Make a container; its process waits for its start
    Create(Create),
    /// Let the process of a container run its command
    Start {
        /// The container
        id: String,
    },
    /// Make and start a container, wait for its end, and delete it
    Run(Create),
    /// Print the state of a container as JSON
    State {
        /// The container
        id: String,
    },
    /// Send a signal to a container
    Kill {
        /// To all of its processes
        #[arg(short, long)]
        all: bool,
        /// The container
        id: String,
        /// The signal, by name or number
        #[arg(default_value = "TERM")]
        signal: SignalNumber,
    },
    /// Remove a container that has stopped
    Delete {
        /// Also one that runs
        #[arg(short, long)]
        force: bool,
        /// The container
        id: String,
    },
    /// Run a further process in a container
    Exec(ExecProcess),
    /// List the containers
    List {
        /// Print the ids alone
        #[arg(short, long)]
        quiet: bool,
        /// How to print the list
        #[arg(short, long, default_value = "table")]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For machines.
    Json,
}

#[derive(Debug, Args)]
struct Create {
    /// The directory of the bundle
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    bundle: PathBuf,

    /// A socket that takes the terminal of the container
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    /// A file that gets the pid of the container's process
    #[arg(long, value_name = "PATH")]
    pid_file: Option<PathBuf>,

    /// The container
    id: String,
}

#[derive(Debug, Args)]
struct ExecProcess {
    /// A file with the process as JSON, as in the configuration
    #[arg(short, long, value_name = "FILE")]
    process: PathBuf,

    /// A socket that takes the terminal of the process
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    /// A file that gets the pid of the process
    #[arg(long, value_name = "PATH")]
    pid_file: Option<PathBuf>,

    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,

    /// The container
    id: String,
}

impl Oci {
    /// Whether a process that this program is executed by gets into a container.
    pub(super) fn is_seen_from_inside(&self) -> bool {
        matches!(self.operation, Operation::Create(_) | Operation::Run(_) | Operation::Exec(_))
    }

    pub(super) fn execute(self, narrator: &mut Narrator) -> Result<u8> {
        self.operate(narrator)
    }

    fn operate(&self, narrator: &mut Narrator) -> Result<u8> {
        let root = match &self.root {
            Some(path) => Root::open(path)?,
            None => holm_engine::run_directory()?,
        };
        match &self.operation {
            Operation::Create(create) => drop(holm_runtime::create(&root, &create.request(false), narrator)?),
            Operation::Start { id } => holm_runtime::start(&root, id)?,
            Operation::Run(create) => return run_bundle(&root, &create.request(true), narrator),
            Operation::State { id } => answer(json(&holm_runtime::state(&root, id)?)? + "\n")?,
            Operation::Kill { all, id, signal } => holm_runtime::kill(&root, id, signal.number(), *all)?,
            Operation::Delete { force, id } => holm_runtime::delete(&root, id, *force)?,
            Operation::Exec(exec) => return exec.execute(&root, narrator),
            Operation::List { quiet, format } => answer(list(&holm_runtime::list(&root)?, *quiet, *format)?)?,
        }
        Ok(0)
    }
}

impl Create {
    fn request(&self, die_with_parent: bool) -> CreateRequest<'_> {
        CreateRequest {
            id: &self.id,
            bundle: &self.bundle,
            config: None,
            console_socket: self.console_socket.as_deref(),
            pid_file: self.pid_file.as_deref(),
            die_with_parent,
        }
    }
}

impl ExecProcess {
    fn execute(&self, root: &Root, narrator: &mut Narrator) -> Result<u8> {
        let process = load(&self.process)?;
        let request = ExecRequest {
            id: &self.id,
            process: &process,
            console_socket: self.console_socket.as_deref(),
            pid_file: self.pid_file.as_deref(),
            die_with_parent: !self.detach,
        };
        if !self.detach {
            return exec_process(root, &request, narrator);
        }
        let _left_alone: OwnedFd = holm_runtime::exec(root, &request, narrator)?.pidfd;
        Ok(0)
    }
}

fn load(path: &Path) -> Result<oci_spec::runtime::Process> {
    let failed = || Error::new(format!("cannot read the process {}", path.display()));
    let text =
        std::fs::read(path).call(|| format!("open({path:?})")).map_err(|error| failed().with_cause(error))?;
    serde_json::from_slice(&text).map_err(|error| failed().with_cause(error))
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::new("cannot write JSON").with_cause(error))
}

fn list(states: &[State], quiet: bool, format: Format) -> Result<String> {
    let line = |state: &State| {
        let (id, pid, status, bundle) = (&state.id, state.pid, state.status, state.bundle.display());
        format!("{id:<24} {pid:<10} {status:<10} {bundle}  {}\n", state.created)
    };
    match (quiet, format) {
        (true, _) => Ok(states.iter().map(|state| format!("{}\n", state.id)).collect()),
        (false, Format::Json) => json(&states).map(|text| text + "\n"),
        (false, Format::Table) => {
            let header = format!("{:<24} {:<10} {:<10} BUNDLE  CREATED\n", "ID", "PID", "STATUS");
            Ok(std::iter::once(header).chain(states.iter().map(line)).collect())
        }
    }
}
