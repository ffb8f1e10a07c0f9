//! `linux.netDevices`: network devices of the host that become the container's.

use std::collections::{BTreeSet, HashMap};

use oci_spec::runtime as oci;

use crate::Error;

/// The kernel has room for 15 bytes and a NUL (`IFNAMSIZ`).
const LONGEST_NAME: usize = 15;
/// At the end of a name it stands for the first number that makes the name free.
const ANY_NUMBER: &str = "%d";

/// A network device that is moved into the container's network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name on the host.
    pub host: String,
    /// Its name in the container; with `%d` at its end, the first number there that is free.
    pub name: String,
}

impl NetDevice {
    /// Checks the section; in the order of the names on the host.
    pub(crate) fn check_all(
        devices: Option<&HashMap<String, oci::LinuxNetDevice>>,
    ) -> Result<Vec<Self>, Error> {
        let mut devices: Vec<_> = devices.into_iter().flatten().collect();
        devices.sort_unstable_by_key(|(host, _)| *host);
        let mut names = BTreeSet::new();
        let mut checked = Vec::new();
        for (host, device) in devices {
            let device = Self::check(host, device)?;
            if !device.name.ends_with(ANY_NUMBER) && !names.insert(device.name.clone()) {
                let field = format!("linux.netDevices[{host:?}]");
                return Err(Error::invalid(field, format!("another {:?}", device.name), "each name once"));
            }
            checked.push(device);
        }
        Ok(checked)
    }

    fn check(host: &str, device: &oci::LinuxNetDevice) -> Result<Self, Error> {
        check_name("linux.netDevices", host, host)?;
        let name = device.name().as_deref().filter(|name| !name.is_empty()).unwrap_or(host);
        let field = || format!("linux.netDevices[{host:?}].name");
        check_name(&field(), name, name.strip_suffix(ANY_NUMBER).unwrap_or(name))?;
        Ok(Self { host: host.to_owned(), name: name.to_owned() })
    }
}

/// As the kernel takes a name, `name` without a `%d` at its end being `stem`.
fn check_name(field: &str, name: &str, stem: &str) -> Result<(), Error> {
    let bad = |byte: u8| matches!(byte, b'/' | b':' | b'%' | 0 | 0x0b) || byte.is_ascii_whitespace();
    let wrong = name.is_empty() || name.len() > LONGEST_NAME || [".", ".."].contains(&name);
    if wrong || stem.bytes().any(bad) {
        let allowed = "1 to 15 bytes, without '/', ':', '%' or spaces, neither . nor ..; in the container %d may be at the end";
        return Err(Error::invalid(field, format!("{name:?}"), allowed));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(devices: Value) -> Result<Vec<(String, String)>, String> {
        let devices: HashMap<String, oci::LinuxNetDevice> = serde_json::from_value(devices).unwrap();
        let checked = NetDevice::check_all(Some(&devices)).map_err(|error| error.to_string())?;
        Ok(checked.into_iter().map(|device| (device.host, device.name)).collect())
    }

    #[test]
    fn each_has_its_name_or_another_one() {
        let devices = json!({ "eth1": { "name": "net%d" }, "eth0": {}, "eth2": { "name": "" }, "eth3": { "name": "eth1" } });
        let pair = |host: &str, name: &str| (host.to_owned(), name.to_owned());
        let all = [pair("eth0", "eth0"), pair("eth1", "net%d"), pair("eth2", "eth2"), pair("eth3", "eth1")];
        assert_eq!(check(devices).unwrap(), all);
        assert_eq!(NetDevice::check_all(None).unwrap(), []);
        assert!(check(json!({ "a%d": {} })).is_err(), "on the host it has one name");
        assert_eq!(check(json!({ "fifteen-bytes-x": { "name": "ä\\\"" } })).unwrap().len(), 1);
        assert_eq!(check(json!({ "a": { "name": "net%d" }, "b": { "name": "net%d" } })).unwrap().len(), 2);
    }

    #[test]
    fn what_the_kernel_does_not_take_is_refused() {
        let names = [
            ".",
            "..",
            "a/b",
            "a:b",
            "a b",
            "a\tb",
            "a\nb",
            "a\u{b}b",
            "a\0b",
            "%",
            "%d%d",
            "%dx",
            "a%s",
            "sixteen-bytes-xx",
            "fourteen-byt%dx",
        ];
        for name in names {
            let error = check(json!({ "eth0": { "name": name } })).unwrap_err();
            assert!(error.contains("linux.netDevices[\"eth0\"].name"), "{name:?}: {error}");
            assert!(check(json!({ name: {} })).is_err(), "{name:?}");
        }
        assert!(check(json!({ "": {} })).is_err());
    }

    #[test]
    fn no_two_have_one_name() {
        let error = check(json!({ "eth0": { "name": "net" }, "eth1": { "name": "net" } })).unwrap_err();
        assert!(error.contains("another \"net\""), "{error}");
        assert!(check(json!({ "eth0": {}, "eth1": { "name": "eth0" } })).is_err());
    }
}
