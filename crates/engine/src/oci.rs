//! `holm oci run` and `holm oci exec`: a bundle of somebody else's, in the foreground.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_runtime::{CreateRequest, ExecRequest, Observer};
use holm_spec::Spec;
use holm_state::Root;

use crate::foreground::{ConsoleSocket, Session, Signals, attend};
use crate::{Because, Result};

/// Creates and starts the container of `request`, attends to it until it ends, and deletes it. A terminal that the
/// configuration asks for is the caller's, unless the request has a socket for it.
///
/// # Errors
///
/// With the status 125 to 127; nothing is left then.
pub fn run_bundle(root: &Root, request: &CreateRequest<'_>, observer: &mut dyn Observer) -> Result<u8> {
    let spec = Spec::load(request.bundle)?;
    let terminal = spec.process.is_some_and(|process| process.terminal) && request.console_socket.is_none();
    let signals = Signals::hold()?;
    let directory = terminal.then(|| run_directory(root)).transpose()?;
    let console = directory.as_ref().map(ConsoleSocket::bind).transpose()?;
    let socket = console.as_ref().map(ConsoleSocket::path).or(request.console_socket);
    let container = holm_runtime::run(root, &CreateRequest { console_socket: socket, ..*request }, observer)?;
    let attended = console.map(ConsoleSocket::receive).transpose().and_then(|terminal| {
        attend(Session { process: container.pidfd.as_fd(), terminal, interactive: true }, &signals)
    });
    let deleted = holm_runtime::delete(root, request.id, true);
    let status = attended?;
    deleted?;
    Ok(status)
}

/// Runs a process in a container and attends to it until it ends. A terminal is the caller's, as for [`run_bundle`].
///
/// # Errors
///
/// With the status 125 to 127.
pub fn exec_process(root: &Root, request: &ExecRequest<'_>, observer: &mut dyn Observer) -> Result<u8> {
    let terminal = request.process.terminal().unwrap_or(false) && request.console_socket.is_none();
    let signals = Signals::hold()?;
    let directory = terminal.then(|| run_directory(root)).transpose()?;
    let console = directory.as_ref().map(ConsoleSocket::bind).transpose()?;
    let socket = console.as_ref().map(ConsoleSocket::path).or(request.console_socket);
    let made =
        holm_runtime::exec(root, &ExecRequest { console_socket: socket, ..request.clone() }, observer)?;
    let terminal = console.map(ConsoleSocket::receive).transpose()?;
    attend(Session { process: made.pidfd.as_fd(), terminal, interactive: true }, &signals)
}

fn run_directory(root: &Root) -> Result<OwnedFd> {
    let path: &Path = root.path();
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(path, flags, rustix::fs::Mode::empty())
        .because(|| format!("cannot open {}", path.display()))
}
