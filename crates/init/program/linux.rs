//! The system calls of the init, and the stack that the kernel starts it with. All that is unsafe is here.

use core::arch::{asm, global_asm};

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
        let number = core::str::from_utf8(text).ok()?.parse().ok()?;
        (number > 0).then_some(Self(number))
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

#[cfg(target_arch = "x86_64")]
mod number {
    pub(super) const READ: usize = 0;
    pub(super) const WRITE: usize = 1;
    pub(super) const CLOSE: usize = 3;
    pub(super) const RT_SIGACTION: usize = 13;
    pub(super) const RT_SIGPROCMASK: usize = 14;
    pub(super) const IOCTL: usize = 16;
    pub(super) const GETPID: usize = 39;
    pub(super) const SENDTO: usize = 44;
    pub(super) const CLONE: usize = 56;
    pub(super) const EXECVE: usize = 59;
    pub(super) const WAIT4: usize = 61;
    pub(super) const KILL: usize = 62;
    pub(super) const FCNTL: usize = 72;
    pub(super) const SETPGID: usize = 109;
    pub(super) const GETPPID: usize = 110;
    pub(super) const SETSID: usize = 112;
    pub(super) const RT_SIGTIMEDWAIT: usize = 128;
    pub(super) const PRCTL: usize = 157;
    pub(super) const EXIT_GROUP: usize = 231;
    pub(super) const OPENAT: usize = 257;
    pub(super) const PPOLL: usize = 271;
    pub(super) const ACCEPT4: usize = 288;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub(super) const FCNTL: usize = 25;
    pub(super) const IOCTL: usize = 29;
    pub(super) const OPENAT: usize = 56;
    pub(super) const CLOSE: usize = 57;
    pub(super) const READ: usize = 63;
    pub(super) const WRITE: usize = 64;
    pub(super) const PPOLL: usize = 73;
    pub(super) const EXIT_GROUP: usize = 94;
    pub(super) const KILL: usize = 129;
    pub(super) const RT_SIGACTION: usize = 134;
    pub(super) const RT_SIGPROCMASK: usize = 135;
    pub(super) const RT_SIGTIMEDWAIT: usize = 137;
    pub(super) const SETPGID: usize = 154;
    pub(super) const SETSID: usize = 157;
    pub(super) const PRCTL: usize = 167;
    pub(super) const GETPID: usize = 172;
    pub(super) const GETPPID: usize = 173;
    pub(super) const SENDTO: usize = 206;
    pub(super) const CLONE: usize = 220;
    pub(super) const EXECVE: usize = 221;
    pub(super) const ACCEPT4: usize = 242;
    pub(super) const WAIT4: usize = 260;
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the init knows the system calls of x86_64 and aarch64: add those of this architecture here");

// The first instructions: the stack, as the kernel has laid it out, is the argument; the frame that calls is the last.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    entry = sym entry
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "and sp, x0, #-16",
    "b {entry}",
    entry = sym entry
);

/// # Safety
///
/// `stack` is the stack of a process that has just been executed.
unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the kernel puts the number of arguments on top of the stack, which is live for the whole process.
    let count = unsafe { stack.read() };
    // SAFETY: behind it are as many pointers to arguments and a null pointer, on the same stack.
    let words = unsafe { stack.add(1) }.cast::<*mut u8>();
    crate::life::run(&Arguments { count, words })
}

/// The arguments and the environment of this program, where the kernel has put them.
pub(crate) struct Arguments {
    count: usize,
    words: *const *mut u8,
}

impl Arguments {
    /// The argument `index`.
    pub(crate) fn word(&self, index: usize) -> Option<&[u8]> {
        if index >= self.count {
            return None;
        }
        // SAFETY: there are `count` pointers, to strings that end in NUL and live as long as the process.
        Some(unsafe {
            let start = *self.words.add(index);
            core::slice::from_raw_parts(start, length(start))
        })
    }

    /// Becomes the program at `path`, with the arguments from `index` on.
    pub(crate) fn execute(&self, path: Path<'_>, index: usize) -> Errno {
        if index > self.count {
            return Errno::NOENT;
        }
        // SAFETY: the pointers up to `count` are arguments, the one there is null, and behind it are those of the
        // environment, with a null pointer at their end: both are arrays that execve(2) takes.
        let (argv, envp) = unsafe { (self.words.add(index), self.environment()) };
        let arguments = [path.0.as_ptr().addr(), argv.addr(), envp.addr(), 0, 0, 0];
        // SAFETY: a path has a NUL; execve(2) changes nothing of this process unless it succeeds.
        unsafe { call(number::EXECVE, arguments) }.err().unwrap_or(Errno(0))
    }

