//! The memory controller of version 1.

use crate::resources::{Memory, Unavailable, Writer, explain_busy};
use crate::{Error, Result};

const LIMIT: &str = "memory.limit_in_bytes";
const SWAP: &str = "memory.memsw.limit_in_bytes";

/// Sets what is asked for.
pub(crate) fn set(writer: &mut Writer<'_, '_>, memory: &Memory) -> Result<()> {
    if let Some(wanted) = memory.use_hierarchy {
        set_hierarchy(writer, wanted)?;
    }
    check(writer, memory)?;
    set_limits(writer, memory)?;
    if let Some(kernel) = asked(memory.kernel) {
        // Linux 5.16 and newer keep the file and take nothing: the kernel's memory counts within the limit.
        let written = writer.write("memory.kmem.limit_in_bytes", &kernel.to_string());
        written.or_else(|error| if error.is_unavailable() { Ok(()) } else { Err(error) })?;
    }
    if let Some(tcp) = asked(memory.kernel_tcp) {
        writer.write("memory.kmem.tcp.limit_in_bytes", &tcp.to_string())?;
    }
    if let Some(reservation) = asked(memory.reservation) {
        writer.write("memory.soft_limit_in_bytes", &reservation.to_string())?;
    }
    if memory.disable_oom_killer == Some(true) {
        writer.write("memory.oom_control", "1")?;
    }
    if let Some(swappiness) = memory.swappiness {
        writer.write("memory.swappiness", &swappiness.to_string())?;
    }
    Ok(())
}

/// What is asked of a number: 0 asks for nothing.
pub(crate) fn asked(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number != 0)
}

/// It is what is asked for already, in every kernel from 5.11 on, which refuse any other.
fn set_hierarchy(writer: &mut Writer<'_, '_>, wanted: bool) -> Result<()> {
    let text = if wanted { "1" } else { "0" };
    if writer.read("memory.use_hierarchy").is_ok_and(|value| value == text) {
        return Ok(());
    }
    writer.write("memory.use_hierarchy", text)
}

/// The kernel reclaims and then refuses a limit below what is used; who asks to be checked gets the refusal first.
fn check(writer: &Writer<'_, '_>, memory: &Memory) -> Result<()> {
    let (true, Some(limit)) = (memory.check_before_update, asked(memory.limit)) else { return Ok(()) };
    let used = writer.read_number("memory.usage_in_bytes")?;
    match u64::try_from(limit) {
        Ok(bytes) if bytes < used => Err(Error::InUse { limit, used }),
        _ => Ok(()),
    }
}

/// The kernel holds the limit at or below that of memory and swap together at every moment, so the order depends on
/// whether they are raised or lowered.
fn set_limits(writer: &mut Writer<'_, '_>, memory: &Memory) -> Result<()> {
    let limit = asked(memory.limit);
    let mut swap = asked(memory.swap);
    if limit == Some(-1) && swap.is_none() && writer.has(SWAP) {
        // No limit of memory means nothing under a limit of both.
        swap = Some(-1);
    }
    let swap_first = match (limit, swap) {
        (Some(_), Some(-1)) => true,
        (Some(_), Some(swap)) => {
            let current = writer.read_number(LIMIT)?;
            u64::try_from(swap).is_ok_and(|swap| current < swap)
        }
        _ => false,
    };
    if swap_first {
        set_swap(writer, swap)?;
        set_limit(writer, limit)
    } else {
        set_limit(writer, limit)?;
        set_swap(writer, swap)
    }
}

fn set_limit(writer: &mut Writer<'_, '_>, limit: Option<i64>) -> Result<()> {
    let Some(limit) = limit else { return Ok(()) };
    let written = writer.write(LIMIT, &limit.to_string());
    written.map_err(|error| explain_busy(writer, error, limit, "memory.usage_in_bytes"))
}

fn set_swap(writer: &mut Writer<'_, '_>, swap: Option<i64>) -> Result<()> {
    swap.map_or(Ok(()), |swap| writer.write(SWAP, &swap.to_string()))
}
