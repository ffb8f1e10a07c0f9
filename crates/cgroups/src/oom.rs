//! Hearing of it when the kernel runs out of memory for a group.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use holm_sys::{self as sys, Context};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::OFlags;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::directory::Directory;
use crate::{Cgroup, Error, Result, Version, file};

/// A descriptor that becomes readable when the group had too little memory; version 1 by an eventfd, version 2 by
/// inotify(7) on `memory.events`.
#[derive(Debug)]
pub struct OomWatch {
    signal: OwnedFd,
    /// Version 1 tells only as long as the file is open.
    _control: Option<OwnedFd>,
    version: Version,
    kills: u64,
}

impl Cgroup {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`Error::NoController`] without the memory controller, else the failed call.
    pub fn watch_oom(&self) -> Result<OomWatch> {
        if let Some(directory) = self.v1_with("memory") {
            return watch_v1(directory);
        }
        let v2 = self.of_version(Version::V2).next().filter(|directory| directory.has_file("memory.events"));
        v2.map_or(Err(Error::NoController { controller: "memory".into() }), watch_v2)
    }

    /// Whether it is true that memory was short, once the descriptor of `watch` was readable, and how often since the last
    /// time that this was asked.
    ///
    /// # Errors
    ///
    /// The failed call.
    pub fn read_oom(&self, watch: &mut OomWatch) -> Result<u64> {
        let mut piece = [0_u8; 4096];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&watch.signal, &mut piece));
        match read {
            Ok(_) => {}
            Err(rustix::io::Errno::AGAIN) => return Ok(0),
            Err(errno) => return Err(sys::Error::new("read(oom)", errno).into()),
        }
        if watch.version == Version::V1 {
            // The removal of the group is told by the same signal.
            return Ok(u64::from(
                self.v1_with("memory").is_some_and(|directory| directory.has_file("memory.oom_control")),
            ));
        }
        let kills = self.of_version(Version::V2).next().map_or(0, kills);
        let since = kills.saturating_sub(watch.kills);
        watch.kills = kills;
        Ok(since)
    }
}

impl OomWatch {
    /// What to poll(2) for reading.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.signal.as_fd()
    }
}

fn watch_v1(directory: &Directory) -> Result<OomWatch> {
    let signal =
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).call(|| "eventfd2(0, EFD_CLOEXEC)")?;
    let control = file::open(directory.mount.as_fd(), &directory.file("memory.oom_control"), OFlags::RDONLY)?;
    directory.write("cgroup.event_control", &format!("{} {}", signal.as_raw_fd(), control.as_raw_fd()))?;
    Ok(OomWatch { signal, _control: Some(control), version: Version::V1, kills: 0 })
}

fn watch_v2(directory: &Directory) -> Result<OomWatch> {
    let signal =
        inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).call(|| "inotify_init1(IN_CLOEXEC)")?;
    let path = directory.absolute().join("memory.events");
    inotify::add_watch(&signal, &path, WatchFlags::MODIFY)
        .call(|| format!("inotify_add_watch({path:?}, IN_MODIFY)"))?;
    Ok(OomWatch { signal, _control: None, version: Version::V2, kills: kills(directory) })
}

fn kills(directory: &Directory) -> u64 {
    let text = directory.read("memory.events").unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
}
