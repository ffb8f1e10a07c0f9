//! sched_setattr(2), ioprio_set(2), personality(2) and set_mempolicy(2): how the calling thread runs.

use crate::{Error, Result};

/// What sched_setattr(2) is told. The numbers are those of the kernel's headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SchedAttr {
    /// `SCHED_OTHER` and its like.
    pub policy: u32,
    /// `SCHED_FLAG_RESET_ON_FORK` and its like.
    pub flags: u64,
    /// For the policies without a priority.
    pub nice: i32,
    /// For those with one.
    pub priority: u32,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub runtime: u64,
    /// As well.
    pub deadline: u64,
    /// As well.
    pub period: u64,
}

/// `struct sched_attr` as of Linux 5.3 (`SCHED_ATTR_SIZE_VER1`).
#[repr(C)]
struct KernelAttr {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    util_min: u32,
    util_max: u32,
}

const SIZE: u32 = 56;
const _: () = assert!(size_of::<KernelAttr>() == SIZE as usize);

/// Sets how the calling thread is scheduled; sched_setattr(2).
///
/// # Errors
///
/// `EPERM` for a real-time policy or a lower nice value without `CAP_SYS_NICE` in the first user namespace; `EINVAL` for
/// what the policy does not have; `EBUSY` when a deadline cannot be guaranteed.
pub fn sched_setattr(attr: &SchedAttr) -> Result<()> {
    let mut kernel = KernelAttr {
        size: SIZE,
        policy: attr.policy,
        flags: attr.flags,
        nice: attr.nice,
        priority: attr.priority,
        runtime: attr.runtime,
        deadline: attr.deadline,
        period: attr.period,
        util_min: 0,
        util_max: 0,
    };
    // SAFETY: `kernel` is a fully initialised sched_attr of the size that it names, which outlives the call; the kernel
    // writes to its `size` alone, and only on E2BIG, for which it is handed over as mutable.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw mut kernel, 0) };
    check(result, || format!("sched_setattr(0, {attr:?})"))
}

/// Sets the I/O priority of the calling thread: a class and a level in it; ioprio_set(2).
///
/// # Errors
///
/// `EPERM` for the real-time class without `CAP_SYS_NICE` or `CAP_SYS_ADMIN`, `EINVAL` for what there is none of.
pub fn ioprio_set(class: u16, level: u16) -> Result<()> {
    const IOPRIO_WHO_PROCESS: libc::c_int = 1;
    let priority = libc::c_int::from(class) << 13 | libc::c_int::from(level);
    // SAFETY: the call has no memory effects.
    let result = unsafe { libc::syscall(libc::SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, priority) };
    check(result, || format!("ioprio_set(IOPRIO_WHO_PROCESS, 0, {class} << 13 | {level})"))
}

/// Sets the execution domain of the calling thread; personality(2).
///
/// # Errors
///
/// None is documented.
pub fn personality(persona: u32) -> Result<()> {
    // SAFETY: the call has no memory effects; the bits that change how memory is mapped apply to later mappings.
    let result = unsafe { libc::personality(libc::c_ulong::from(persona)) };
    check(result.into(), || format!("personality({persona:#x})"))
}

/// Sets from which nodes of memory the calling thread gets its own: a mode with its flags, and a bit for each node;
/// set_mempolicy(2).
///
/// # Errors
///
/// `EINVAL` for a mode, a flag or nodes that there are none of; `ENOSYS` without `CONFIG_NUMA`.
pub fn set_mempolicy(mode: i32, nodes: &[libc::c_ulong]) -> Result<()> {
    let bits = nodes.len().saturating_mul(libc::c_ulong::BITS as usize);
    // The kernel reads one bit less than it is told of.
    let (mask, bits) = if nodes.is_empty() { (std::ptr::null(), 0) } else { (nodes.as_ptr(), bits + 1) };
    // SAFETY: `mask` is null with a length of 0, or points to `nodes`, of which the kernel reads `bits - 1` bits, which
    // are all of it.
    let result = unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask, bits) };
    check(result, || format!("set_mempolicy({mode:#x}, {nodes:x?})"))
}

fn check(result: libc::c_long, call: impl FnOnce() -> String) -> Result<()> {
    if result == -1 { Err(Error::from_io(call(), &std::io::Error::last_os_error())) } else { Ok(()) }
}
