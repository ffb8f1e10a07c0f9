//! setns(2) and unshare(2).

use std::os::fd::{AsFd, BorrowedFd};

use holm_sys::Context;
use rustix::thread::{
    LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};

use crate::{Kind, Kinds, Namespace};

/// Moves the calling thread into `namespace`; setns(2). For a PID namespace it is future children that are moved.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN` in the user namespace that owns it; `EINVAL` for a user or mount namespace while
/// the process has other threads, or for the user namespace that it is in already; `EUSERS` for a time namespace
/// while it has other threads.
pub fn join(namespace: &Namespace) -> holm_sys::Result<()> {
    let kind = namespace.kind();
    let flag = match kind {
        Kind::Mount => LinkNameSpaceType::Mount,
        Kind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        Kind::Ipc => LinkNameSpaceType::InterProcessCommunication,
        Kind::Pid => LinkNameSpaceType::ProcessID,
        Kind::Network => LinkNameSpaceType::Network,
        Kind::User => LinkNameSpaceType::User,
        Kind::Cgroup => LinkNameSpaceType::ControlGroup,
        Kind::Time => LinkNameSpaceType::Time,
    };
    move_into_link_name_space(namespace.as_fd(), Some(flag)).call(|| format!("setns({kind} namespace)"))
}

/// Moves the calling thread into the namespaces of these kinds of the process behind `pidfd`, all or none; setns(2)
/// with a pidfd (Linux 5.8).
///
/// # Errors
///
/// As [`join`]; `ESRCH` when the process has ended.
pub fn join_process(pidfd: BorrowedFd<'_>, kinds: Kinds) -> holm_sys::Result<()> {
    let mut types = ThreadNameSpaceType::empty();
    for kind in kinds.iter() {
        types |= match kind {
            Kind::Mount => ThreadNameSpaceType::MOUNT,
            Kind::Uts => ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
            Kind::Ipc => ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
            Kind::Pid => ThreadNameSpaceType::PROCESS_ID,
            Kind::Network => ThreadNameSpaceType::NETWORK,
            Kind::User => ThreadNameSpaceType::USER,
            Kind::Cgroup => ThreadNameSpaceType::CONTROL_GROUP,
            Kind::Time => ThreadNameSpaceType::TIME,
        };
    }
    move_into_thread_name_spaces(pidfd, types).call(|| format!("setns(pidfd, {kinds})"))
}

/// Moves the calling process into new namespaces of these kinds; unshare(2). For PID and time namespaces it is future
/// children that are moved.
///
/// # Errors
///
/// `EPERM` without `CAP_SYS_ADMIN` (none is needed for a user namespace, and what is made together with one); `EBUSY`
/// when the process has other threads; `ENOSPC` at the limits of /proc/sys/user.
pub fn unshare(kinds: Kinds) -> holm_sys::Result<()> {
    holm_sys::unshare(kinds.clone_flags())
}
