//! Signals taken synchronously: masks, signalfd(2), sigwaitinfo(2).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::{Pid, Signal};

use crate::{Errno, Error, Result};

/// A set of signals.
#[derive(Clone, Copy)]
pub struct SignalSet(libc::sigset_t);

impl SignalSet {
    /// No signal.
    pub fn empty() -> Self {
        // SAFETY: sigset_t is a plain C struct for which all zeroes is valid, and sigemptyset initialises it.
        let mut set = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is a live sigset_t.
        unsafe { libc::sigemptyset(&raw mut set) };
        Self(set)
    }

    /// Every signal, real-time ones too.
    pub fn all() -> Self {
        let mut set = Self::empty();
        // SAFETY: `set.0` is a live sigset_t.
        unsafe { libc::sigfillset(&raw mut set.0) };
        set
    }

    /// Takes `signals` out; a number that is no signal is passed over.
    #[must_use]
    pub fn without(mut self, signals: &[Signal]) -> Self {
        for signal in signals {
            // SAFETY: `self.0` is a live, initialised sigset_t; sigdelset checks the number.
            unsafe { libc::sigdelset(&raw mut self.0, signal.as_raw()) };
        }
        self
    }
}

/// One signal that was taken.
#[derive(Debug, Clone, Copy)]
pub struct SigInfo {
    /// Its number; real-time signals too.
    pub number: i32,
    /// True when it came from the kernel (a terminal's keys, a timer) rather than from kill(2) and its like.
    pub from_kernel: bool,
}

/// Blocks every signal that can be blocked and returns the mask from before.
///
/// # Errors
///
/// What sigprocmask(2) says.
pub fn block_signals() -> Result<SignalSet> {
    set_signal_mask(&SignalSet::all())
}

/// Sets the mask of blocked signals and returns the one from before.
///
/// # Errors
///
/// What sigprocmask(2) says.
pub fn set_signal_mask(mask: &SignalSet) -> Result<SignalSet> {
    let mut before = SignalSet::empty();
    // SAFETY: both point to live, initialised sigset_t values.
    let result = unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask.0, &raw mut before.0) };
    if result == 0 { Ok(before) } else { Err(last_error("sigprocmask(SIG_SETMASK)")) }
}

/// Sets every signal to its default action and unblocks all: what a program expects of its parent.
///
/// # Errors
///
/// What sigprocmask(2) says.
pub fn reset_signals() -> Result<()> {
    default_actions();
    set_signal_mask(&SignalSet::empty()).map(drop)
}

/// Sets every signal to its default action. The mask stays as it is: what is blocked and pending is not delivered.
pub fn default_actions() {
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: SIG_DFL installs no handler. The kernel refuses SIGKILL and SIGSTOP, and libc its own two internal
        // ones, which are at their defaults anyway: the answer does not matter.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// A descriptor that becomes readable when a signal of `set` is pending; signalfd(2), close-on-exec and
/// non-blocking. The signals must be blocked.
///
/// # Errors
///
/// What signalfd(2) says.
pub fn signal_fd(set: &SignalSet) -> Result<OwnedFd> {
    // SAFETY: `set.0` is a live, initialised sigset_t; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(last_error("signalfd(-1)"));
    }
    // SAFETY: the descriptor is new, so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Waits until a signal of `set` (which must be blocked) is pending, and takes it; sigwaitinfo(2).
///
/// # Errors
///
/// What sigwaitinfo(2) says; an interruption by another signal is waited through.
pub fn wait_for_signal(set: &SignalSet) -> Result<SigInfo> {
    loop {
        // SAFETY: siginfo_t is a plain C struct for which all zeroes is valid.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: both point to live values of the right types.
        let number = unsafe { libc::sigwaitinfo(&raw const set.0, &raw mut info) };
        if number > 0 {
            return Ok(SigInfo { number, from_kernel: info.si_code > 0 });
        }
        let error = last_error("sigwaitinfo()");
        if error.errno() != Errno::INTR {
            return Err(error);
        }
    }
}

fn last_error(call: &str) -> Error {
    Error::from_io(call, &std::io::Error::last_os_error())
}

/// Sends signal `number`, real-time ones too, to a process; kill(2). One that has ended, or may not be signalled, is
/// passed over: this is for handing signals on, where nobody could do anything about it.
pub fn send_signal(pid: Pid, number: i32) {
    // SAFETY: kill has no memory effects; the pid is positive, so it names one process and not a group.
    unsafe { libc::kill(pid.as_raw_nonzero().get(), number) };
}

/// Sends signal `number`, real-time ones too, to the process of a pidfd; pidfd_send_signal(2) (Linux 5.1).
///
/// # Errors
///
/// `ESRCH` when it has ended, `EPERM` when the caller may not signal it, `EINVAL` when there is no such signal.
pub fn send_signal_by_pidfd(pidfd: BorrowedFd<'_>, number: i32) -> Result<()> {
    let info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a null siginfo asks the kernel to fill one in as kill(2) does; the descriptor is open while borrowed.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), number, info, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(last_error(&format!("pidfd_send_signal({}, {number})", pidfd.as_raw_fd())))
    }
}
