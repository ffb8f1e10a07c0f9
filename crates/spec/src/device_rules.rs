//! `linux.resources.devices`.

use holm_cgroups::{Access, DevicePolicy, DeviceRule, DeviceType};
use oci_spec::runtime as oci;

use crate::Error;
use crate::resources::invalid;

/// The rules in their order, and what every container may use.
pub(crate) fn check(list: &[oci::LinuxDeviceCgroup]) -> Result<DevicePolicy, Error> {
    let mut rules = Vec::new();
    let mut policy = DevicePolicy::nothing();
    for (index, entry) in list.iter().enumerate() {
        for rule in expand(index, entry)? {
            policy.apply(&rule).map_err(|cause| {
                invalid(&format!("devices[{index}]"), rule, format!("rules that cgroups can have: {cause}"))
            })?;
            rules.push(rule);
        }
    }
    DevicePolicy::of_container(&rules).map_err(|cause| {
        let allowed = format!("rules that leave the devices that every container has: {cause}");
        invalid("devices", "a denial of a wildcard", allowed)
    })
}

/// A rule for both kinds of devices that is not for all of them is one for each kind.
fn expand(index: usize, entry: &oci::LinuxDeviceCgroup) -> Result<Vec<DeviceRule>, Error> {
    let field = |name: &str| format!("devices[{index}].{name}");
    let (major, minor) = (half(&field("major"), entry.major())?, half(&field("minor"), entry.minor())?);
    let letters = entry.access().as_deref().unwrap_or("rwm");
    let access = Access::parse(letters)
        .ok_or_else(|| invalid(&field("access"), format!("{letters:?}"), "letters out of r, w and m"))?;
    let access = if access.is_empty() { Access::ALL } else { access };
    let kinds = match entry.typ() {
        Some(oci::LinuxDeviceType::B) => vec![DeviceType::Block],
        Some(oci::LinuxDeviceType::C | oci::LinuxDeviceType::U) => vec![DeviceType::Char],
        Some(oci::LinuxDeviceType::P) => {
            return Err(invalid(&field("type"), "p", "a (all), b (block), c or u (character)"));
        }
        _ if major.is_none() && minor.is_none() && access == Access::ALL => vec![DeviceType::All],
        _ => vec![DeviceType::Block, DeviceType::Char],
    };
    let allow = entry.allow();
    Ok(kinds.into_iter().map(|kind| DeviceRule { allow, kind, major, minor, access }).collect())
}

/// -1 is any, as runc has it.
fn half(field: &str, half: Option<i64>) -> Result<Option<u32>, Error> {
    match half {
        None | Some(-1) => Ok(None),
        // v1 would take the greatest number of 32 bits for any.
        Some(number) => match u32::try_from(number) {
            Ok(number) if number != u32::MAX => Ok(Some(number)),
            _ => Err(invalid(field, number, "half of a device's number, or -1 for any")),
        },
    }
}
