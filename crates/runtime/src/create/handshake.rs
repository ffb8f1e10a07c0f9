//! What parent and child say to each other.
//!
//! ```text
//!   parent                                        child
//!     |                                             |
//!     |--- clone3 --------------------------------->|   waits
//!     |    (or: clone3 ---> between --- clone3 ---->|
//!     |     <-- Born + pidfd --'                    |)
//!     |                                             |
//!     |    steps of Adopt                           |
//!     |--- Go + the mounts that were taken -------->|   (in as many packets as they need)
//!     |                                             |   steps of Isolate, Root
//!     |    writes the state down                    |
//!     |--- Recorded (run) ------------------------->|
//!     |<-- Ran (only when somebody watches) --------|
//!     |<-- AwaitsHooks (only where there are some) -|
//!     |    steps of Hooks                           |
//!     |--- HooksRan ------------------------------->|   steps of Enter, Privileges
//!     |<-- Ready, or Failed ------------------------|
//!     |    writes the state down                    |
//!     |--- Recorded (create) ---------------------->|
//!     v                                             v   becomes the init, which waits on the start socket, or (run)
//!                                                       goes on at once over the pair:
//!   starter (start), or parent (run)              init
//!     |<-- EXECUTING -----------------------------|
//!     |<-- Refusal, or the end by the exec -------|
//! ```
//!
//! One `SOCK_SEQPACKET` pair: a message is one packet, an end of file is the other's end. The order is held by types:
//! a [`Newborn`] can only be told to go, a [`Working`] only be listened to.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use holm_init::{EXECUTING, Refusal};
use holm_plan::Phase;
use holm_sys::{Context, Errno, Error, Result};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recv, recvmsg, sendmsg, socketpair,
};
use rustix::process::Pid;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::command;
use crate::error::Failure;

/// How many descriptors the kernel takes in one message (SCM_MAX_FD).
const MOST_DESCRIPTORS: usize = 253;
/// A message is never larger.
const LARGEST_MESSAGE: usize = 64 << 10;

/// From the process between: the child is there, and this is its pidfd. Or why it is not.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromBetween {
    Born,
    Failed(Failure),
}

/// From the parent: all that the child waited for is done. The descriptors are mounts, in the order of these slots.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Go {
    /// The child's pid, as the parent sees it.
    pub(crate) pid: i32,
    pub(crate) slots: Vec<usize>,
    /// Whether there are more mounts, in a packet that follows.
    pub(crate) more: bool,
}

/// From the parent, to a child that works.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromParent {
    /// The hooks that the child waited for have run.
    HooksRan,
    /// The child can be found by others now, and may wait for them without its parent. Who does not hear this ends:
    /// nobody would ever end it.
    Recorded,
}

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromChild {
    /// A step was done.
    Ran { phase: Phase, index: usize, elapsed: Duration },
    /// Its mounts are made, and the hooks of the parent's may run: it waits for them.
    AwaitsHooks,
    /// The container is made.
    Ready,
    /// It is not.
    Failed(Failure),
}

/// One end of the pair.
#[derive(Debug)]
pub(crate) struct Channel {
    socket: OwnedFd,
}

