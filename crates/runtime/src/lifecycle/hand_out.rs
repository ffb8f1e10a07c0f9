//! What who made a process gets of it: its terminal, its pid, its pidfd.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Pid;

use crate::descriptors::send_descriptor;
use crate::error::{Because, Error};

/// The socket that takes the terminal, connected.
pub(crate) fn connect_console(path: &Path) -> Result<OwnedFd, Error> {
    connect(path, &format!("connect to the console socket {}", path.display())).map(OwnedFd::from)
}

/// Over a connection to the socket; the bytes beside the descriptor say what it is.
pub(crate) fn send_pidfd(path: &Path, pidfd: &OwnedFd) -> Result<(), Error> {
    let what = format!("send the pidfd to the socket {}", path.display());
    let stream = connect(path, &what)?;
    send_descriptor(stream.as_fd(), pidfd.as_fd(), b"pidfd").because(|| format!("cannot {what}"))
}

fn connect(path: &Path, what: &str) -> Result<UnixStream, Error> {
    UnixStream::connect(path).map_err(|error| {
        Error::new(format!("cannot {what}"))
            .with_cause(error)
            .with_hint("somebody must listen on it before the container is created")
    })
}

/// Beside it, then renamed: who waits for the file finds it whole.
pub(crate) fn write_pid_file(path: &Path, pid: Pid) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{pid}.new"));
    let write = || {
        let mut file = std::fs::File::create_new(&beside)?;
        let written =
            file.write_all(pid.to_string().as_bytes()).and_then(|()| std::fs::rename(&beside, path));
        written.inspect_err(|_| _ = std::fs::remove_file(&beside))
    };
    write().map_err(|error| {
        Error::new(format!("cannot write the pid file {}", path.display())).with_cause(error)
    })
}
