//! The io controller of version 2.

use crate::Result;
use crate::resources::{BlockIo, Writer};

const BFQ: &str = "io.bfq.weight";

/// Sets what is asked for. BFQ takes OCI's weights as they are; `io.weight` has other bounds.
pub(crate) fn set(writer: &mut Writer<'_, '_>, io: &BlockIo) -> Result<()> {
    if io.leaf_weight.unwrap_or(0) != 0
        || io.weight_device.iter().any(|entry| entry.leaf_weight.unwrap_or(0) != 0)
    {
        return Err(writer.unsupported("blockIO.leafWeight"));
    }
    let weighs = io.weight.unwrap_or(0) != 0 || !io.weight_device.is_empty();
    let bfq = weighs && writer.has(BFQ);
    let name = if bfq { BFQ } else { "io.weight" };
    let text = |value: u16| if bfq { u64::from(value) } else { weight(value) }.to_string();
    if let Some(value) = io.weight.filter(|value| *value != 0) {
        writer.write_keyed(name, "default", &text(value), "100")?;
    }
    for entry in &io.weight_device {
        if let Some(value) = entry.weight.filter(|value| *value != 0) {
            writer.write_keyed(name, &entry.device.to_string(), &text(value), "default")?;
        }
    }
    let throttles = [
        ("rbps", &io.read_bps),
        ("wbps", &io.write_bps),
        ("riops", &io.read_iops),
        ("wiops", &io.write_iops),
    ];
    for (key, list) in throttles {
        for entry in list {
            let rate = if entry.rate == 0 { "max".to_owned() } else { entry.rate.to_string() };
            writer.write_keyed(
                "io.max",
                &entry.device.to_string(),
                &format!("{key}={rate}"),
                &format!("{key}=max"),
            )?;
        }
    }
    Ok(())
}

/// From 10..=1000 to 1..=10000, as runc and crun have it.
pub(crate) fn weight(value: u16) -> u64 {
    1 + u64::from(value).saturating_sub(10) * 9999 / 990
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bounds_of_weights_are_met() {
        assert_eq!([10, 500, 1000].map(super::weight), [1, 4950, 10_000]);
    }
}
