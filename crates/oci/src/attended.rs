//! `run` and `exec` in the foreground.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_foreground::{ConsoleSocket, Session, Signals, attend};
use holm_runtime::{Because, CreateRequest, ExecRequest, Observer, Result};
use holm_state::{ProcessId, Root};

/// Creates and starts the container of `request`, attends to it until it ends, and deletes it unless it is to be kept. A
/// `terminal` is the caller's, unless the request has a socket for it.
///
/// # Errors
///
/// With the status 125 to 127; nothing is left then.
pub(crate) fn run_bundle(
    root: &Root,
    request: &CreateRequest<'_>,
    terminal: bool,
    keep: bool,
    observer: &mut dyn Observer,
) -> Result<u8> {
    let signals = Signals::hold()?;
    let terminal = Terminal::new(root, terminal && request.console_socket.is_none())?;
    let socket = terminal.socket().or(request.console_socket);
    let container = holm_runtime::run(root, &CreateRequest { console_socket: socket, ..*request }, observer)?;
    // Asked before it is reaped: by then its pid may be another's.
    let process = ProcessId::of(container.pid);
    let attended = terminal.attend_to(container.pidfd.as_fd(), &signals);
    let deleted = match process.filter(|_| !keep) {
        Some(process) => holm_runtime::delete_of_process(root, request.id, process, observer),
        None => Ok(()),
    };
    let status = attended?;
    deleted?;
    Ok(status)
}

/// Runs a process in a container and attends to it until it ends. A terminal is the caller's, as for [`run_bundle`].
///
/// # Errors
///
/// With the status 125 to 127.
pub(crate) fn exec_process(
    root: &Root,
    request: &ExecRequest<'_>,
    observer: &mut dyn Observer,
) -> Result<u8> {
    let terminal = request.process.terminal().unwrap_or(false);
    let signals = Signals::hold()?;
    let terminal = Terminal::new(root, terminal && request.console_socket.is_none())?;
    let socket = terminal.socket().or(request.console_socket);
    let made =
        holm_runtime::exec(root, &ExecRequest { console_socket: socket, ..request.clone() }, observer)?;
    terminal.attend_to(made.pidfd.as_fd(), &signals)
}

/// The caller's terminal, where the process is to have it.
struct Terminal {
    socket: Option<ConsoleSocket>,
    /// Stays open for as long as the socket is used.
    _directory: Option<OwnedFd>,
}

impl Terminal {
    fn new(root: &Root, wanted: bool) -> Result<Self> {
        let directory = wanted.then(|| run_directory(root)).transpose()?;
        let socket = directory.as_ref().map(ConsoleSocket::bind).transpose()?;
        Ok(Self { socket, _directory: directory })
    }

    fn socket(&self) -> Option<&Path> {
        self.socket.as_ref().map(ConsoleSocket::path)
    }

    fn attend_to(self, process: std::os::fd::BorrowedFd<'_>, signals: &Signals) -> Result<u8> {
        let terminal = self.socket.map(ConsoleSocket::receive).transpose()?;
        attend(Session { process, terminal, interactive: true }, signals)
    }
}

fn run_directory(root: &Root) -> Result<OwnedFd> {
    let path: &Path = root.path();
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(path, flags, rustix::fs::Mode::empty())
        .because(|| format!("cannot open {}", path.display()))
}
