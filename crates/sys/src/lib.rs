//! The Linux system calls that containers need and rustix does not have.
//!
//! This is the only crate of Holm with `unsafe` code. One file per family of calls; file descriptors are owned;
//! flags are typed and named as in the man pages; there is no policy here. What rustix offers is used from there
//! by the other crates, which give its errors the same shape with [`Context`].
//!
//! An [`Error`] prints as strace prints the failed call: the call, its arguments, the name of the error.

mod bpf;
mod clone;
mod errno;
mod error;
mod exec;
mod fd;
mod keyring;
mod mount;
mod netdevice;
mod nsfs;
mod pid;
mod scheduling;
mod seccomp;
mod signal;
mod unshare;

pub use bpf::{BpfInstruction, attach_device_program, load_device_program};
pub use clone::{CloneFlags, CloneRequest, Forked, assert_single_threaded, clone3};
pub use errno::{describe as errno_description, name as errno_name};
pub use error::{Context, Error, Result, shortened};
pub use exec::{CStrings, execve, execveat, exit_now};
pub use fd::{close_all_but, inherit};
pub use keyring::join_session_keyring;
pub use mount::{MountAttr, MountSetattr, mount_setattr};
pub use netdevice::set_link_up;
pub use nsfs::{ns_get_nstype, ns_get_owner_uid, ns_get_parent, ns_get_userns};
pub use pid::pid_of_number;
pub use scheduling::{SchedAttr, ioprio_set, personality, sched_setattr, set_mempolicy};
pub use seccomp::{
    NotifiedCall, SeccompFilterFlags, SockFilter, seccomp_notify_answer, seccomp_notify_receive,
    seccomp_set_mode_filter,
};
pub use signal::{
    SigInfo, SignalSet, block_signals, default_actions, reset_signals, send_signal, send_signal_by_pidfd,
    set_signal_mask, signal_fd, wait_for_signal,
};

pub use unshare::unshare;

/// An error number of the kernel, as rustix has it.
pub use rustix::io::Errno;
