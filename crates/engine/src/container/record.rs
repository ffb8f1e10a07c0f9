//! What later calls have to know of a container.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;

use holm_sys::Context;
use rustix::fs::{Mode, OFlags, openat, renameat};
use serde::{Deserialize, Serialize};

use crate::options::ContainerName;

const FILE: &str = "record.json";
const NEW_FILE: &str = "record.json.new";
/// A record larger than this is not one of ours.
const LARGEST: u64 = 4 << 20;

/// The record of a container, beside the state that its runtime keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Its name.
    pub(crate) name: ContainerName,
    /// What it was made of: a reference of an image, a directory, or `/` for this machine's own root.
    pub(crate) image: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// When it was made, in seconds since 1970.
    pub(crate) created: u64,
    /// The process that holds the container in the foreground.
    pub(crate) holder: u32,
    /// The runtime that made it, when it was not Holm itself.
    pub(crate) runtime: Option<PathBuf>,
    /// The number of the signal that asks it to end.
    pub(crate) stop_signal: i32,
    /// How long that is waited for, in seconds.
    pub(crate) stop_timeout: u64,
}

impl Record {
    /// Writes the record into `directory`: beside the old one, then renamed over it.
    ///
    /// # Errors
    ///
    /// What openat(2), write(2) or renameat(2) says.
    pub(super) fn write(&self, directory: impl AsFd) -> holm_sys::Result<()> {
        let text = serde_json::to_vec(self).map_err(std::io::Error::other).call(|| "serialize the record")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&directory, NEW_FILE, flags, Mode::from_raw_mode(0o600))
            .call(|| format!("openat({NEW_FILE:?}, O_CREAT)"))?;
        File::from(file).write_all(&text).call(|| format!("write({NEW_FILE:?})"))?;
        renameat(&directory, NEW_FILE, &directory, FILE).call(|| format!("renameat({NEW_FILE:?}, {FILE:?})"))
    }

    /// Reads the record in `directory`; `None` when there is none, or none that can be read: the container is being
    /// made, or its maker died.
    pub(super) fn read(directory: impl AsFd) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(directory, FILE, flags, Mode::empty()).ok()?;
        let mut text = Vec::new();
        File::from(file).take(LARGEST).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let record = Record {
            name: "web".parse().unwrap(),
            image: "oci:x".into(),
            command: vec!["sh".into()],
            created: 1,
            holder: 2,
            runtime: Some("/usr/bin/crun".into()),
            stop_signal: 15,
            stop_timeout: 10,
        };
        let open = || File::open(directory.path()).unwrap();
        assert_eq!(Record::read(open()), None);
        record.write(open()).unwrap();
        assert_eq!(Record::read(open()), Some(record));
        std::fs::write(directory.path().join(FILE), "{\"name\": \"../x\"}").unwrap();
        assert_eq!(Record::read(open()), None);
    }
}