impl Channel {
    /// Both ends.
    pub(crate) fn pair() -> Result<(Self, Self)> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .call(|| "socketpair(AF_UNIX, SOCK_SEQPACKET)")?;
        Ok((Self { socket: ours }, Self { socket: theirs }))
    }

    /// Takes a socket of that kind.
    pub(crate) fn from_fd(socket: OwnedFd) -> Self {
        Self { socket }
    }

    /// Sends a message and descriptors.
    pub(crate) fn send(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> Result<()> {
        let text = serde_json::to_vec(message).map_err(|_| Error::new("sendmsg()", Errno::INVAL))?;
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Error::new(format!("sendmsg() of {} descriptors", descriptors.len()), Errno::TOOBIG));
        }
        sendmsg(&self.socket, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)
            .call(|| "sendmsg()")?;
        Ok(())
    }

    /// Says, as the init does, that the command is executed now. Where nobody hears it, nobody has to.
    pub(crate) fn announce(&self) {
        let _ = rustix::net::send(&self.socket, EXECUTING, SendFlags::NOSIGNAL);
    }

    /// Waits for a message; `None` when the other end is closed.
    pub(crate) fn receive<T: DeserializeOwned>(&self) -> Result<Option<(T, Vec<OwnedFd>)>> {
        let packet = self.receive_packet()?;
        packet.map(|(text, descriptors)| Ok((understand(&text)?, descriptors))).transpose()
    }

    /// Waits for the command of a started container to be executed: the init says that it is about to, and then the
    /// other end closes: `None`. Else why it was not, as the init says it, or the process that could not become the
    /// init; an end without a word is that of a process that was killed.
    pub(crate) fn receive_refusal(&self) -> Result<Option<Failure>> {
        let mut executing = false;
        while let Some((packet, _)) = self.receive_packet()? {
            if packet == EXECUTING {
                executing = true;
            } else {
                return refusal(&packet).map(Some);
            }
        }
        Ok((!executing).then(command::never_executed))
    }

    fn receive_packet(&self) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
        // Its length is asked first: room for the largest would cost more than all else that is done here.
        let peek = || recv(&self.socket, &mut [0_u8; 0][..], RecvFlags::PEEK | RecvFlags::TRUNC);
        let length = patiently(peek).call(|| "recv(MSG_PEEK|MSG_TRUNC)")?.map_or(0, |(_, length)| length);
        if length == 0 {
            return Ok(None);
        }
        let mut buffer = vec![0; length.min(LARGEST_MESSAGE)];
        let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut receive = || {
            let parts = &mut [IoSliceMut::new(&mut buffer)];
            recvmsg(&self.socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC)
        };
        let Some(received) = patiently(&mut receive).call(|| "recvmsg()")? else { return Ok(None) };
        let descriptors = descriptors(&mut control);
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(Error::new("recvmsg(): truncated", Errno::MSGSIZE));
        }
        Ok(Some((buffer, descriptors)))
    }
}

/// Calls again what was interrupted. A peer that died with unread messages resets the connection, which is told once;
/// what it has said before comes after that. `None` when nothing does.
fn patiently<T>(
    mut call: impl FnMut() -> std::result::Result<T, Errno>,
) -> std::result::Result<Option<T>, Errno> {
    let mut reset = false;
    loop {
        match call() {
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) if !reset => reset = true,
            Err(Errno::CONNRESET) => return Ok(None),
            result => return result.map(Some),
        }
    }
}

/// What an init has refused, or the process that should have become it.
fn refusal(packet: &[u8]) -> Result<Failure> {
    if let Some(refusal) = Refusal::parse(packet) {
        return Ok(command::failure(&refusal));
    }
    match understand(packet)? {
        FromChild::Failed(failure) => Ok(failure),
        FromChild::Ready | FromChild::AwaitsHooks | FromChild::Ran { .. } => {
            Err(Error::new("recvmsg(): out of turn", Errno::PROTO))
        }
    }
}

fn understand<T: DeserializeOwned>(text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|_| Error::new("recvmsg(): not a message", Errno::PROTO))
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn descriptors(control: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    rights.flatten().collect()
}

/// The parent's end, with a child that waits.
#[derive(Debug)]
pub(crate) struct Newborn(Channel);

/// The parent's end, with a child that works.
#[derive(Debug)]
pub(crate) struct Working(Channel);

impl Newborn {
    pub(crate) fn new(channel: Channel) -> Self {
        Self(channel)
    }

    /// Waits for the pidfd of the child from the process between; `None` when that ended without a word.
    pub(crate) fn wait_born(&self) -> Result<Option<std::result::Result<OwnedFd, Failure>>> {
        let answer = self.0.receive::<FromBetween>()?;
        Ok(answer.and_then(|(message, mut descriptors)| match message {
            FromBetween::Born => descriptors.pop().map(Ok),
            FromBetween::Failed(failure) => Some(Err(failure)),
        }))
    }

    /// Lets the child go, with the mounts that were taken for it. One that is gone already has said why, which is heard
    /// next.
    pub(crate) fn go(self, pid: Pid, mounts: &[(usize, OwnedFd)]) -> Result<Working> {
        unless_gone(self.send_mounts(pid.as_raw_nonzero().get(), mounts))?;
        Ok(Working(self.0))
    }

    fn send_mounts(&self, pid: i32, mounts: &[(usize, OwnedFd)]) -> Result<()> {
        let mut packets = mounts.chunks(MOST_DESCRIPTORS).peekable();
        if packets.peek().is_none() {
            self.0.send(&Go { pid, slots: Vec::new(), more: false }, &[])?;
        }
        while let Some(packet) = packets.next() {
            let slots = packet.iter().map(|(slot, _)| *slot).collect();
            let descriptors: Vec<_> = packet.iter().map(|(_, mount)| mount.as_fd()).collect();
            self.0.send(&Go { pid, slots, more: packets.peek().is_some() }, &descriptors)?;
        }
        Ok(())
    }
}

