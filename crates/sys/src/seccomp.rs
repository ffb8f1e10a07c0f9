//! seccomp(2).

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use bitflags::bitflags;
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
