//! The container in front of the user: signals go in, the terminal's bytes go both ways, the exit status comes out.
//!
//! ```text
//!   user's terminal ──stdin──►  ┌───────┐ ──►  terminal of the container (its master side)
//!                   ◄─stdout──  │ relay │ ◄──
//!        signals ──signalfd──►  └───────┘ ──►  its first process (pidfd)
//! ```
//!
//! Everything waits in one poll(2); nothing sleeps. Without a terminal of the container's own, its standard streams
//! are the caller's, and only signals and the exit status pass through here.

mod buffer;
mod console;
mod relay;
mod signals;
mod status;
mod terminal;

pub use console::ConsoleSocket;
pub use signals::Signals;
pub use status::exit_status;
pub use terminal::window_size;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use std::time::{Duration, Instant};

use holm_sys::{Context, send_signal_by_pidfd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use holm_runtime::{Because, Result};
use relay::Relay;
use signals::{Action, Reaction};
use terminal::RawMode;

/// How long a command may go on after its terminal was hung up. The first process of a PID namespace does not hear a
/// `SIGHUP` that it has no handler for, and nobody is there any more to end it.
const AFTER_HANG_UP: Duration = Duration::from_secs(10);

/// What is attended to.
#[derive(Debug)]
pub struct Session<'a> {
    /// The first process of the container, or of an exec; a child of this one.
    pub process: BorrowedFd<'a>,
    /// The master side of its terminal, when it has one.
    pub terminal: Option<OwnedFd>,
    /// What is typed goes to that terminal.
    pub interactive: bool,
}

/// Attends to a process until it ends; answers with its exit status, 128+n for a signal.
///
/// # Errors
///
/// When the process cannot be waited for. The streams of the user breaking off are none.
pub fn attend(session: Session<'_>, signals: &Signals) -> Result<u8> {
    let mut relay = session.terminal.map(|master| Relay::new(master, session.interactive));
    let mut raw = relay.as_ref().filter(|_| session.interactive).and_then(|_| RawMode::enter());
    let reaction = Reaction { process: session.process, has_terminal: relay.is_some() };
    if let Some(relay) = &relay {
        relay.fit_window();
    }
    let mut patience = Patience::Unlimited;
    loop {
        let ended = wait(session.process, signals, relay.as_mut(), patience)?;
        patience = patience.after(relay.as_ref().is_some_and(Relay::is_hung_up), session.process);
        while let Some(signal) = signals.take() {
            match reaction.to(signal) {
                Action::None => {}
                Action::FitWindow => relay.iter().for_each(Relay::fit_window),
                Action::Suspend => suspend(&mut raw, relay.as_ref()),
            }
        }
        if ended {
            relay.iter_mut().for_each(Relay::drain);
            drop(raw);
            return exit_status(session.process);
        }
    }
}

/// Waits until something happens, and passes on what can be passed on. True when the process has ended.
fn wait(
    process: BorrowedFd<'_>,
    signals: &Signals,
    relay: Option<&mut Relay>,
    patience: Patience,
) -> Result<bool> {
    let interests = relay.as_ref().map(|relay| relay.interests()).unwrap_or_default();
    let mut fds =
        vec![PollFd::new(&process, PollFlags::IN), PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
    if let Some(relay) = &relay {
        fds.extend(relay.poll_fds(&interests));
    }
    let timeout = patience.left();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno).call(|| "poll()").because(|| "cannot wait for the container"),
    }
    let ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
    let happened: Vec<PollFlags> = fds.iter().skip(2).map(PollFd::revents).collect();
    drop(fds);
    if let Some(relay) = relay {
        relay.pass(&interests, &happened);
    }
    Ok(ended)
}

/// How long the process may go on.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// As long as it likes.
    Unlimited,
    /// Until then: its terminal was hung up.
    Until(Instant),
    /// It was killed.
    Over,
}

impl Patience {
    /// What is left of it, for poll(2).
    fn left(self) -> Option<Timespec> {
        match self {
            Self::Until(end) => Timespec::try_from(end.saturating_duration_since(Instant::now())).ok(),
            Self::Unlimited | Self::Over => None,
        }
    }

    /// What remains after something happened. A process whose time is over is killed; it may be gone already, which is
    /// seen next.
    fn after(self, hung_up: bool, process: BorrowedFd<'_>) -> Self {
        match self {
            Self::Unlimited if hung_up => Self::Until(Instant::now() + AFTER_HANG_UP),
            Self::Until(end) if end <= Instant::now() => {
                let _ = send_signal_by_pidfd(process, rustix::process::Signal::KILL.as_raw());
                Self::Over
            }
            _ => self,
        }
    }
}

/// Stops this process as the shell expects it of a job, with the terminal as it was before.
fn suspend(raw: &mut Option<RawMode>, relay: Option<&Relay>) {
    let was_raw = raw.take().is_some();
    // The answer comes when somebody continues this process. A stop that fails only means that it goes on.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
    if was_raw {
        *raw = RawMode::enter();
    }
    relay.into_iter().for_each(Relay::fit_window);
}
