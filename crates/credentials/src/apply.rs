//! Reading and setting the capability sets of the calling thread.

use holm_sys::{Context, Errno, Result};
use rustix::fs::{Mode, OFlags};
use rustix::thread::{
    CapabilitySet as Bits, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, configure_capability_in_ambient_set, remove_capability_from_bounding_set,
    set_capabilities as capset, set_keep_capabilities,
};

use crate::{Capability, CapabilitySet};

/// The sets of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// What counts.
    pub effective: CapabilitySet,
    /// What may be made effective.
    pub permitted: CapabilitySet,
    /// What file capabilities may add at an exec.
    pub inheritable: CapabilitySet,
    /// The limit of all that can be had.
    pub bounding: CapabilitySet,
}

/// The sets of the calling thread; capget(2) and prctl(2).
///
/// # Errors
///
/// What they say.
pub fn current() -> Result<Capabilities> {
    let sets = capabilities(None).call(|| "capget(0)")?;
    Ok(Capabilities {
        effective: CapabilitySet::from_bits(sets.effective.bits()),
        permitted: CapabilitySet::from_bits(sets.permitted.bits()),
        inheritable: CapabilitySet::from_bits(sets.inheritable.bits()),
        bounding: bounding(),
    })
}

/// From its line in proc_pid_status(5), which is one read; where there is no /proc, one question for each.
fn bounding() -> CapabilitySet {
    shown_bounding().unwrap_or_else(asked_bounding)
}

fn shown_bounding() -> Option<CapabilitySet> {
    let mut text = [0; 4096];
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open("/proc/thread-self/status", flags, Mode::empty()).ok()?;
    let length = rustix::io::read(&file, &mut text).ok()?;
    let mut lines = text.get(..length)?.split(|byte| *byte == b'\n');
    let bits = lines.find_map(|line| line.strip_prefix(b"CapBnd:\t"))?;
    let bits = u64::from_str_radix(std::str::from_utf8(bits).ok()?, 16).ok()?;
    Some(Capability::all().filter(|one| bits >> one.number() & 1 == 1).collect())
}

/// A capability that the kernel does not know is in no set of it.
fn asked_bounding() -> CapabilitySet {
    Capability::all().filter(|one| capability_is_in_bounding_set(bit(*one)).unwrap_or(false)).collect()
}

/// Every capability that both this version and the running kernel know.
///
/// # Errors
///
/// When /proc/sys/kernel/cap_last_cap cannot be read.
pub fn known() -> Result<CapabilitySet> {
    const LAST: &str = "/proc/sys/kernel/cap_last_cap";
    let text = std::fs::read_to_string(LAST).call(|| format!("read({LAST:?})"))?;
    let last: u8 = text.trim().parse().unwrap_or(u8::MAX);
    Ok(Capability::all().filter(|capability| capability.number() <= last).collect())
}

/// Drops all but `keep` from the bounding set, for good; prctl(2), `PR_CAPBSET_DROP`.
///
/// # Errors
///
/// `EPERM` without `CAP_SETPCAP`.
pub fn drop_bounding(keep: CapabilitySet) -> Result<()> {
    for capability in Capability::all().filter(|capability| !keep.contains(*capability)) {
        drop_one(bit(capability), capability.number())?;
    }
    // A newer kernel may have some that nobody can ask to keep; they are numbered without a gap.
    let newer = Capability::all().map(|capability| capability.number() + 1).max().unwrap_or(0);
    for number in newer..64 {
        if !drop_one(Bits::from_bits_retain(1 << number), number)? {
            break;
        }
    }
    Ok(())
}

/// False when the kernel does not know it: then it is in no set.
fn drop_one(capability: Bits, number: u8) -> Result<bool> {
    match remove_capability_from_bounding_set(capability) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL) => Ok(false),
        failed => match capability_is_in_bounding_set(capability) {
            // Who has it no more needs no privilege to do without.
            Ok(false) => Ok(true),
            // The privilege is looked at before the number.
            Err(Errno::INVAL) => Ok(false),
            _ => failed.map(|()| true).call(|| format!("prctl(PR_CAPBSET_DROP, {number})")),
        },
    }
}

/// Sets three of the sets; capset(2).
///
/// # Errors
///
/// `EPERM` for a permitted capability that is not permitted now, an effective one that is not to be permitted, or an
/// inheritable one that is neither inheritable nor permitted (with `CAP_SETPCAP`: nor in the bounding set).
pub fn set_capabilities(
    effective: CapabilitySet,
    permitted: CapabilitySet,
    inheritable: CapabilitySet,
) -> Result<()> {
    let bits = |set: CapabilitySet| Bits::from_bits_retain(set.bits());
    let sets = CapabilitySets {
        effective: bits(effective),
        permitted: bits(permitted),
        inheritable: bits(inheritable),
    };
    capset(None, sets)
        .call(|| format!("capset(effective {effective}, permitted {permitted}, inheritable {inheritable})"))
}

/// Sets the ambient set, which survives the exec of a plain program; prctl(2), `PR_CAP_AMBIENT` (Linux 4.3).
///
/// # Errors
///
/// `EPERM` for a capability that is not both permitted and inheritable.
pub fn set_ambient(ambient: CapabilitySet) -> Result<()> {
    clear_ambient_capability_set().call(|| "prctl(PR_CAP_AMBIENT_CLEAR_ALL)")?;
    for capability in ambient.iter() {
        configure_capability_in_ambient_set(bit(capability), true)
            .call(|| format!("prctl(PR_CAP_AMBIENT_RAISE, {capability})"))?;
    }
    Ok(())
}

/// Whether the permitted set outlives the change from uid 0 to another; prctl(2), `PR_SET_KEEPCAPS`. An exec resets it.
///
/// # Errors
///
/// `EPERM` when the securebit is locked.
pub fn keep_capabilities(keep: bool) -> Result<()> {
    set_keep_capabilities(keep).call(|| format!("prctl(PR_SET_KEEPCAPS, {keep})"))
}

fn bit(capability: Capability) -> Bits {
    Bits::from_bits_retain(1 << capability.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounding_set_is_the_same_by_both_ways() {
        assert_eq!(shown_bounding(), Some(asked_bounding()));
    }

    #[test]
    fn what_is_effective_is_permitted_and_known() {
        let own = current().unwrap();
        assert!((own.effective - own.permitted).is_empty());
        assert!((own.bounding - known().unwrap()).is_empty());
    }
}
