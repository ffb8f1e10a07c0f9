//! The filter of system calls on its way to the process that is put under it, and its listener on its way to the agent.

use std::collections::HashMap;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use holm_init::FilterHead;
use holm_plan::{FilterTime, Step};
use holm_seccomp::{Filter, Listener};
use holm_state::{Record, Status};
use holm_sys::{Context, Errno, Error as CallError};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde::Serialize;

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
        let message = self.message();
        let descriptors = [listener];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&descriptors));
        sendmsg(&self.socket, &[IoSlice::new(&message)], &mut control, SendFlags::NOSIGNAL)
            .call(|| "sendmsg(seccomp agent)")?;
        Ok(())
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
}

/// Carries the step out: now, or by keeping the filter for later.
pub(crate) fn load(bench: &mut ChildBench, filter: &Filter, time: FilterTime) -> StepResult {
    let waiting = Waiting { filter: filter.clone(), agent: bench.agent.take() };
    match time {
        FilterTime::BeforeCommand => bench.filter = Some(waiting),
        FilterTime::WithCapability => {
            // A change of ids makes them ineffective.
            let now = holm_credentials::current()?;
            holm_credentials::set_capabilities(now.permitted, now.permitted, now.inheritable)?;
            waiting.load()?;
        }
    }
    Ok(())
}

impl Waiting {
    /// Puts this process under the filter.
    pub(crate) fn load(&self) -> StepResult {
        let listener = self.filter.load()?;
        if let (Some(agent), Some(listener)) = (&self.agent, listener) {
            agent.send(listener.as_fd())?;
        }
        Ok(())
    }

    /// The filter for the init: a file in memory, which goes when the init has read it.
    pub(crate) fn hand_over(&self) -> holm_sys::Result<HandedOver<'_>> {
        let message = self.agent.as_ref().map(Agent::message).unwrap_or_default();
        let too_long = || CallError::new("memfd_create()", Errno::OVERFLOW);
        let instructions = self.filter.program.instructions().len();
        let head = FilterHead {
            flags: self.filter.bits().bits(),
            instructions: u16::try_from(instructions).map_err(|_| too_long())?,
            message: u32::try_from(message.len()).map_err(|_| too_long())?,
        };
        let file =
            memfd_create("holm-filter", MemfdFlags::CLOEXEC).call(|| "memfd_create(\"holm-filter\")")?;
        let mut file = File::from(file);
        let content = [head.bytes().as_slice(), &self.filter.program.bytes(), &message].concat();
        file.write_all(&content).call(|| "write(memfd)")?;
        Ok(HandedOver { file: file.into(), agent: self.agent.as_ref().map(Agent::as_fd) })
    }
}

/// What the init gets for a filter.
#[derive(Debug)]
pub(crate) struct HandedOver<'a> {
    file: OwnedFd,
    agent: Option<BorrowedFd<'a>>,
}

impl HandedOver<'_> {
    /// Its descriptors.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [Some(self.file.as_fd()), self.agent].into_iter().flatten()
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
