//! The blkio controller of version 1.

use crate::Result;
use crate::resources::{BlockIo, Writer};

/// Sets what is asked for. The weights are in files of their own with BFQ, which took the place of CFQ in Linux 5.0.
pub(crate) fn set(writer: &mut Writer<'_, '_>, io: &BlockIo) -> Result<()> {
    let plain = writer.has("blkio.weight");
    let (weight, weight_device) = if plain {
        ("blkio.weight", "blkio.weight_device")
    } else {
        ("blkio.bfq.weight", "blkio.bfq.weight_device")
    };
    if let Some(value) = io.weight.filter(|value| *value != 0) {
        writer.write(weight, &value.to_string())?;
    }
    if let Some(value) = io.leaf_weight.filter(|value| *value != 0) {
        writer.write("blkio.leaf_weight", &value.to_string())?;
    }
    for entry in &io.weight_device {
        let key = entry.device.to_string();
        if let Some(value) = entry.weight.filter(|value| *value != 0) {
            writer.write_keyed(weight_device, &key, &value.to_string(), "0")?;
        }
        if let Some(value) = entry.leaf_weight.filter(|value| *value != 0) {
            writer.write_keyed("blkio.leaf_weight_device", &key, &value.to_string(), "0")?;
        }
    }
    let throttles = [
        ("blkio.throttle.read_bps_device", &io.read_bps),
        ("blkio.throttle.write_bps_device", &io.write_bps),
        ("blkio.throttle.read_iops_device", &io.read_iops),
        ("blkio.throttle.write_iops_device", &io.write_iops),
    ];
    for (name, list) in throttles {
        for entry in list {
            writer.write_keyed(name, &entry.device.to_string(), &entry.rate.to_string(), "0")?;
        }
    }
    Ok(())
}
