//! The bytes between the user's streams and the terminal of the container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags, fcntl_getfl, fcntl_setfl, fstat, open};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{isatty, tcsetwinsize};

use super::buffer::{Buffer, Flow};
use super::terminal::window_size;

/// What a terminal takes for the end of its input: Control-D.
const END_OF_INPUT: u8 = 4;
/// What a pipe takes without making the writer wait, once it says that it takes anything (pipe(7), `PIPE_BUF`).
const PIPE_BUF: usize = 4096;

/// One of the ways in which bytes may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    ReadInput,
    WriteMaster,
    ReadMaster,
    WriteOutput,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Relay {
    /// The terminal of the container; none once it was hung up.
    master: Option<OwnedFd>,
    /// Typed bytes on their way in.
    typed: Buffer,
    /// Shown bytes on their way out.
    shown: Buffer,
    output: Output,
    input_open: bool,
    master_open: bool,
    output_open: bool,
    last_typed: Option<u8>,
}

/// Standard output, in a form that does not make this process wait where that can be had.
#[derive(Debug)]
enum Output {
    /// Opened once more, so that the one that the user's shell has too stays as it is.
    Own(OwnedFd),
    /// As it was given to this process.
    Shared,
}

impl Output {
    fn new() -> Self {
        let waits = fstat(stdout()).is_ok_and(|stat| {
            let kind = FileType::from_raw_mode(stat.st_mode);
            kind.is_fifo() || kind.is_char_device() && isatty(stdout())
        });
        // Somebody else's terminal (after su(1)) cannot be opened again, and a socket never.
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let again = waits.then(|| open("/proc/self/fd/1", flags, Mode::empty()).ok()).flatten();
        again.map_or(Self::Shared, Self::Own)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(fd) => fd.as_fd(),
            Self::Shared => stdout(),
        }
    }

    fn limit(&self) -> usize {
        match self {
            Self::Own(_) => usize::MAX,
            Self::Shared => PIPE_BUF,
        }
    }
}

impl Relay {
    /// Between the standard streams and `master`, whose description is this process's own.
    pub(super) fn new(master: OwnedFd, interactive: bool) -> Self {
        // Fails for nothing that is a terminal; a master that waits would only be slower to leave.
        let _ = fcntl_getfl(&master).and_then(|flags| fcntl_setfl(&master, flags | OFlags::NONBLOCK));
        Self {
            master: Some(master),
            typed: Buffer::new(),
            shown: Buffer::new(),
            output: Output::new(),
            input_open: interactive,
            master_open: true,
            output_open: true,
            last_typed: None,
        }
    }

    /// Gives the container's terminal the size of the user's, when that has one.
    pub(super) fn fit_window(&self) {
        if let Some(size) = window_size().filter(|size| size.ws_row > 0 && size.ws_col > 0) {
            let _ = self.master.iter().try_for_each(|master| tcsetwinsize(master, size));
        }
    }

    /// What is waited for at this moment: each buffer is either filled or emptied.
    pub(super) fn interests(&self) -> Vec<Interest> {
        let ways = [
            (Interest::ReadInput, self.input_open && self.typed.is_empty()),
            (Interest::WriteMaster, self.master_open && !self.typed.is_empty()),
            (Interest::ReadMaster, self.master_open && self.shown.is_empty()),
            (Interest::WriteOutput, self.output_open && !self.shown.is_empty()),
        ];
        ways.into_iter().filter_map(|(way, open)| open.then_some(way)).collect()
    }