    /// The argument `index` as a path.
    pub(crate) fn path(&self, index: usize) -> Option<Path<'_>> {
        let word = self.word(index)?;
        // SAFETY: the string of an argument has its NUL right behind it.
        Some(Path(unsafe { core::slice::from_raw_parts(word.as_ptr(), word.len() + 1) }))
    }

    /// What stands behind `name`, which ends in `=`, in the environment.
    pub(crate) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        // SAFETY: by the layout.
        let mut variable = unsafe { self.environment() };
        loop {
            // SAFETY: the array ends with a null pointer, and until there each points to a string.
            let text = unsafe {
                let start = *variable;
                if start.is_null() {
                    return None;
                }
                variable = variable.add(1);
                core::slice::from_raw_parts(start, length(start))
            };
            if let Some(value) = text.strip_prefix(name) {
                return Some(value);
            }
        }
    }

    /// # Safety
    ///
    /// As the kernel has laid them out: `count` pointers and a null pointer stand before those of the environment.
    unsafe fn environment(&self) -> *const *mut u8 {
        // SAFETY: by the layout.
        unsafe { self.words.add(self.count + 1) }
    }

    /// Writes zeroes over every argument but the first, and over the environment: /proc/PID/cmdline shows the first
    /// alone, and /proc/PID/environ nothing.
    pub(crate) fn forget_all_but_first(&self) {
        for index in 1..self.count {
            // SAFETY: as in `word`; the strings are on this process's stack, which is writable, and nothing refers to
            // them any more.
            unsafe { clear(*self.words.add(index)) };
        }
        // SAFETY: by the layout.
        let mut variable = unsafe { self.environment() };
        // SAFETY: the array ends with a null pointer; until there each points to a string as above.
        unsafe {
            while !(*variable).is_null() {
                clear(*variable);
                variable = variable.add(1);
            }
        }
    }
}

/// A path as the kernel takes it: bytes with a NUL among them.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// The bytes up to the first NUL.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.contains(&0).then_some(Self(bytes))
    }
}

/// # Safety
///
/// `string` ends in NUL.
unsafe fn length(string: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: everything up to the NUL belongs to the string. Volatile, so that no strlen(3) is called for it.
    while unsafe { string.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// # Safety
///
/// `string` ends in NUL and is writable, and nobody reads it meanwhile.
unsafe fn clear(mut string: *mut u8) {
    // SAFETY: as in `length`; the NUL at the end is not passed.
    unsafe {
        while string.read_volatile() != 0 {
            string.write_volatile(0);
            string = string.add(1);
        }
    }
}

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
    match usize::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(Errno(i32::try_from(result.wrapping_neg()).unwrap_or(i32::MAX))),
    }
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

pub(crate) fn kill(pid: Pid, signal: i32) {
    let _ = plain(number::KILL, [index(pid.0), index(signal), 0]);
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
    // SAFETY: prctl(2) reads the string up to its NUL.
    let _ = unsafe { call(number::PRCTL, [PR_SET_NAME, c"holm-init".as_ptr().addr(), 0, 0, 0, 0]) };
}

/// A copy of this process; `None` in the copy.
pub(crate) fn fork() -> Result<Option<Pid>, Errno> {
    // SAFETY: no memory is shared and no stack given: the copy goes on with its own copy of this one.
    let child = unsafe { call(number::CLONE, [index(SIGCHLD), 0, 0, 0, 0, 0]) }?;
    Ok((child != 0).then_some(Pid(as_i32(child))))
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
        call(number::SENDTO, [index(socket.0), message.as_ptr().addr(), message.len(), MSG_NOSIGNAL, 0, 0])
    };
}

#[repr(C)]
struct PollFd {
    fd: i32,
    events: i16,
    found: i16,
}

/// Whether the process of a pidfd has ended; one that cannot be asked has.
pub(crate) fn has_ended(pidfd: Fd) -> bool {
    let mut poll = PollFd { fd: pidfd.0, events: POLLIN, found: 0 };
    let at_once = [0_i64; 2];
    // SAFETY: one pollfd is read and written, one timespec read; there is no signal mask.
    let ready = unsafe {
        call(number::PPOLL, [(&raw mut poll).addr(), 1, (&raw const at_once).addr(), 0, SIGSET_SIZE, 0])
    };
    ready != Ok(0)
}

