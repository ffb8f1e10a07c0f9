//! seccomp(2).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use bitflags::bitflags;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::{Error, Result};

const SECCOMP_SET_MODE_FILTER: libc::c_ulong = 1;

/// One instruction of a classic BPF program (`struct sock_filter`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct SockFilter {
    /// What it does.
    pub code: u16,
    /// How many instructions are passed over when a comparison holds.
    pub jt: u8,
    /// How many when it does not.
    pub jf: u8,
    /// Its operand.
    pub k: u32,
}

/// `struct sock_fprog`.
#[repr(C)]
struct SockFprog {
    len: libc::c_ushort,
    filter: *const SockFilter,
}

bitflags! {
    /// Flags of `SECCOMP_SET_MODE_FILTER`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct SeccompFilterFlags: u32 {
        /// `SECCOMP_FILTER_FLAG_TSYNC`: for all threads of the process.
        const TSYNC = 1;
        /// `SECCOMP_FILTER_FLAG_LOG`: all actions but allow are logged.
        const LOG = 1 << 1;
        /// `SECCOMP_FILTER_FLAG_SPEC_ALLOW`: the mitigation of speculative store bypass stays off (since Linux 4.17).
        const SPEC_ALLOW = 1 << 2;
        /// `SECCOMP_FILTER_FLAG_NEW_LISTENER`: the answer is a descriptor that hears of notifications (since Linux 5.0).
        const NEW_LISTENER = 1 << 3;
        /// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`: who waits for an answer is woken by fatal signals alone (since Linux
        /// 5.19).
        const WAIT_KILLABLE_RECV = 1 << 5;
    }
}

/// Puts the calling thread under a filter, as `seccomp(SECCOMP_SET_MODE_FILTER, flags, program)`. Nothing takes it away again.
/// With [`SeccompFilterFlags::NEW_LISTENER`] the answer is the listener, which is closed on exec.
///
/// # Errors
///
/// `EACCES` without CAP_SYS_ADMIN in the user namespace and without no_new_privs, `EINVAL` for a program or flags that the
/// kernel does not take, `EBUSY` where there is a listener already, `ENOMEM` where all filters together are too long.
pub fn seccomp_set_mode_filter(flags: SeccompFilterFlags, program: &[SockFilter]) -> Result<Option<OwnedFd>> {
    let call = || {
        let length = program.len();
        format!("seccomp(SECCOMP_SET_MODE_FILTER, {:#x}, {length} instructions)", flags.bits())
    };
    let len = libc::c_ushort::try_from(program.len()).map_err(|_| Error::new(call(), Errno::INVAL))?;
    let fprog = SockFprog { len, filter: program.as_ptr() };
    // SAFETY: `fprog` and the `len` instructions that it points to live over the call, and are only read.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            libc::c_ulong::from(flags.bits()),
            std::ptr::from_ref(&fprog),
        )
    };
    if result < 0 {
        return Err(Error::from_io(call(), &std::io::Error::last_os_error()));
    }
    if !flags.contains(SeccompFilterFlags::NEW_LISTENER) {
        return Ok(None);
    }
    let listener = RawFd::try_from(result).map_err(|_| Error::new(call(), Errno::BADF))?;
    // SAFETY: with this flag the kernel answers with a new descriptor, which nobody else owns.
    Ok(Some(unsafe { OwnedFd::from_raw_fd(listener) }))
}

const SECCOMP_IOCTL_NOTIF_RECV: libc::c_ulong = 0xc050_2100;
const SECCOMP_IOCTL_NOTIF_SEND: libc::c_ulong = 0xc018_2101;
const SECCOMP_USER_NOTIF_FLAG_CONTINUE: u32 = 1;

/// `struct seccomp_data`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct SeccompData {
    nr: libc::c_int,
    arch: u32,
    instruction_pointer: u64,
    args: [u64; 6],
}

/// `struct seccomp_notif`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct SeccompNotif {
    id: u64,
    pid: u32,
    flags: u32,
    data: SeccompData,
}

/// `struct seccomp_notif_resp`.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct SeccompNotifResp {
    id: u64,
    val: i64,
    error: i32,
    flags: u32,
}

/// A system call that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifiedCall {
    /// By which it is answered.
    pub id: u64,
    /// Its number.
    pub number: i32,
    /// Who calls, as the caller's PID namespace has it.
    pub pid: u32,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// Waits for a call that a filter notifies; `None` when nobody is under the filter any more. seccomp_unotify(2).
///
/// # Errors
///
/// `EINVAL` for a descriptor that is no listener.
pub fn seccomp_notify_receive(listener: impl AsFd) -> Result<Option<NotifiedCall>> {
    loop {
        let mut hang_up = [PollFd::new(&listener, PollFlags::IN)];
        match poll(&mut hang_up, None) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(Error::new("poll(seccomp listener)", errno)),
            Ok(_) if !hang_up.iter().any(|polled| polled.revents().contains(PollFlags::IN)) => {
                return Ok(None);
            }
            Ok(_) => {}
        }
        let mut notified = SeccompNotif::default();
        // SAFETY: the ioctl writes one `seccomp_notif`, which is zero before as it asks for.
        let result = unsafe {
            libc::ioctl(
                listener.as_fd().as_raw_fd(),
                SECCOMP_IOCTL_NOTIF_RECV as libc::Ioctl,
                std::ptr::from_mut(&mut notified),
            )
        };
        if result == 0 {
            let SeccompNotif { id, pid, data, .. } = notified;
            return Ok(Some(NotifiedCall { id, number: data.nr, pid, arguments: data.args }));
        }
        match std::io::Error::last_os_error() {
            // Who called has been killed meanwhile.
            error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => {}
            error => return Err(Error::from_io("ioctl(SECCOMP_IOCTL_NOTIF_RECV)", &error)),
        }
    }
}

/// Answers a call: by an error, or by letting it go on.
///
/// # Errors
///
/// `EINVAL` for a descriptor that is no listener. Who has been killed meanwhile is no error.
pub fn seccomp_notify_answer(listener: impl AsFd, id: u64, error: Option<Errno>) -> Result<()> {
    let flags = if error.is_none() { SECCOMP_USER_NOTIF_FLAG_CONTINUE } else { 0 };
    let error = error.map_or(0, |errno| -errno.raw_os_error());
    let answer = SeccompNotifResp { id, val: 0, error, flags };
    // SAFETY: the ioctl reads one `seccomp_notif_resp`.
    let result = unsafe {
        libc::ioctl(
            listener.as_fd().as_raw_fd(),
            SECCOMP_IOCTL_NOTIF_SEND as libc::Ioctl,
            std::ptr::from_ref(&answer),
        )
    };
    match std::io::Error::last_os_error() {
        error if result < 0 && error.raw_os_error() != Some(libc::ENOENT) => {
            Err(Error::from_io("ioctl(SECCOMP_IOCTL_NOTIF_SEND)", &error))
        }
        _ => Ok(()),
    }
}