    /// The same for poll(2), in the same order.
    pub(super) fn poll_fds(&self, interests: &[Interest]) -> Vec<PollFd<'_>> {
        let master = |flags| Some(PollFd::new(self.master.as_ref()?, flags));
        let fd = |interest: &Interest| match interest {
            Interest::ReadInput => Some(PollFd::from_borrowed_fd(stdin(), PollFlags::IN)),
            Interest::WriteMaster => master(PollFlags::OUT),
            Interest::ReadMaster => master(PollFlags::IN),
            Interest::WriteOutput => Some(PollFd::from_borrowed_fd(self.output.fd(), PollFlags::OUT)),
        };
        interests.iter().filter_map(fd).collect()
    }

    /// Moves what can be moved, after poll(2) said what happened.
    pub(super) fn pass(&mut self, interests: &[Interest], happened: &[PollFlags]) {
        for (interest, flags) in interests.iter().zip(happened) {
            if !flags.is_empty() {
                self.pass_one(*interest);
            }
        }
    }

    fn pass_one(&mut self, interest: Interest) {
        match interest {
            Interest::ReadInput => self.read_input(),
            Interest::WriteMaster => {
                let master = self.master.as_ref();
                let flow = master.map(|master| self.typed.write(master.as_fd(), usize::MAX));
                self.input_open &= flow != Some(Flow::Ended);
            }
            Interest::ReadMaster => self.read_master(),
            Interest::WriteOutput => self.write_output(),
        }
    }

    /// When the input ends, the container's terminal is told; twice in the middle of a line, whose end the first one
    /// would be taken for.
    fn read_input(&mut self) {
        if self.typed.read(stdin()) == Flow::Open {
            self.last_typed = self.typed.last();
            return;
        }
        self.input_open = false;
        let in_line = self.last_typed.is_some_and(|byte| byte != b'\n' && byte != b'\r');
        self.typed.put(if in_line { &[END_OF_INPUT; 2] } else { &[END_OF_INPUT] });
    }

    fn read_master(&mut self) {
        let master = self.master.as_ref();
        let flow = master.map_or(Flow::Ended, |master| self.shown.read(master.as_fd()));
        self.master_open = flow == Flow::Open;
    }

    /// When nobody reads any more, the container's terminal is hung up: the command gets `SIGHUP`, and an error when it
    /// writes on, as with a terminal that somebody closes.
    fn write_output(&mut self) {
        let limit = self.output.limit();
        if self.shown.write(self.output.fd(), limit) == Flow::Ended {
            (self.output_open, self.master_open, self.input_open) = (false, false, false);
            self.master = None;
        }
    }

    /// Whether the container's terminal was hung up.
    pub(super) fn is_hung_up(&self) -> bool {
        self.master.is_none()
    }

    /// Passes on what the container has written and nobody has read yet, after its process has ended. A terminal
    /// hands over all that was written before it answers that there is nothing (`EAGAIN`) or that it is closed.
    pub(super) fn drain(&mut self) {
        while self.output_open {
            if self.shown.is_empty() {
                self.read_master();
                if self.shown.is_empty() {
                    return;
                }
            }
            let mut fds = [PollFd::from_borrowed_fd(self.output.fd(), PollFlags::OUT)];
            if rustix::event::poll(&mut fds, None).is_ok() {
                self.write_output();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relay(interactive: bool) -> (Relay, OwnedFd) {
        let (master, other) = rustix::pipe::pipe().unwrap();
        (Relay::new(master, interactive), other)
    }

    #[test]
    fn input_is_waited_for_only_when_it_is_wanted() {
        let (relay, _other) = relay(false);
        assert_eq!(relay.interests(), [Interest::ReadMaster]);
    }

    #[test]
    fn a_full_buffer_is_emptied_before_it_is_filled_again() {
        let (mut relay, other) = self::relay(false);
        rustix::io::write(&other, b"x").unwrap();
        relay.pass_one(Interest::ReadMaster);
        assert_eq!(relay.interests(), [Interest::WriteOutput]);
    }

    #[test]
    fn a_terminal_that_is_closed_is_waited_for_no_more() {
        let (mut relay, other) = self::relay(false);
        drop(other);
        relay.pass_one(Interest::ReadMaster);
        assert!(relay.interests().is_empty());
    }

    #[test]
    fn a_terminal_whose_output_nobody_reads_is_hung_up() {
        let (mut relay, other) = self::relay(true);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        relay.output = Output::Own(writer);
        drop(reader);
        rustix::io::write(&other, b"x").unwrap();
        relay.pass_one(Interest::ReadMaster);
        assert!(!relay.is_hung_up());
        relay.pass_one(Interest::WriteOutput);
        assert!(relay.is_hung_up() && relay.interests().is_empty());
        assert_eq!(rustix::io::write(&other, b"x"), Err(rustix::io::Errno::PIPE));
    }
}
