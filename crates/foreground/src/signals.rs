//! Signals to Holm, and what becomes of them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{SignalSet, send_signal_by_pidfd, set_signal_mask, signal_fd};
use rustix::process::Signal;

use holm_runtime::{Because, Error, Result};

/// Signals that the kernel sends for a fault of this very program: holding them back would end it without a word.
const FAULTS: [Signal; 7] =
    [Signal::SEGV, Signal::BUS, Signal::FPE, Signal::ILL, Signal::SYS, Signal::TRAP, Signal::ABORT];
/// Those of job control that act on this program alone.
const OWN: [Signal; 3] = [Signal::CONT, Signal::TTIN, Signal::TTOU];

/// Signals that do not ask a process without a command to end.
const HARMLESS: [Signal; 5] = [Signal::CHILD, Signal::PIPE, Signal::URG, Signal::TSTP, Signal::WINCH];

/// The signals to this process, taken one by one. They are held back from the moment on that this value is made, so
/// that none is lost while a container is being made, until it goes.
pub struct Signals {
    fd: OwnedFd,
    before: SignalSet,
}

impl Signals {
    /// Holds the signals back.
    ///
    /// # Errors
    ///
    /// What signalfd(2) says.
    pub fn hold() -> Result<Self> {
        let set = SignalSet::all().without(&FAULTS).without(&OWN);
        let failed = || "cannot take signals";
        let fd = signal_fd(&set).because(failed)?;
        let before = set_signal_mask(&set).because(failed)?;
        Ok(Self { fd, before })
    }

    /// Whether this process was asked to end, when there is no command yet that the signal could be passed on to.
    ///
    /// # Errors
    ///
    /// With the status 128+n when it was.
    pub fn check(&self) -> Result<()> {
        while let Some(number) = self.take() {
            if asks_to_end(number) {
                let status = u8::try_from(128 + number).unwrap_or(holm_runtime::STATUS_FAILED);
                return Err(Error::new("the container was not made")
                    .with_cause(format!("signal {number} came first"))
                    .with_status(status));
            }
        }
        Ok(())
    }

    /// The next signal that came; its number.
    pub(super) fn take(&self) -> Option<i32> {
        // signalfd_siginfo (signalfd(2)): 128 bytes, the first four of which are the number of the signal.
        let mut info = [0; 128];
        let length = rustix::io::read(&self.fd, &mut info).ok()?;
        let number = info.first_chunk::<4>().filter(|_| length == info.len())?;
        Some(i32::from_ne_bytes(*number))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What was held back and not taken acts now, as it would have.
        let _ = set_signal_mask(&self.before);
    }
}

/// What is to be done here about a signal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing: it was passed on, or concerns nobody.
    None,
    /// The user's terminal has another size.
    FitWindow,
    /// The user's shell wants this job stopped.
    Suspend,
}

/// Where signals go.
pub(super) struct Reaction<'a> {
    /// The process that they are passed on to.
    pub(super) process: BorrowedFd<'a>,
    /// It has a terminal of its own.
    pub(super) has_terminal: bool,
}

impl Reaction<'_> {
    pub(super) fn to(&self, number: i32) -> Action {
        match Signal::from_named_raw(number) {
            // Children are waited for by their pidfd; a broken pipe is seen where it is written to.
            Some(Signal::CHILD | Signal::PIPE | Signal::URG) => Action::None,
            Some(Signal::TSTP) => Action::Suspend,
            Some(Signal::WINCH) if self.has_terminal => Action::FitWindow,
            _ => {
                // It may have ended meanwhile; that is seen next.
                let _ = send_signal_by_pidfd(self.process, number);
                Action::None
            }
        }
    }
}

fn asks_to_end(number: i32) -> bool {
    !Signal::from_named_raw(number).is_some_and(|signal| HARMLESS.contains(&signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_would_have_ended_this_process_asks_it_to_end() {
        let asks = |signal: Signal| asks_to_end(signal.as_raw());
        assert!(asks(Signal::INT) && asks(Signal::TERM) && asks(Signal::HUP) && asks(Signal::USR1));
        assert!(!asks(Signal::WINCH) && !asks(Signal::CHILD));
        assert!(asks_to_end(40), "a real-time signal");
    }
}
