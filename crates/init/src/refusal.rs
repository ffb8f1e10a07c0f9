//! What the init says to whoever started the container: that the command is executed now, and why it was not.

/// Said right before the command is executed. If the connection ends then without a [`Refusal`], it was; an end without
/// this is that of an init which was killed.
pub const EXECUTING: &[u8] = b"\0";

/// The longest path that is told; a longer one is cut.
const LONGEST_PATH: usize = 1024;
/// What stands before the path: the call, and the error number.
const HEAD: usize = 5;

/// What was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// execve(2) of the command's program.
    Execute = 1,
    /// clone(2) of the command's process.
    Clone = 2,
    /// setsid(2) in it.
    Setsid = 3,
    /// ioctl(2), `TIOCSCTTY`.
    TakeTerminal = 4,
    /// prctl(2), `PR_SET_PDEATHSIG`.
    DieWithInit = 5,
    /// setpgid(2), for the command of another runtime.
    Setpgid = 6,
    /// seccomp(2), or handing its listener over.
    Filter = 7,
}

impl Call {
    const ALL: [Self; 7] = [
        Self::Execute,
        Self::Clone,
        Self::Setsid,
        Self::TakeTerminal,
        Self::DieWithInit,
        Self::Setpgid,
        Self::Filter,
    ];
}

/// One call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Which.
    pub call: Call,
    /// What the kernel said.
    pub errno: i32,
    /// The path of the command's program.
    pub path: &'a [u8],
}

impl<'a> Refusal<'a> {
    /// Understands a message; `None` when it is something else.
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let (head, path) = message.split_at_checked(HEAD)?;
        let (call, errno) = head.split_first()?;
        let call = Call::ALL.into_iter().find(|known| *known as u8 == *call)?;
        Some(Self { call, errno: i32::from_le_bytes(errno.try_into().ok()?), path })
    }

    /// Calls `send` with the message.
    pub fn tell<T>(&self, send: impl FnOnce(&[u8]) -> T) -> T {
        let mut message = [0; HEAD + LONGEST_PATH];
        let errno = self.errno.to_le_bytes();
        let told = [self.call as u8].into_iter().chain(errno).chain(self.path.iter().copied());
        let mut length = 0;
        for (to, from) in message.iter_mut().zip(told) {
            *to = from;
            length += 1;
        }
        send(message.get(..length).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let refusal = Refusal { call: Call::Execute, errno: 2, path: b"/bin/true" };
        refusal.tell(|message| assert_eq!(Refusal::parse(message), Some(refusal)));
        let long = [b'a'; 5000];
        let refusal = Refusal { path: &long, ..refusal };
        refusal.tell(|message| assert_eq!(Refusal::parse(message).unwrap().path.len(), LONGEST_PATH));
    }

    #[test]
    fn other_messages_are_not_taken_for_one() {
        for message in [b"".as_slice(), b"\x01\x02", b"{\"Failed\":{}}", b"\"Ready\""] {
            assert_eq!(Refusal::parse(message), None);
        }
    }
}
