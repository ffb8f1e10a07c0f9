//! clone3(2): one new process in any set of new namespaces, straight into its cgroup.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use bitflags::bitflags;
use rustix::process::Pid;

use crate::{Errno, Error, Result};

bitflags! {
    /// The flags of clone3(2) that Holm uses. `CLONE_PIDFD` is always set by [`clone3`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub struct CloneFlags: u64 {
        /// A new mount namespace.
        const NEWNS = libc::CLONE_NEWNS as u64;
        /// A new UTS namespace.
        const NEWUTS = libc::CLONE_NEWUTS as u64;
        /// A new IPC namespace.
        const NEWIPC = libc::CLONE_NEWIPC as u64;
        /// A new PID namespace, in which the child is PID 1.
        const NEWPID = libc::CLONE_NEWPID as u64;
        /// A new network namespace.
        const NEWNET = libc::CLONE_NEWNET as u64;
        /// A new user namespace, made before all others.
        const NEWUSER = libc::CLONE_NEWUSER as u64;
        /// A new cgroup namespace, rooted at the cgroup of the *caller*.
        const NEWCGROUP = libc::CLONE_NEWCGROUP as u64;
        /// A new time namespace (Linux 5.6), whose offsets can no longer be set.
        const NEWTIME = 0x80;
        /// The child becomes a sibling of the caller: its parent is the caller's parent.
        const PARENT = libc::CLONE_PARENT as u64;
    }
}

/// What [`clone3`] is asked for.
#[derive(Debug, Clone, Copy)]
pub struct CloneRequest<'fd> {
    /// The namespaces to make, and the child's place in the tree.
    pub flags: CloneFlags,
    /// The cgroup (v2) into which the child is born (`CLONE_INTO_CGROUP`, Linux 5.7): a directory fd.
    pub cgroup: Option<BorrowedFd<'fd>>,
}

/// On which side of the clone the caller is.
#[derive(Debug)]
pub enum Forked {
    /// The caller goes on, with its child's pid (in the caller's PID namespace) and pidfd (close-on-exec).
    Parent {
        /// The child's pid.
        pid: Pid,
        /// The child's pidfd.
        pidfd: OwnedFd,
    },
    /// This is the child.
    Child,
}

#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes one process, as clone3(2); it signals its parent with `SIGCHLD` when it ends, unless it is a sibling
/// ([`CloneFlags::PARENT`]), which signals as its parent's own children do.
///
/// The child has a copy of the caller's memory, as after fork(2); so the caller must be single-threaded, which is
/// checked: a lock that another thread held would stay locked in the child for ever.
///
/// # Errors
///
/// `EBUSY` when the process has more than one thread (nothing was made); else what clone3(2) says: `EPERM` without
/// `CAP_SYS_ADMIN` (no privilege is needed with [`CloneFlags::NEWUSER`]), `ENOSPC` or `EUSERS` at the limits of
/// /proc/sys/user. Where a filter answers `ENOSYS`, as Docker's does because it cannot look into the arguments, clone(2)
/// is called instead, unless the request has what that cannot be asked for: a cgroup, or a time namespace.
pub fn clone3(request: &CloneRequest<'_>) -> Result<Forked> {
    assert_single_threaded()?;
    match by_clone3(request) {
        Err(error) if error.errno() == Errno::NOSYS && fits_clone(request) => by_clone(request),
        result => result,
    }
}

/// The flag of a time namespace is among the bits of the signal.
fn fits_clone(request: &CloneRequest<'_>) -> bool {
    request.cgroup.is_none() && !request.flags.contains(CloneFlags::NEWTIME)
}

/// The signal by which the parent hears of the end.
fn exit_signal(request: &CloneRequest<'_>) -> i32 {
    if request.flags.contains(CloneFlags::PARENT) { 0 } else { libc::SIGCHLD }
}

