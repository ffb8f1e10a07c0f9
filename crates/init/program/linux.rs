//! The system calls of the init, and the stack that the kernel starts it with. All that is unsafe is here and below.

mod arguments;
mod children;
mod filter;
mod memory;
mod number;
mod spawn;

use core::arch::asm;

pub(crate) use arguments::{Arguments, Path};
pub(crate) use children::Children;
pub(crate) use filter::Filter;
pub(crate) use spawn::spawn;

use crate::orders::{self, TITLE};

/// An error number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const NOENT: Self = Self(2);
    pub(crate) const INTR: Self = Self(4);
    pub(crate) const ACCES: Self = Self(13);
    pub(crate) const NOTDIR: Self = Self(20);
    pub(crate) const NAMETOOLONG: Self = Self(36);
}

/// A descriptor.
#[derive(Clone, Copy)]
pub(crate) struct Fd(pub(crate) i32);

/// A process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pid(i32);

impl Pid {
    /// PID 1.
    pub(crate) const INIT: Self = Self(1);

    /// Reads a number that is a process's.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        orders::number(text).filter(|number| *number > 0).map(Self)
    }
}

pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGCHLD: i32 = 17;

const SIG_SETMASK: usize = 2;
const PR_SET_PDEATHSIG: usize = 1;
const PR_SET_DUMPABLE: usize = 4;
const PR_SET_NAME: usize = 15;
const PR_SET_CHILD_SUBREAPER: usize = 36;
const SOCK_CLOEXEC: usize = 0o2_000_000;
const O_CLOEXEC: usize = 0o2_000_000;
const O_NONBLOCK: usize = 0o4000;
const O_NOCTTY: usize = 0o400;
const AT_FDCWD: usize = usize::MAX - 99;
const F_SETFD: usize = 2;
const FD_CLOEXEC: usize = 1;
const MSG_NOSIGNAL: usize = 0x4000;
const TIOCSCTTY: usize = 0x540e;
const TIOCSPGRP: usize = 0x5410;
const WNOHANG: usize = 1;
const POLLIN: i16 = 1;
/// The kernel's sigset_t: a bit for each of 64 signals.
const SIGSET_SIZE: usize = 8;

/// Any system call.
///
/// # Safety
///
/// What the arguments point to must be what the call reads and writes there.
unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the registers are those of the kernel's calling convention; the caller answers for the arguments.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c, in("x3") d, in("x4") e,
             in("x5") f, options(nostack));
    }
    result_of(result)
}

/// What the register of the result means.
fn result_of(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| Errno(i32::try_from(result.wrapping_neg()).unwrap_or(i32::MAX)))
}

/// A call whose arguments are numbers alone, so that it touches no memory.
fn plain(number: usize, arguments: [usize; 3]) -> Result<usize, Errno> {
    let [a, b, c] = arguments;
    // SAFETY: no argument is an address.
    unsafe { call(number, [a, b, c, 0, 0, 0]) }
}

/// A descriptor or pid as an argument: both are never negative.
fn index(number: i32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn as_i32(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

pub(crate) fn exit(status: u8) -> ! {
    loop {
        let _ = plain(number::EXIT_GROUP, [usize::from(status), 0, 0]);
    }
}

pub(crate) fn close(fd: Fd) {
    let _ = plain(number::CLOSE, [index(fd.0), 0, 0]);
}

pub(crate) fn getpid() -> Pid {
    Pid(plain(number::GETPID, [0; 3]).map_or(0, as_i32))
}

pub(crate) fn getppid() -> Pid {
    Pid(plain(number::GETPPID, [0; 3]).map_or(0, as_i32))
}

pub(crate) fn setsid() -> Result<(), Errno> {
    plain(number::SETSID, [0; 3]).map(drop)
}

pub(crate) fn kill(pid: Pid, signal: i32) -> Result<(), Errno> {
    plain(number::KILL, [index(pid.0), index(signal), 0]).map(drop)
}

/// Makes the terminal on the standard input that of this session.
pub(crate) fn take_terminal() -> Result<(), Errno> {
    plain(number::IOCTL, [0, TIOCSCTTY, 0]).map(drop)
}

pub(crate) fn die_with_parent() -> Result<(), Errno> {
    plain(number::PRCTL, [PR_SET_PDEATHSIG, index(SIGKILL), 0]).map(drop)
}

pub(crate) fn become_subreaper() {
    let _ = plain(number::PRCTL, [PR_SET_CHILD_SUBREAPER, 1, 0]);
}

pub(crate) fn set_dumpable(dumpable: bool) {
    let _ = plain(number::PRCTL, [PR_SET_DUMPABLE, usize::from(dumpable), 0]);
}

/// A program that is executed by its descriptor has the number of that for a name.
pub(crate) fn set_name() {
    // TASK_COMM_LEN: what the kernel keeps, the NUL at its end among it.
    let mut name = [0; 16];
    name.iter_mut().take(15).zip(TITLE.bytes()).for_each(|(place, byte)| *place = byte);
    // SAFETY: prctl(2) reads the string up to its NUL, which is the last byte at the latest.
    let _ = unsafe { call(number::PRCTL, [PR_SET_NAME, name.as_ptr().expose_provenance(), 0, 0, 0, 0]) };
}

pub(crate) fn close_on_exec(fd: Fd) {
    let _ = plain(number::FCNTL, [index(fd.0), F_SETFD, FD_CLOEXEC]);
}

/// Takes one connection.
pub(crate) fn accept(listener: Fd) -> Option<Fd> {
    loop {
        // SAFETY: the address of the other side is not asked for: both pointers are null.
        let accepted = unsafe { call(number::ACCEPT4, [index(listener.0), 0, 0, SOCK_CLOEXEC, 0, 0]) };
        match accepted {
            Err(Errno::INTR) => {}
            accepted => return accepted.ok().map(|fd| Fd(as_i32(fd))),
        }
    }
}

pub(crate) fn send(socket: Fd, message: &[u8]) {
    // SAFETY: the kernel reads as many bytes as the slice has; there is no address.
    let _ = unsafe {
        call(number::SENDTO, [index(socket.0), message.as_ptr().expose_provenance(), message.len(), MSG_NOSIGNAL, 0, 0])
    };
}

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    found: i16,
}

/// Whether the process of a pidfd has ended. (One that cannot be asked about, with RLIMIT_NOFILE of 0, counts as alive.)
pub(crate) fn has_ended(pidfd: Fd) -> bool {
    let mut poll = PollFd { fd: pidfd.0, events: POLLIN, found: 0 };
    let at_once = [0_i64; 2];
    // SAFETY: one pollfd is read and written, one timespec read; there is no signal mask.
    let ready = unsafe {
        call(number::PPOLL, [(&raw mut poll).expose_provenance(), 1, (&raw const at_once).expose_provenance(), 0, SIGSET_SIZE, 0])
    };
    ready.is_ok_and(|ready| ready > 0)
}

/// The signals that wait to be delivered, a bit for each.
pub(crate) fn pending_signals() -> u64 {
    let mut pending = 0_u64;
    // SAFETY: one sigset_t is written.
    let asked = unsafe { call(number::RT_SIGPENDING, [(&raw mut pending).expose_provenance(), SIGSET_SIZE, 0, 0, 0, 0]) };
    if asked.is_ok() { pending } else { 0 }
}

pub(crate) fn block_signals() {
    set_blocked(u64::MAX);
}

pub(crate) fn unblock_signals() {
    set_blocked(0);
}

/// Blocks the signals of this mask, a bit for each, and no others.
fn set_blocked(mask: u64) {
    // SAFETY: one sigset_t is read; the old one is not asked for.
    let _ = unsafe {
        call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const mask).expose_provenance(), 0, SIGSET_SIZE, 0, 0])
    };
}

