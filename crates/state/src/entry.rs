//! The directory of one container, which is locked as a whole: record, start socket.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::Context;
use rustix::fs::{self, AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::{Error, Record};

const RECORD: &str = "state.json";
const NEW_RECORD: &str = "state.json.new";
/// The name of the socket on which a created container waits for its start.
const START_SOCKET: &str = "start.sock";
/// Most records are smaller, and read at once.
const USUAL_RECORD: usize = 8 << 10;
/// A record larger than this is not ours.
const LARGEST_RECORD: u64 = 4 << 20;

/// The directory of one container, held open.
#[derive(Debug)]
pub struct Entry {
    id: String,
    path: PathBuf,
    directory: OwnedFd,
}

/// An entry that nobody else changes at this moment.
#[derive(Debug)]
pub struct Locked {
    entry: Entry,
}

impl Entry {
    pub(crate) fn open(path: PathBuf, id: &str) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(CWD, &path, flags, Mode::empty()) {
            Ok(directory) => Ok(Self { id: id.to_owned(), path, directory }),
            Err(rustix::io::Errno::NOENT) => Err(Error::NotFound { id: id.to_owned() }),
            Err(errno) => Err(Error::System {
                what: format!("open the state of container {id:?}"),
                cause: holm_sys::Error::new(format!("open({path:?}, O_DIRECTORY)"), errno),
            }),
        }
    }

    pub(crate) fn create(path: PathBuf, id: &str) -> Result<Self, Error> {
        match fs::mkdirat(CWD, &path, Mode::from_raw_mode(0o700)) {
            Ok(()) => Self::open(path, id),
            Err(rustix::io::Errno::EXIST) => Err(Error::Exists { id: id.to_owned() }),
            Err(errno) => Err(Error::System {
                what: format!("make the state of container {id:?}"),
                cause: holm_sys::Error::new(format!("mkdir({path:?}, 0700)"), errno),
            }),
        }
    }

    /// The container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the entry is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Connects to the container that waits for its start.
    ///
    /// # Errors
    ///
    /// When it does not wait (any more).
    pub fn connect_start_socket(&self) -> Result<OwnedFd, Error> {
        let connected = self.start_address().and_then(|address| {
            let socket = start_socket()?;
            rustix::net::connect(&socket, &address).call(|| format!("connect({START_SOCKET:?})"))?;
            Ok(socket)
        });
        connected.map_err(|cause| Error::System { what: format!("reach container {:?}", self.id), cause })
    }

    /// Through the open directory: the path itself may be longer than an address can be (unix(7): 108 bytes).
    fn start_address(&self) -> holm_sys::Result<SocketAddrUnix> {
        let path = format!("/proc/self/fd/{}/{START_SOCKET}", self.directory.as_raw_fd());
        SocketAddrUnix::new(path.as_str()).call(|| format!("address {path:?}"))
    }

    /// Waits until nobody else changes this container. The lock ends with the value, and with the process.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when the container was deleted meanwhile.
    pub fn lock(self) -> Result<Locked, Error> {
        let system = |cause| Error::System { what: format!("lock container {:?}", self.id), cause };
        // The directory itself is locked: who waits for a file in it would make it again after its removal.
        fs::flock(&self.directory, FlockOperation::LockExclusive)
            .call(|| "flock(LOCK_EX)")
            .map_err(system)?;
        if fs::fstat(&self.directory).is_ok_and(|stat| stat.st_nlink == 0) {
            return Err(Error::NotFound { id: self.id.clone() });
        }
        Ok(Locked { entry: self })
    }

    /// Reads the record; `None` in the first moments of a creation, or after a crash in them.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`].
    pub fn read(&self) -> Result<Option<Record>, Error> {
        let system =
            |cause| Error::System { what: format!("read the state of container {:?}", self.id), cause };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match fs::openat(&self.directory, RECORD, flags, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            result => result.call(|| format!("openat({RECORD:?})")).map_err(system)?,
        };
        let mut text = Vec::with_capacity(USUAL_RECORD);
        let mut reader = File::from(file).take(LARGEST_RECORD);
        reader.read_to_end(&mut text).call(|| format!("read({RECORD:?})")).map_err(system)?;
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|cause| Error::Damaged { path: self.path.join(RECORD), cause })
    }

    /// As [`Entry::read`], where the record has to be there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] when it is not; as there.
    pub fn record(&self) -> Result<Record, Error> {
        self.read()?.ok_or_else(|| Error::NotFound { id: self.id.clone() })
    }
}

impl Locked {
    /// The container's id.
    pub fn id(&self) -> &str {
        self.entry.id()
    }

