//! Filters of system calls (seccomp(2)).
//!
//! [`compile()`] turns a [`Profile`] into a [`Program`] of classic BPF, without a look at the machine; [`Filter::load`]
//! puts the calling thread under it. They are apart: a filter is compiled before anything is made, and loaded by the last
//! process at its last moment.
//!
//! What a profile means is what libseccomp makes of it, as other runtimes use it:
//!
//! - The conditions of a rule hold together; several rules for one system call stand beside each other, and the first one
//!   that holds decides. A rule without conditions goes before all that have some.
//! - Two conditions of one rule on the same argument make it several rules, one for each of its conditions.
//! - A name that an architecture does not have is passed over there; one that no architecture has is passed over.
//! - A rule whose action is the default is no rule.
//! - A system call of an architecture that the profile does not name kills the thread. The native one is always named.
//! - On 32-bit architectures the lower half of a value counts.
//! - On x86 what goes through socketcall(2) and ipc(2) is filtered by its first argument too.
//!
//! One thing comes from runc: where the default action does not let a call through, calls that are newer than every one
//! that the profile names answer `ENOSYS`. Libraries fall back to older calls then, and would not with `EPERM`.
#![forbid(unsafe_code)]

mod assemble;
mod compile;
mod condition;
mod filter;
mod profile;
mod syscalls;

pub use compile::compile;
pub use filter::{Filter, Flags, Listener, Malformed, Program};
pub use holm_sys::SeccompFilterFlags;
pub use profile::{Action, Arch, Condition, Operator, Profile, Rule};
pub use syscalls::{is_known, number};

/// One instruction of a program.
pub type Instruction = holm_sys::SockFilter;

/// Why there is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel takes programs of [`MOST_INSTRUCTIONS`].
    #[error("the filter has more than {MOST_INSTRUCTIONS} instructions, which the kernel does not take")]
    TooLong,
}

/// `BPF_MAXINSNS` of the kernel.
pub const MOST_INSTRUCTIONS: usize = 4096;