/// Gives each signal its default action: whoever executed this may have had some ignored.
pub(crate) fn default_actions() {
    // The kernel's sigaction: SIG_DFL, no flags, no restorer, nothing masked.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: one sigaction is read; the old one is not asked for. SIGKILL and SIGSTOP are refused.
        let _ = unsafe {
            call(number::RT_SIGACTION, [signal, (&raw const default).expose_provenance(), 0, SIGSET_SIZE, 0, 0])
        };
    }
}

/// Makes this process the first of a group.
pub(crate) fn lead_group() -> Result<(), Errno> {
    plain(number::SETPGID, [0; 3]).map(drop)
}

/// Puts the group that this process leads into the foreground of the terminal on the standard input, if it is one.
pub(crate) fn enter_foreground() {
    let group = getpid().0;
    // SAFETY: one pid is read.
    let _ = unsafe { call(number::IOCTL, [0, TIOCSPGRP, (&raw const group).expose_provenance(), 0, 0, 0]) };
}

pub(crate) fn write(fd: Fd, text: &[u8]) {
    // SAFETY: as many bytes are read as the slice has.
    let _ = unsafe { call(number::WRITE, [index(fd.0), text.as_ptr().expose_provenance(), text.len(), 0, 0, 0]) };
}

/// How long a signal is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    UntilItComes,
    /// Less than a second.
    Milliseconds(u32),
}

/// Waits for any signal; all are blocked.
pub(crate) fn wait_for_signal(patience: Patience) -> Result<i32, Errno> {
    let all = u64::MAX;
    let time = match patience {
        Patience::UntilItComes => None,
        Patience::Milliseconds(milliseconds) => Some([0, i64::from(milliseconds) * 1_000_000]),
    };
    let time = time.as_ref().map_or(0, |time| core::ptr::from_ref(time).expose_provenance());
    // SAFETY: one sigset_t is read, and one timespec where there is one; the siginfo is not asked for.
    let signal =
        unsafe { call(number::RT_SIGTIMEDWAIT, [(&raw const all).expose_provenance(), 0, time, SIGSET_SIZE, 0, 0]) }?;
    Ok(as_i32(signal))
}

/// Who is reaped.
#[derive(Clone, Copy)]
pub(crate) enum Whom {
    Any,
    Child(Pid),
}


/// Reaps a process that has ended: who it was, and its status as a shell has it. `None` when none has.
pub(crate) fn wait(whom: Whom) -> Result<Option<(Pid, u8)>, Errno> {
    let mut status = 0_i32;
    let who = match whom {
        Whom::Any => usize::MAX,
        Whom::Child(pid) => index(pid.0),
    };
    // SAFETY: one int is written; the rusage is not asked for.
    let pid = unsafe { call(number::WAIT4, [who, (&raw mut status).expose_provenance(), WNOHANG, 0, 0, 0]) }?;
    let [code, signal] = [status >> 8 & 0xff, status & 0x7f];
    let shown = if signal == 0 { code } else { 128 + signal };
    Ok((pid != 0).then_some((Pid(as_i32(pid)), u8::try_from(shown).unwrap_or(u8::MAX))))
}

