//! The container's init as a program: where it is executed from, and with what.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use holm_init::{Flags, Orders, PROGRAM, TITLE};
use holm_mounts::{Detached, FsOption};
use holm_sys::{Context, Errno, Error, Result, execveat};
use rustix::fs::{self, Mode, OFlags};

use crate::command::Prepared;
use crate::seccomp::{HandedOver, Waiting};

/// When the init goes on to the command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Begin<'a> {
    /// When somebody connects to this listening socket.
    Later(BorrowedFd<'a>),
    /// At once: this is the connection.
    Now(BorrowedFd<'a>),
}

/// The init, open to be executed. What a container reaches by `/proc/self/exe` is this.
#[derive(Debug)]
pub(crate) struct Program {
    file: OwnedFd,
}

impl Program {
    /// In memory, and sealed. `None` where no memory may be executed: then [`Program::on_its_own`] is left.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EMFILE`.
    pub(crate) fn in_memory() -> Result<Option<Self>> {
        match crate::sealed::sealed(TITLE, PROGRAM) {
            Ok(file) => Ok(Some(Self { file: file.into() })),
            Err(error) if error.errno() == Errno::ACCESS => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// On a tmpfs of its own that is mounted nowhere, for a process that may mount. It is this container's alone:
    /// whoever changes it harms himself.
    ///
    /// # Errors
    ///
    /// What the calls say.
    pub(crate) fn on_its_own() -> Result<Self> {
        let options = [FsOption::pair("mode", "0700"), FsOption::pair("size", "64k")];
        let mount = Detached::filesystem("tmpfs", Some(TITLE), &options)?;
        let create = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o555);
        let written = fs::openat(mount.as_fd(), TITLE, create, mode).call(|| "openat(tmpfs, O_CREAT)")?;
        File::from(written).write_all(PROGRAM).call(|| "write(tmpfs)")?;
        let file = fs::openat(mount.as_fd(), TITLE, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .call(|| "openat(tmpfs)")?;
        Ok(Self { file })
    }

    /// Becomes the init of `prepared`, which becomes the command itself where no init is wanted. Comes back only when it
    /// could not be executed. `parent` is a pidfd of the process that it does not outlive; `filter` is put over the command
    /// alone.
    pub(crate) fn execute(
        &self,
        prepared: &Prepared,
        begin: Begin<'_>,
        parent: Option<BorrowedFd<'_>>,
        filter: Option<&Waiting>,
    ) -> Error {
        match self.try_execute(prepared, begin, parent, filter) {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    fn try_execute(
        &self,
        prepared: &Prepared,
        begin: Begin<'_>,
        parent: Option<BorrowedFd<'_>>,
        filter: Option<&Waiting>,
    ) -> Result<std::convert::Infallible> {
        let (start, started) = match begin {
            Begin::Later(listener) => (listener, Flags::default()),
            Begin::Now(connection) => (connection, Flags::STARTED),
        };
        let filter = filter.map(Waiting::hand_over).transpose()?;
        let (file, agent) = filter.as_ref().map_or((0, None), HandedOver::numbers);
        let filtered = if filter.is_some() { Flags::FILTERED } else { Flags::default() };
        let with_agent = if agent.is_some() { Flags::AGENT } else { Flags::default() };
        let orders = Orders {
            flags: flags(prepared, parent.is_some()).with(started).with(filtered).with(with_agent),
            start: start.as_raw_fd(),
            parent: parent.map_or(0, |parent| parent.as_raw_fd()),
            filter: file,
            agent: agent.unwrap_or(0),
        };
        let word = |text: &str| CString::new(text).map_err(|_| Error::new("execveat()", Errno::INVAL));
        let argv = prepared.behind([word(TITLE)?, word(&orders.to_string())?]);
        let of_filter = filter.iter().flat_map(HandedOver::descriptors);
        for kept in [Some(start), parent].into_iter().flatten().chain(of_filter) {
            rustix::io::fcntl_setfd(kept, rustix::io::FdFlags::empty()).call(|| "fcntl(F_SETFD, 0)")?;
        }
        // They are blocked: one that comes before the init waits for it is not lost.
        holm_sys::default_actions();
        Err(execveat(self.file.as_fd(), &argv, prepared.environment()))
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn flags(prepared: &Prepared, dies_with_parent: bool) -> Flags {
    let wanted = [
        (prepared.init, Flags::INIT),
        (prepared.terminal, Flags::TERMINAL),
        (dies_with_parent, Flags::DIE_WITH_PARENT),
    ];
    let wanted = wanted.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag);
    wanted.fold(Flags::default(), Flags::with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_memory_it_cannot_be_changed() {
        let program = Program::in_memory().unwrap().unwrap();
        let path = format!("/proc/self/fd/{}", program.as_fd().as_raw_fd());
        let again = std::fs::OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write(b"x"));
        assert_eq!(again.unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()));
        assert_eq!(std::fs::read(path).unwrap(), PROGRAM);
    }
}
