//! The socket on which a runtime hands over the master side of a container's terminal (`--console-socket`).

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, accept_with, bind, listen, recvmsg, socket_with,
};

use holm_runtime::{Because, Error, Result};

/// A runtime sends the terminal before it says that the container is made: it is there, or it never comes.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// The socket, bound in a directory that only this user may enter.
#[derive(Debug)]
pub struct ConsoleSocket {
    socket: OwnedFd,
    /// The directory by way of this process: its own path may be longer than the address of a socket (unix(7)).
    path: PathBuf,
}

impl ConsoleSocket {
    /// Binds it in `directory`, which must stay open for as long as the socket is used.
    ///
    /// # Errors
    ///
    /// What bind(2) says.
    pub fn bind(directory: &OwnedFd) -> Result<Self> {
        let own = std::process::id();
        let path = PathBuf::from(format!("/proc/{}/fd/{}/console-{own}.sock", own, directory.as_raw_fd()));
        let socket = bound(&path).because(|| "cannot make the socket for the container's terminal")?;
        Ok(Self { socket, path })
    }

    /// Where a runtime connects to it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the master side that a runtime has sent, and removes the socket.
    ///
    /// # Errors
    ///
    /// When none came.
    pub fn receive(self) -> Result<OwnedFd> {
        let failed = || "cannot take over the container's terminal from its runtime";
        readable(&self.socket).because(failed)?;
        let connection =
            accept_with(&self.socket, SocketFlags::CLOEXEC).call(|| "accept4()").because(failed)?;
        readable(&connection).because(failed)?;
        descriptor(&connection)
            .call(|| "recvmsg()")
            .because(failed)?
            .ok_or_else(|| Error::new(failed()).with_cause("it sent no descriptor"))
    }
}

impl Drop for ConsoleSocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bound(path: &Path) -> holm_sys::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .call(|| "socket(AF_UNIX, SOCK_STREAM)")?;
    let address = SocketAddrUnix::new(path).call(|| format!("sockaddr_un({path:?})"))?;
    bind(&socket, &address).call(|| format!("bind({path:?})"))?;
    listen(&socket, 1).call(|| "listen(1)")?;
    Ok(socket)
}

fn readable(fd: &OwnedFd) -> holm_sys::Result<()> {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    match poll(&mut fds, Some(&PATIENCE)).call(|| "poll()")? {
        0 => Err(holm_sys::Error::new("poll(console socket)", holm_sys::Errno::TIMEDOUT)),
        _ => Ok(()),
    }
}

/// The first descriptor of a message; more than one would be closed.
fn descriptor(connection: &OwnedFd) -> rustix::io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // The bytes of the message are the name of the terminal, which nobody needs.
    let mut name = [0; 4096];
    recvmsg(connection.as_fd(), &mut [IoSliceMut::new(&mut name)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    Ok(descriptors.next().and_then(|mut rights| rights.next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, connect, sendmsg};

    fn send(path: &Path, with_descriptor: bool) {
        let socket =
            socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [rustix::stdio::stdin()];
        if with_descriptor {
            control.push(SendAncillaryMessage::ScmRights(&fds));
        }
        sendmsg(&socket, &[std::io::IoSlice::new(b"/dev/ptmx")], &mut control, SendFlags::empty()).unwrap();
    }

    #[test]
    fn a_descriptor_is_received_and_the_socket_removed() {
        let directory = tempfile::tempdir().unwrap();
        let fd = OwnedFd::from(std::fs::File::open(directory.path()).unwrap());
        let socket = ConsoleSocket::bind(&fd).unwrap();
        send(socket.path(), true);
        assert!(socket.receive().is_ok());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_message_without_a_descriptor_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let fd = OwnedFd::from(std::fs::File::open(directory.path()).unwrap());
        let socket = ConsoleSocket::bind(&fd).unwrap();
        send(socket.path(), false);
        assert!(socket.receive().is_err());
    }
}