fn by_clone3(request: &CloneRequest<'_>) -> Result<Forked> {
    let mut pidfd: i32 = -1;
    let mut args = CloneArgs {
        flags: request.flags.bits() | libc::CLONE_PIDFD as u64,
        pidfd: std::ptr::from_mut(&mut pidfd) as u64,
        exit_signal: u64::try_from(exit_signal(request)).unwrap_or_default(),
        ..CloneArgs::default()
    };
    if let Some(cgroup) = request.cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(cgroup.as_raw_fd()).unwrap_or(u64::MAX);
    }
    // SAFETY: `args` is a fully initialised clone_args of the size given, and outlives the call; its `pidfd` points
    // to a live i32. No CLONE_VM and no stack: the child runs on a copy of this very stack, as after fork(2), and
    // the process has no other thread whose locks the copy could hold (asserted above).
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<CloneArgs>()) };
    match result {
        -1 => Err(last_error("clone3", request)),
        0 => Ok(Forked::Child),
        // SAFETY: clone3 succeeded with CLONE_PIDFD, so `pidfd` is a new descriptor that nobody else owns.
        pid => parent_of(pid, unsafe { OwnedFd::from_raw_fd(pidfd) }),
    }
}

/// The same by clone(2), which stores the pidfd where it would store the pid (Linux 5.2).
fn by_clone(request: &CloneRequest<'_>) -> Result<Forked> {
    let mut pidfd: i32 = -1;
    let signal = libc::c_long::from(exit_signal(request));
    let flags = libc::c_long::try_from(request.flags.bits()).unwrap_or_default();
    let flags = flags | libc::c_long::from(libc::CLONE_PIDFD) | signal;
    let (stack, unused): (libc::c_long, libc::c_long) = (0, 0);
    // SAFETY: as with clone3: no CLONE_VM and no stack of its own, one thread; the third argument points to a live i32.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, stack, &raw mut pidfd, unused, unused) };
    match result {
        -1 => Err(last_error("clone", request)),
        0 => Ok(Forked::Child),
        // SAFETY: clone succeeded with CLONE_PIDFD, so `pidfd` is a new descriptor that nobody else owns.
        pid => parent_of(pid, unsafe { OwnedFd::from_raw_fd(pidfd) }),
    }
}

fn parent_of(pid: libc::c_long, pidfd: OwnedFd) -> Result<Forked> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.map(|pid| Forked::Parent { pid, pidfd }).ok_or_else(|| Error::new("clone3()", Errno::OVERFLOW))
}

fn last_error(call: &str, request: &CloneRequest<'_>) -> Error {
    Error::from_io(format!("{call}({:?})", request.flags), &std::io::Error::last_os_error())
}

/// Checks that this process has exactly one thread, by the link count of /proc/self/task. Where /proc is not this
/// process's (another PID namespace's, or none) that cannot be told and passes: who is there was cloned a moment ago.
///
/// # Errors
///
/// `EBUSY` when there are more.
pub fn assert_single_threaded() -> Result<()> {
    // A directory has two links and one more for each directory in it: one per thread.
    match rustix::fs::stat("/proc/self/task") {
        Ok(tasks) if tasks.st_nlink != 3 => match living_threads() {
            0 | 1 => Ok(()),
            threads => Err(Error::new(format!("clone3() in a process of {threads} threads"), Errno::BUSY)),
        },
        _ => Ok(()),
    }
}

/// The threads that still run code of this program. One that was joined is listed for a moment longer: pthread_join(3)
/// comes back when the kernel clears its id, which is after the thread was marked as exiting.
fn living_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
    stats.filter(|stat| !is_exiting(stat)).count()
}

/// Whether the flags of a task, by its line of proc_pid_stat(5), have `PF_EXITING`.
fn is_exiting(stat: &str) -> bool {
    const PF_EXITING: u32 = 0x4;
    // The name of the task, in parentheses, may have anything in it.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let flags = fields.skip(6).find_map(|field| field.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & PF_EXITING != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_on_its_way_out_is_known_by_its_flags() {
        let line = |flags: u32| format!("7 (a) b) S 1 7 7 0 -1 {flags} 9 0 0 0");
        assert!(is_exiting(&line(0x0040_0144)));
        assert!(!is_exiting(&line(0x0040_0140)));
    }

    #[test]
    fn a_thread_that_was_joined_is_gone_or_exiting() {
        for _ in 0..500 {
            let id = std::thread::spawn(rustix::thread::gettid).join().unwrap();
            let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", id.as_raw_nonzero()));
            assert!(stat.as_ref().map_or(true, |stat| is_exiting(stat)), "{stat:?}");
        }
        let own = rustix::thread::gettid().as_raw_nonzero();
        assert!(!is_exiting(&std::fs::read_to_string(format!("/proc/self/task/{own}/stat")).unwrap()));
    }
}
