//! The memory controller of version 2.

use crate::resources::{Memory, Unavailable, Writer, explain_busy};
use crate::v1::memory::asked;
use crate::{Error, Result};

/// Sets what is asked for.
pub(crate) fn set(writer: &mut Writer<'_, '_>, memory: &Memory) -> Result<()> {
    refuse(writer, memory)?;
    check(writer, memory)?;
    let swap = swap_alone(writer, memory)?;
    if let Some(swap) = swap {
        let text = text(swap);
        match writer.write("memory.swap.max", &text) {
            // A kernel that counts no swap has none to give, and none to keep back.
            Err(error) if error.is_unavailable() && matches!(swap, -1 | 0) => {}
            written => written?,
        }
    }
    if let Some(limit) = asked(memory.limit) {
        let written = writer.write("memory.max", &text(limit));
        written.map_err(|error| explain_busy(writer, error, limit, "memory.current"))?;
    }
    match asked(memory.reservation) {
        Some(reservation) => writer.write("memory.low", &text(reservation)),
        None => Ok(()),
    }
}

/// What version 2 does not have.
fn refuse(writer: &Writer<'_, '_>, memory: &Memory) -> Result<()> {
    let asked_for = [
        ("memory.kernel", asked(memory.kernel).is_some()),
        ("memory.kernelTCP", asked(memory.kernel_tcp).is_some()),
        ("memory.swappiness", memory.swappiness.is_some()),
        ("memory.disableOOMKiller", memory.disable_oom_killer == Some(true)),
        ("memory.useHierarchy = false", memory.use_hierarchy == Some(false)),
    ];
    match asked_for.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(writer.unsupported(what)),
        None => Ok(()),
    }
}

/// Version 2 would kill for a limit below what is used, where version 1 refuses.
fn check(writer: &Writer<'_, '_>, memory: &Memory) -> Result<()> {
    let (true, Some(limit)) = (memory.check_before_update, asked(memory.limit)) else { return Ok(()) };
    let used = writer.read_number("memory.current")?;
    match u64::try_from(limit) {
        Ok(bytes) if bytes < used => Err(Error::InUse { limit, used }),
        _ => Ok(()),
    }
}

/// OCI's swap is memory and swap together, that of version 2 is swap alone.
fn swap_alone(writer: &Writer<'_, '_>, memory: &Memory) -> Result<Option<i64>> {
    let limit = asked(memory.limit);
    match (limit, asked(memory.swap)) {
        // No limit of memory: none of swap either, unless said, as version 1 has it.
        (Some(-1), None) | (_, Some(-1)) => Ok(Some(-1)),
        (_, None) => Ok(None),
        (Some(-1), Some(swap)) => Ok(Some(swap)),
        (Some(limit), Some(swap)) => difference(limit, swap),
        (None, Some(swap)) => match i64::try_from(writer.read_number("memory.max")?) {
            Ok(limit) => difference(limit, swap),
            Err(_) => Ok(Some(swap)),
        },
    }
}

fn difference(limit: i64, swap: i64) -> Result<Option<i64>> {
    match swap.checked_sub(limit) {
        Some(alone) if alone >= 0 => Ok(Some(alone)),
        _ => Err(Error::SwapBelowMemory { limit, swap }),
    }
}

fn text(number: i64) -> String {
    if number < 0 { "max".into() } else { number.to_string() }
}
