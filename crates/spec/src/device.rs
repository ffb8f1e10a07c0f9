//! `linux.devices`: the nodes that a container is given.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use oci_spec::runtime as oci;
use serde::Serialize;

use crate::Error;

/// Major and minor numbers are 12 and 20 bits wide in the kernel.
const LARGEST_MAJOR: i64 = (1 << 12) - 1;
const LARGEST_MINOR: i64 = (1 << 20) - 1;
/// The permissions of a device about which nothing is said, as runc has them.
const USUAL_MODE: u32 = 0o666;

/// What kind of file a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// `c`, and `u`, which is the same.
    Character,
    /// `b`.
    Block,
    /// `p`.
    Fifo,
}

/// A node, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Where, in the container; absolute, without `..`.
    pub path: PathBuf,
    /// What it is.
    pub kind: DeviceKind,
    /// Its number; zero for a FIFO.
    pub major: u32,
    /// The second half.
    pub minor: u32,
    /// Its permissions.
    pub mode: u32,
    /// Its owner, in the container.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Device {
    /// A character device that anybody may read and write.
    pub fn character(path: impl Into<PathBuf>, major: u32, minor: u32) -> Self {
        let (kind, mode) = (DeviceKind::Character, USUAL_MODE);
        Self { path: path.into(), kind, major, minor, mode, uid: 0, gid: 0 }
    }

    /// Checks device number `index` of the configuration.
    pub(crate) fn check(device: &oci::LinuxDevice, index: usize) -> Result<Self, Error> {
        let field = |name: &str| format!("linux.devices[{index}].{name}");
        let kind = match device.typ() {
            oci::LinuxDeviceType::C | oci::LinuxDeviceType::U => DeviceKind::Character,
            oci::LinuxDeviceType::B => DeviceKind::Block,
            oci::LinuxDeviceType::P => DeviceKind::Fifo,
            oci::LinuxDeviceType::A => return Err(Error::invalid(field("type"), "\"a\"", "c, b, u, p")),
        };
        let number = |name: &str, number: i64, largest: i64| match u32::try_from(number) {
            _ if kind == DeviceKind::Fifo => Ok(0),
            Ok(checked) if number <= largest => Ok(checked),
            _ => Err(Error::invalid(field(name), number, format!("0 to {largest}"))),
        };
        Ok(Self {
            path: path(device.path(), &field("path"))?,
            kind,
            major: number("major", device.major(), LARGEST_MAJOR)?,
            minor: number("minor", device.minor(), LARGEST_MINOR)?,
            // Engines write the bits of the file's type too, which are not asked for.
            mode: device.file_mode().unwrap_or(USUAL_MODE) & 0o7777,
            uid: id(&field("uid"), device.uid())?,
            gid: id(&field("gid"), device.gid())?,
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::Fifo => return write!(f, "the FIFO {}", self.path.display()),
            DeviceKind::Character => "character",
            DeviceKind::Block => "block",
        };
        write!(f, "the {kind} device {} ({}:{})", self.path.display(), self.major, self.minor)
    }
}

/// An absolute path of something below the root, without `..`.
fn path(path: &Path, field: &str) -> Result<PathBuf, Error> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    if !path.is_absolute() || climbs || path.file_name().is_none() {
        return Err(Error::invalid(field, format!("{path:?}"), "an absolute path without \"..\""));
    }
    Ok(path.components().collect())
}

/// The last id is the one that chown(2) takes for "unchanged".
fn id(field: &str, id: Option<u32>) -> Result<u32, Error> {
    match id {
        Some(u32::MAX) => Err(Error::invalid(field, u32::MAX, "0 to 4294967294")),
        id => Ok(id.unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Device, Error> {
        Device::check(&serde_json::from_str(text).unwrap(), 0)
    }

    #[test]
    fn what_is_not_said_is_as_with_runc() {
        let device = check(r#"{"path": "/dev/./fuse", "type": "u", "major": 10, "minor": 229}"#).unwrap();
        assert_eq!(device, Device::character("/dev/fuse", 10, 229));
        let typed =
            r#"{"path": "/d", "type": "b", "major": 8, "minor": 0, "fileMode": 25008, "uid": 1, "gid": 2}"#;
        let device = check(typed).unwrap();
        assert_eq!((device.mode, device.uid, device.gid), (0o660, 1, 2));
        let fifo = check(r#"{"path": "/f", "type": "p", "major": -1}"#).unwrap();
        assert_eq!((fifo.kind, fifo.major), (DeviceKind::Fifo, 0));
    }

    #[test]
    fn what_is_no_device_is_refused_by_its_field() {
        let cases = [
            (r#"{"path": "dev/x", "type": "c"}"#, "linux.devices[0].path"),
            (r#"{"path": "/", "type": "c"}"#, "linux.devices[0].path"),
            (r#"{"path": "/dev/../x", "type": "c"}"#, "linux.devices[0].path"),
            (r#"{"path": "/x", "type": "a"}"#, "linux.devices[0].type"),
            (r#"{"path": "/x", "type": "c", "major": -1}"#, "linux.devices[0].major"),
            (r#"{"path": "/x", "type": "c", "minor": 1048576}"#, "linux.devices[0].minor"),
            (r#"{"path": "/x", "type": "c", "uid": 4294967295}"#, "linux.devices[0].uid"),
        ];
        for (text, field) in cases {
            assert!(check(text).unwrap_err().to_string().contains(field), "{text}");
        }
    }
}