fn unless_gone(sent: Result<()>) -> Result<()> {
    match sent {
        Err(error) if matches!(error.errno(), Errno::PIPE | Errno::CONNRESET) => Ok(()),
        sent => sent,
    }
}

impl Working {
    /// Tells a child that is ready that others can find it now.
    pub(crate) fn recorded(&self) -> Result<()> {
        self.0.send(&FromParent::Recorded, &[])
    }

    /// Lets a child go on that waits for hooks.
    pub(crate) fn hooks_ran(&self) -> Result<()> {
        unless_gone(self.0.send(&FromParent::HooksRan, &[]))
    }

    /// Tells it to a child that works, and hears that when it is ready. One that is gone has said why, as for
    /// [`Newborn::go`].
    pub(crate) fn recorded_ahead(&self) -> Result<()> {
        unless_gone(self.recorded())
    }

    /// As [`Channel::receive_refusal`].
    pub(crate) fn hear_refusal(&self) -> Result<Option<Failure>> {
        self.0.receive_refusal()
    }

    /// Waits for what the child says next; `None` when it ended without a word.
    pub(crate) fn hear(&self) -> Result<Option<FromChild>> {
        Ok(self.0.receive()?.map(|(message, _)| message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::StepError;

    #[test]
    fn a_message_arrives_with_its_descriptors() {
        let (ours, theirs) = Channel::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        ours.send(&Go { pid: 7, slots: vec![3], more: false }, &[file.as_fd()]).unwrap();
        let (message, descriptors) = theirs.receive::<Go>().unwrap().unwrap();
        assert_eq!((message.slots, descriptors.len()), (vec![3], 1));
    }

    #[test]
    fn the_end_of_the_other_side_is_seen() {
        let (ours, theirs) = Channel::pair().unwrap();
        drop(ours);
        assert!(theirs.receive::<Go>().unwrap().is_none());
    }

    #[test]
    fn who_fails_before_it_is_told_to_go_on_is_heard_all_the_same() {
        let (ours, theirs) = Channel::pair().unwrap();
        let failure = Failure::Other { what: "begin".into(), error: StepError::new("nothing to begin with") };
        theirs.send(&FromChild::Failed(failure), &[]).unwrap();
        let working = Newborn::new(ours).go(Pid::INIT, &[]).unwrap();
        drop(theirs);
        working.recorded_ahead().unwrap();
        assert!(matches!(working.hear().unwrap(), Some(FromChild::Failed(_))));
    }

    #[test]
    fn a_reset_between_the_look_and_the_reading_loses_nothing() {
        let mut answers = [Err(Errno::INTR), Err(Errno::CONNRESET), Ok(7)].into_iter();
        assert_eq!(patiently(|| answers.next().unwrap()), Ok(Some(7)));
        assert_eq!(patiently(|| Err::<(), _>(Errno::CONNRESET)), Ok(None));
    }

    #[test]
    fn an_end_is_an_exec_only_when_one_was_announced() {
        let (ours, theirs) = Channel::pair().unwrap();
        rustix::io::write(&theirs, EXECUTING).unwrap();
        drop(theirs);
        assert!(ours.receive_refusal().unwrap().is_none());
        let (ours, theirs) = Channel::pair().unwrap();
        drop(theirs);
        assert!(ours.receive_refusal().unwrap().is_some());
    }

    #[test]
    fn what_is_refused_after_the_announcement_is_heard() {
        let (ours, theirs) = Channel::pair().unwrap();
        rustix::io::write(&theirs, EXECUTING).unwrap();
        let refusal = Refusal { call: holm_init::Call::Execute, errno: 2, path: b"/bin/x" };
        refusal.tell(|message| rustix::io::write(&theirs, message)).unwrap();
        assert_eq!(command::status(&ours.receive_refusal().unwrap().unwrap()), 127);
    }

    #[test]
    fn rubbish_is_an_error() {
        let (ours, theirs) = Channel::pair().unwrap();
        ours.send(&"rubbish", &[]).unwrap();
        assert!(theirs.receive::<Go>().is_err());
    }
}