pub(crate) fn unblock_signals() {
    let none = 0_u64;
    // SAFETY: one sigset_t is read; the old one is not asked for.
    let _ = unsafe {
        call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const none).addr(), 0, SIGSET_SIZE, 0, 0])
    };
}

/// Blocks every signal, and gives each its default action: whoever executed this may have had some ignored.
pub(crate) fn reset_signals() {
    let all = u64::MAX;
    // SAFETY: one sigset_t is read; the old one is not asked for.
    let _ =
        unsafe { call(number::RT_SIGPROCMASK, [SIG_SETMASK, (&raw const all).addr(), 0, SIGSET_SIZE, 0, 0]) };
    // The kernel's sigaction: SIG_DFL, no flags, no restorer, nothing masked.
    let default = [0_u64; 4];
    for signal in 1..=64 {
        // SAFETY: one sigaction is read; the old one is not asked for. SIGKILL and SIGSTOP are refused.
        let _ = unsafe {
            call(number::RT_SIGACTION, [signal, (&raw const default).addr(), 0, SIGSET_SIZE, 0, 0])
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
    let _ = unsafe { call(number::IOCTL, [0, TIOCSPGRP, (&raw const group).addr(), 0, 0, 0]) };
}

pub(crate) fn write(fd: Fd, text: &[u8]) {
    // SAFETY: as many bytes are read as the slice has.
    let _ = unsafe { call(number::WRITE, [index(fd.0), text.as_ptr().addr(), text.len(), 0, 0, 0]) };
}

/// Waits for any signal; all are blocked.
pub(crate) fn wait_for_signal() -> Result<i32, Errno> {
    let all = u64::MAX;
    // SAFETY: one sigset_t is read; neither is its siginfo asked for nor a time-out given.
    let signal =
        unsafe { call(number::RT_SIGTIMEDWAIT, [(&raw const all).addr(), 0, 0, SIGSET_SIZE, 0, 0]) }?;
    Ok(as_i32(signal))
}

/// Reaps `child`, for which it waits, or any process that has ended: who it was, and its status as a shell has it.
pub(crate) fn wait(child: Option<Pid>) -> Result<Option<(Pid, u8)>, Errno> {
    let mut status = 0_i32;
    let (who, options) = child.map_or((usize::MAX, WNOHANG), |pid| (index(pid.0), 0));
    // SAFETY: one int is written; the rusage is not asked for.
    let pid = unsafe { call(number::WAIT4, [who, (&raw mut status).addr(), options, 0, 0, 0]) }?;
    let [code, signal] = [status >> 8 & 0xff, status & 0x7f];
    let shown = if signal == 0 { code } else { 128 + signal };
    Ok((pid != 0).then_some((Pid(as_i32(pid)), u8::try_from(shown).unwrap_or(u8::MAX))))
}

/// The children of this process, as far as `text` has room: numbers, each with a space behind it.
pub(crate) fn read_children(text: &mut [u8]) -> &[u8] {
    let path = c"/proc/thread-self/children";
    // SAFETY: openat(2) reads the path up to its NUL.
    let opened = unsafe { call(number::OPENAT, [AT_FDCWD, path.as_ptr().addr(), O_CLOEXEC, 0, 0, 0]) };
    let Ok(file) = opened else { return &[] };
    // SAFETY: as many bytes are written at most as the slice has.
    let read = unsafe { call(number::READ, [file, text.as_mut_ptr().addr(), text.len(), 0, 0, 0]) };
    close(Fd(as_i32(file)));
    text.get(..read.unwrap_or(0)).unwrap_or_default()
}

/// What the compiler writes calls to; byte by byte, as there are few of them.
mod memory {
    /// memset(3).
    ///
    /// # Safety
    ///
    /// `to` is valid for `length` bytes.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
        let byte = u8::try_from(byte & 0xff).unwrap_or_default();
        for index in 0..length {
            // SAFETY: by the contract. Volatile, so that this does not become a call of itself.
            unsafe { to.add(index).write_volatile(byte) };
        }
        to
    }

    /// memcpy(3).
    ///
    /// # Safety
    ///
    /// `to` and `from` are valid for `length` bytes, and apart.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
        for index in 0..length {
            // SAFETY: as in `memset`.
            unsafe { to.add(index).write_volatile(from.add(index).read()) };
        }
        to
    }
}

/// What core refers to for unwinding, which there is none of: a panic ends the process.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
