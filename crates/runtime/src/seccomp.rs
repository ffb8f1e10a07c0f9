//! The filter of system calls on its way to the process that is put under it, and its listener on its way to the agent.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use holm_init::FilterHead;
use holm_plan::{FilterTime, Step};
use holm_seccomp::{Filter, Listener};
use holm_state::{Record, Status};
use holm_sys::{Context, Errno, Error as CallError};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Serialize;

use crate::descriptors::send_descriptor;
use crate::error::{Error, StepError};
use crate::steps::{ChildBench, StepResult};

/// What the agent is told (runtime-spec, "Container Process State").
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessState {
    oci_version: String,
    fds: [&'static str; 1],
    pid: i32,
    metadata: String,
    state: ContainerState,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerState {
    oci_version: String,
    id: String,
    status: Status,
    pid: i32,
    bundle: PathBuf,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    annotations: HashMap<String, String>,
}

/// Who gets the listener of a filter, and what it is told besides.
#[derive(Debug)]
pub(crate) struct Agent {
    socket: OwnedFd,
    told: ProcessState,
    /// Whether the process is the container's own.
    own: bool,
}

impl Agent {
    /// Connects to the agent of a filter, if it has one. `exec` is for a further process of the container.
    ///
    /// # Errors
    ///
    /// When nobody listens there.
    pub(crate) fn connect(steps: &[Step], record: &Record, exec: bool) -> Result<Option<Self>, Error> {
        let filter = steps.iter().find_map(|step| match step {
            Step::LoadSeccomp { filter, time } => Some((filter.listener.as_ref()?, *time)),
            _ => None,
        });
        let Some((Listener { path, metadata }, time)) = filter else { return Ok(None) };
        let socket = UnixStream::connect(path).map_err(|error| {
            Error::new(format!("cannot connect to the seccomp agent {}", path.display()))
                .with_cause(error)
                .with_hint("linux.seccomp.listenerPath is the socket on which it listens")
        })?;
        let status = match (exec, time) {
            (true, _) => Status::Running,
            (false, FilterTime::WithCapability) => Status::Creating,
            (false, FilterTime::BeforeCommand) => Status::Created,
        };
        let told = ProcessState {
            oci_version: record.oci_version.clone(),
            fds: ["seccompFd"],
            pid: 0,
            metadata: metadata.clone(),
            state: ContainerState {
                oci_version: record.oci_version.clone(),
                id: record.id.clone(),
                status,
                pid: record.process.filter(|_| exec).map_or(0, |process| process.pid),
                bundle: record.bundle.clone(),
                annotations: record.annotations.clone(),
            },
        };
        Ok(Some(Self { socket: socket.into(), told, own: !exec }))
    }

    /// Writes the pid down that the child has outside.
    pub(crate) fn is_for(&mut self, pid: i32) {
        self.told.pid = pid;
        if self.own {
            self.told.state.pid = pid;
        }
    }

    fn message(&self) -> Vec<u8> {
        serde_json::to_vec(&self.told).unwrap_or_default()
    }

    fn send(&self, listener: BorrowedFd<'_>) -> holm_sys::Result<()> {
        send_descriptor(self.socket.as_fd(), listener, &self.message()).call(|| "sendmsg(seccomp agent)")
    }
}

impl AsFd for Agent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A filter that is loaded right before the command.
#[derive(Debug)]
pub(crate) struct Waiting {
    filter: Filter,
    agent: Option<Agent>,
    /// The same for the init.
    file: Option<OwnedFd>,
}

/// What waits for the command, if the steps have it: made ahead of them, as the command's limits may leave no room for a
/// descriptor. `for_init` is for a command that an init executes.
pub(crate) fn waiting<'a>(
    mut steps: impl Iterator<Item = &'a Step>,
    agent: &mut Option<Agent>,
    for_init: bool,
) -> holm_sys::Result<Option<Waiting>> {
    let filter = steps.find_map(|step| match step {
        Step::LoadSeccomp { filter, time: FilterTime::BeforeCommand } => Some((**filter).clone()),
        _ => None,
    });
    let Some(filter) = filter else { return Ok(None) };
    let agent = agent.take();
    let file = for_init.then(|| file_for_init(&filter, agent.as_ref())).transpose()?;
    Ok(Some(Waiting { filter, agent, file }))
}

/// The filter for the init: a file in memory, which goes when the init has read it.
fn file_for_init(filter: &Filter, agent: Option<&Agent>) -> holm_sys::Result<OwnedFd> {
    let message = agent.map(Agent::message).unwrap_or_default();
    let too_long = || CallError::new("memfd_create()", Errno::OVERFLOW);
    let head = FilterHead {
        flags: filter.bits().bits(),
        instructions: u16::try_from(filter.program.instructions().len()).map_err(|_| too_long())?,
        message: u32::try_from(message.len()).map_err(|_| too_long())?,
    };
    let file = memfd_create("holm-filter", MemfdFlags::CLOEXEC).call(|| "memfd_create(\"holm-filter\")")?;
    let mut file = File::from(file);
    let content = [head.bytes().as_slice(), &filter.program.bytes(), &message].concat();
    file.write_all(&content).call(|| "write(memfd)")?;
    Ok(file.into())
}

/// Carries the step out: now, unless the filter waits for the command.
pub(crate) fn load(bench: &mut ChildBench, filter: &Filter, time: FilterTime) -> StepResult {
    match time {
        FilterTime::BeforeCommand if bench.filter.is_some() => Ok(()),
        FilterTime::BeforeCommand => Err(StepError::new("there is nothing that would load it later")),
        FilterTime::WithCapability => {
            // A change of ids makes them ineffective.
            let now = holm_credentials::current()?;
            holm_credentials::set_capabilities(now.permitted, now.permitted, now.inheritable)?;
            put_under(filter, bench.agent.take().as_ref())
        }
    }
}

fn put_under(filter: &Filter, agent: Option<&Agent>) -> StepResult {
    let listener = filter.load()?;
    if let (Some(agent), Some(listener)) = (agent, listener) {
        agent.send(listener.as_fd())?;
    }
    Ok(())
}

impl Waiting {
    /// Puts this process under the filter.
    pub(crate) fn load(&self) -> StepResult {
        put_under(&self.filter, self.agent.as_ref())
    }

    /// What the init gets.
    pub(crate) fn hand_over(&self) -> Option<HandedOver<'_>> {
        let file = self.file.as_ref()?.as_fd();
        Some(HandedOver { file, agent: self.agent.as_ref().map(Agent::as_fd) })
    }
}

/// What the init gets for a filter.
#[derive(Debug)]
pub(crate) struct HandedOver<'a> {
    file: BorrowedFd<'a>,
    agent: Option<BorrowedFd<'a>>,
}

impl HandedOver<'_> {
    /// Its descriptors.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [Some(self.file), self.agent].into_iter().flatten()
    }

    /// Their numbers, 0 where there is none.
    pub(crate) fn numbers(&self) -> (i32, Option<i32>) {
        (self.file.as_raw_fd(), self.agent.map(|agent| agent.as_raw_fd()))
    }
}

/// What could not be done, for the step's sake.
pub(crate) fn hint(errno: Option<Errno>) -> Option<String> {
    match errno? {
        Errno::ACCESS => Some(
            "without process.noNewPrivileges a filter takes CAP_SYS_ADMIN in the user namespace: set it, or make a user \
             namespace"
                .into(),
        ),
        Errno::INVAL => Some(
            "this kernel does not know one of the flags: SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV takes Linux 5.19".into(),
        ),
        _ => None,
    }
}

/// As the error of a step.
pub(crate) fn failed(error: StepError) -> StepError {
    let hint = hint(error.errno.map(Errno::from_raw_os_error));
    StepError { hint: error.hint.clone().or(hint), ..error }
}
