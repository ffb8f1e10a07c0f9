//! The cpu controller of version 2.

use holm_sys::Errno;

use crate::Result;
use crate::resources::{Cpu, Unavailable, Writer};
use crate::v1::cpu::asked;

/// What the kernel has unless it is told.
const USUAL_PERIOD: &str = "100000";

/// Sets what is asked for.
pub(crate) fn set(writer: &mut Writer<'_, '_>, cpu: &Cpu) -> Result<()> {
    if cpu.realtime_runtime.unwrap_or(0) != 0 {
        return Err(writer.unsupported("cpu.realtimeRuntime"));
    }
    if asked(cpu.realtime_period).is_some() {
        return Err(writer.unsupported("cpu.realtimePeriod"));
    }
    if let Some(idle) = cpu.idle {
        writer.write("cpu.idle", &idle.to_string())?;
    }
    // An idle group has no weight, and takes none.
    if let Some(shares) = asked(cpu.shares).filter(|_| cpu.idle != Some(1)) {
        writer.write("cpu.weight", &weight(shares).to_string())?;
    }
    bandwidth(writer, cpu)
}

/// The weight of version 2 (1 to 10000, 100 unless said) for shares of version 1 (2 to 262144, 1024 unless said): the
/// curve through the least, the usual and the greatest of both, as runc has had it since 1.4 and crun since 1.24.
pub(crate) fn weight(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        3..262_144 => {
            #[allow(clippy::cast_precision_loss, reason = "shares are below 2^18 here")]
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 1 to 10000"
            )]
            let weight = 10_f64.powf(exponent).ceil() as u64;
            weight.clamp(1, 10_000)
        }
        _ => 10_000,
    }
}

/// Quota and period are one file: what is not said of them stays.
fn bandwidth(writer: &mut Writer<'_, '_>, cpu: &Cpu) -> Result<()> {
    let (quota, period) = (cpu.quota.filter(|quota| *quota != 0), asked(cpu.period));
    let burst = cpu.burst.map(|burst| burst.to_string());
    let limited = quota.is_some() || period.is_some();
    let mut later = None;
    if let Some(burst) = burst {
        match writer.write("cpu.max.burst", &burst) {
            // More than the quota that is there.
            Err(error) if error.errno() == Some(Errno::INVAL) && limited => later = Some(burst),
            written => written?,
        }
    }
    if limited {
        let now = writer.read("cpu.max")?;
        let (quota_now, period_now) = now.split_once(' ').unwrap_or(("max", USUAL_PERIOD));
        let quota = match quota {
            Some(quota) if quota > 0 => quota.to_string(),
            Some(_) => "max".into(),
            None => quota_now.to_owned(),
        };
        let period = period.map_or(period_now.to_owned(), |period| period.to_string());
        writer.write("cpu.max", &format!("{quota} {period}"))?;
    }
    later.map_or(Ok(()), |burst| writer.write("cpu.max.burst", &burst))
}

#[cfg(test)]
mod tests {
    use super::weight;

    #[test]
    fn the_least_the_usual_and_the_greatest_are_met() {
        let known =
            [(0, 1), (2, 1), (512, 59), (1024, 100), (2048, 174), (262_144, 10_000), (u64::MAX, 10_000)];
        assert_eq!(known.map(|(shares, _)| weight(shares)), known.map(|(_, weight)| weight));
    }

    #[test]
    fn more_shares_never_weigh_less() {
        let weights: Vec<u64> = (2..20_000).map(weight).collect();
        assert!(weights.is_sorted());
    }
}
