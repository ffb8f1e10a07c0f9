//! `linux.resources.blockIO`.

use holm_cgroups::{BlockIo, DeviceNumber, Throttle, WeightDevice};
use oci_spec::runtime as oci;

use crate::Error;
use crate::resources::invalid;

pub(crate) fn check(io: &oci::LinuxBlockIo) -> Result<BlockIo, Error> {
    Ok(BlockIo {
        weight: weight("blockIO.weight", io.weight())?,
        leaf_weight: weight("blockIO.leafWeight", io.leaf_weight())?,
        weight_device: weight_devices(io.weight_device().as_deref().unwrap_or_default())?,
        read_bps: throttles("throttleReadBpsDevice", io.throttle_read_bps_device().as_deref())?,
        write_bps: throttles("throttleWriteBpsDevice", io.throttle_write_bps_device().as_deref())?,
        read_iops: throttles("throttleReadIOPSDevice", io.throttle_read_iops_device().as_deref())?,
        write_iops: throttles("throttleWriteIOPSDevice", io.throttle_write_iops_device().as_deref())?,
    })
}

fn weight(field: &str, weight: Option<u16>) -> Result<Option<u16>, Error> {
    match weight {
        Some(weight) if weight != 0 && !(10..=1000).contains(&weight) => {
            Err(invalid(field, weight, "10 to 1000, or 0 to leave it"))
        }
        weight => Ok(weight),
    }
}

fn weight_devices(list: &[oci::LinuxWeightDevice]) -> Result<Vec<WeightDevice>, Error> {
    let check = |(index, entry): (usize, &oci::LinuxWeightDevice)| {
        let field = format!("blockIO.weightDevice[{index}]");
        Ok(WeightDevice {
            device: number(&field, entry.major(), entry.minor())?,
            weight: weight(&format!("{field}.weight"), entry.weight())?,
            leaf_weight: weight(&format!("{field}.leafWeight"), entry.leaf_weight())?,
        })
    };
    list.iter().enumerate().map(check).collect()
}

fn throttles(name: &str, list: Option<&[oci::LinuxThrottleDevice]>) -> Result<Vec<Throttle>, Error> {
    let check = |(index, entry): (usize, &oci::LinuxThrottleDevice)| {
        let device = number(&format!("blockIO.{name}[{index}]"), entry.major(), entry.minor())?;
        Ok(Throttle { device, rate: entry.rate() })
    };
    list.unwrap_or_default().iter().enumerate().map(check).collect()
}

fn number(field: &str, major: i64, minor: i64) -> Result<DeviceNumber, Error> {
    let half = |name: &str, half: i64| {
        u32::try_from(half)
            .map_err(|_| invalid(&format!("{field}.{name}"), half, "half of a device's number, 0 or more"))
    };
    Ok(DeviceNumber { major: half("major", major)?, minor: half("minor", minor)? })
}