    /// The entry itself.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Makes the socket on which the container will wait for its start.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` when there is one already.
    pub fn listen_start_socket(&self) -> Result<OwnedFd, Error> {
        let listening = self.entry.start_address().and_then(|address| {
            let socket = start_socket()?;
            rustix::net::bind(&socket, &address).call(|| format!("bind({START_SOCKET:?})"))?;
            rustix::net::listen(&socket, 1).call(|| format!("listen({START_SOCKET:?})"))?;
            Ok(socket)
        });
        let what = || format!("make the start socket of container {:?}", self.entry.id);
        listening.map_err(|cause| Error::System { what: what(), cause })
    }

    /// Removes the start socket: the container was started, nobody will connect any more.
    pub fn remove_start_socket(&self) {
        let _ = fs::unlinkat(&self.entry.directory, START_SOCKET, AtFlags::empty());
    }

    /// As [`Entry::read`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn read(&self) -> Result<Option<Record>, Error> {
        self.entry.read()
    }

    /// As [`Entry::record`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn record(&self) -> Result<Record, Error> {
        self.entry.record()
    }

    /// Writes the record: beside the old one, then renamed over it.
    ///
    /// # Errors
    ///
    /// `ENOSPC` and its like.
    pub fn write(&self, record: &Record) -> Result<(), Error> {
        let system = |cause| Error::System {
            what: format!("write the state of container {:?}", self.entry.id),
            cause,
        };
        let text = serde_json::to_vec(record)
            .map_err(|cause| Error::Damaged { path: self.entry.path.join(RECORD), cause })?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.entry.directory, NEW_RECORD, flags, Mode::from_raw_mode(0o600))
            .call(|| format!("openat({NEW_RECORD:?}, O_CREAT)"))
            .map_err(system)?;
        File::from(file).write_all(&text).call(|| format!("write({NEW_RECORD:?})")).map_err(system)?;
        fs::renameat(&self.entry.directory, NEW_RECORD, &self.entry.directory, RECORD)
            .call(|| format!("renameat({NEW_RECORD:?}, {RECORD:?})"))
            .map_err(system)
    }

    /// Removes the entry and all in it. What is in it is known by name: nothing is walked, no link is followed.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY` when somebody put something else there.
    pub fn remove(self) -> Result<(), Error> {
        let directory = &self.entry.directory;
        for name in [RECORD, NEW_RECORD, START_SOCKET] {
            match fs::unlinkat(directory, name, AtFlags::empty()) {
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(errno) => return Err(self.removal_error(&format!("unlinkat({name:?})"), errno)),
            }
        }
        match fs::unlinkat(CWD, &self.entry.path, AtFlags::REMOVEDIR) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.removal_error(&format!("rmdir({:?})", self.entry.path), errno)),
        }
    }

    fn removal_error(&self, call: &str, errno: rustix::io::Errno) -> Error {
        let cause = holm_sys::Error::new(call, errno);
        Error::System { what: format!("remove the state of container {:?}", self.entry.id), cause }
    }
}

fn start_socket() -> holm_sys::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .call(|| "socket(AF_UNIX, SOCK_SEQPACKET)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Root, Status};

    fn record(id: &str) -> Record {
        Record {
            id: id.into(),
            status: Status::Created,
            process: None,
            init: false,
            bundle: "/b".into(),
            config: "/b/config.json".into(),
            rootfs: "/b/rootfs".into(),
            chrooted: false,
            created: "2026-01-01T00:00:00Z".into(),
            owner: 0,
            annotations: Default::default(),
            cgroup: None,
            expected_cgroup: None,
            rdt: None,
            check_before_update: false,
            oci_version: "1.3.0".into(),
            surroundings: Default::default(),
            seccomp: None,
            hooks: Default::default(),
        }
    }

    #[test]
    fn an_id_is_taken_once_and_free_again_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let entry = root.create_entry("one").unwrap().lock().unwrap();
        entry.write(&record("one")).unwrap();
        assert!(matches!(root.create_entry("one"), Err(Error::Exists { .. })));
        assert_eq!(root.entry("one").unwrap().read().unwrap(), Some(record("one")));
        entry.remove().unwrap();
        assert!(matches!(root.entry("one"), Err(Error::NotFound { .. })));
        assert!(root.create_entry("one").is_ok());
    }

    #[test]
    fn a_created_container_without_its_process_has_stopped() {
        assert_eq!(record("x").status(), Status::Stopped);
    }

    #[test]
    fn a_half_written_record_does_not_hide_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let entry = root.create_entry("one").unwrap().lock().unwrap();
        entry.write(&record("one")).unwrap();
        std::fs::write(directory.path().join("runtime/one/state.json.new"), "{").unwrap();
        assert_eq!(entry.read().unwrap(), Some(record("one")));
        entry.remove().unwrap();
    }

    #[test]
    fn a_damaged_record_is_said_to_be_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::open(directory.path()).unwrap();
        let entry = root.create_entry("one").unwrap();
        std::fs::write(directory.path().join("runtime/one/state.json"), "{").unwrap();
        assert!(matches!(entry.read(), Err(Error::Damaged { .. })));
    }
}
