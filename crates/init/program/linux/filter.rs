//! The filter of the command, which the init puts itself, or the command's process, under right before the command.

use super::{Errno, Fd, MSG_NOSIGNAL, as_i32, call, index, number, plain};
use crate::filter::Head;

const PROT_READ: usize = 1;
const MAP_PRIVATE: usize = 2;
const SECCOMP_SET_MODE_FILTER: usize = 1;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;

/// A filter that was handed over.
#[derive(Clone, Copy)]
pub(crate) struct Filter {
    head: Head,
    at: usize,
    /// Who gets the listener.
    agent: Option<Fd>,
}

/// `struct sock_fprog`.
#[repr(C)]
struct Program {
    length: u16,
    instructions: usize,
}

#[repr(C)]
struct Piece {
    base: usize,
    length: usize,
}

#[repr(C)]
struct Message {
    name: usize,
    name_length: u32,
    pieces: usize,
    piece_count: usize,
    control: usize,
    control_length: usize,
    flags: i32,
}

/// `struct cmsghdr` with one descriptor behind it.
#[repr(C)]
struct Control {
    length: usize,
    level: i32,
    kind: i32,
    descriptor: i32,
}

impl Filter {
    /// Reads what is in the file, and keeps it in memory; the file is closed.
    pub(crate) fn take(file: Fd, agent: Option<Fd>) -> Option<Self> {
        let mut head = [0; Head::LENGTH];
        // SAFETY: as many bytes are written as the array has.
        let read = unsafe {
            call(number::PREAD64, [index(file.0), head.as_mut_ptr().expose_provenance(), head.len(), 0, 0, 0])
        };
        let head = Head::parse(&head).filter(|_| read == Ok(Head::LENGTH))?;
        // SAFETY: no address is asked for, so that nothing which is there changes.
        let at = unsafe { call(number::MMAP, [0, head.total(), PROT_READ, MAP_PRIVATE, index(file.0), 0]) }.ok()?;
        super::close(file);
        Some(Self { head, at, agent })
    }

    /// The descriptor that is the agent's.
    pub(crate) fn agent(&self) -> Option<Fd> {
        self.agent
    }

    /// Puts this process under the filter, and hands its listener over where there is one.
    pub(crate) fn load(&self) -> Result<(), Errno> {
        let program = Program { length: self.head.instructions, instructions: self.at + Head::LENGTH };
        let flags = usize::try_from(self.head.flags).unwrap_or_default();
        // SAFETY: the program is in the mapping, which has as many instructions, and is only read.
        let listener = unsafe {
            call(number::SECCOMP, [SECCOMP_SET_MODE_FILTER, flags, (&raw const program).expose_provenance(), 0, 0, 0])
        }?;
        match self.agent {
            Some(agent) => self.hand_over(agent, as_i32(listener)),
            None => Ok(()),
        }
    }

    fn hand_over(&self, agent: Fd, listener: i32) -> Result<(), Errno> {
        let piece = Piece { base: self.at + self.head.message_at(), length: self.head.message_length() };
        let control = Control {
            // CMSG_LEN of one descriptor: what is there without the padding at the end.
            length: core::mem::offset_of!(Control, descriptor) + size_of::<i32>(),
            level: SOL_SOCKET,
            kind: SCM_RIGHTS,
            descriptor: listener,
        };
        let message = Message {
            name: 0,
            name_length: 0,
            pieces: (&raw const piece).expose_provenance(),
            piece_count: 1,
            control: (&raw const control).expose_provenance(),
            control_length: size_of::<Control>(),
            flags: 0,
        };
        // SAFETY: the message, its one piece, which is in the mapping, and its control data are live and only read.
        unsafe {
            call(number::SENDMSG, [index(agent.0), (&raw const message).expose_provenance(), MSG_NOSIGNAL, 0, 0, 0])
        }?;
        // It is closed by the exec as well; where that fails nobody waits for its answers.
        let _ = plain(number::CLOSE, [index(listener), 0, 0]);
        Ok(())
    }
}
