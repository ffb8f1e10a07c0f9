//! The cpu controller of version 1.

use holm_sys::Errno;

use crate::resources::{Cpu, Unavailable, Writer};
use crate::{Error, Result};

const PERIOD: &str = "cpu.cfs_period_us";
const QUOTA: &str = "cpu.cfs_quota_us";
const BURST: &str = "cpu.cfs_burst_us";
const SHARES: &str = "cpu.shares";

/// Sets what is asked for. Real-time first: a process that is real-time already may not enter without it.
pub(crate) fn set(writer: &mut Writer<'_, '_>, cpu: &Cpu) -> Result<()> {
    if let Some(period) = asked(cpu.realtime_period) {
        writer.write("cpu.rt_period_us", &period.to_string())?;
    }
    if let Some(runtime) = cpu.realtime_runtime.filter(|runtime| *runtime != 0) {
        writer.write("cpu.rt_runtime_us", &runtime.to_string())?;
    }
    if let Some(idle) = cpu.idle {
        writer.write("cpu.idle", &idle.to_string())?;
    }
    // An idle group has no shares, and takes none.
    if let Some(shares) = asked(cpu.shares).filter(|_| cpu.idle != Some(1)) {
        set_shares(writer, shares)?;
    }
    bandwidth(writer, cpu)
}

/// What is asked of a number: 0 asks for nothing.
pub(crate) fn asked(number: Option<u64>) -> Option<u64> {
    number.filter(|number| *number != 0)
}

/// The kernel takes any number, and puts it into its bounds without a word.
fn set_shares(writer: &mut Writer<'_, '_>, shares: u64) -> Result<()> {
    writer.write(SHARES, &shares.to_string())?;
    let taken = writer.read_number(SHARES)?;
    if taken == shares {
        Ok(())
    } else {
        Err(Error::OutOfBounds { what: SHARES, value: shares, bound: taken })
    }
}

/// The kernel refuses a period or a burst that does not go with the quota that is there: then it comes after the new one.
fn bandwidth(writer: &mut Writer<'_, '_>, cpu: &Cpu) -> Result<()> {
    let quota = cpu.quota.filter(|quota| *quota != 0);
    let mut later = Vec::new();
    for (name, value) in [(PERIOD, asked(cpu.period)), (BURST, cpu.burst)] {
        let Some(value) = value else { continue };
        match writer.write(name, &value.to_string()) {
            Err(error) if error.errno() == Some(Errno::INVAL) && quota.is_some() => later.push((name, value)),
            written => written?,
        }
    }
    if let Some(quota) = quota {
        writer.write(QUOTA, &quota.max(-1).to_string())?;
    }
    later.into_iter().try_for_each(|(name, value)| writer.write(name, &value.to_string()))
}
