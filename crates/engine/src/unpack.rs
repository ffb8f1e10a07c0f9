//! Unpacking an image in a process of its own, which a signal can end; for an ordinary user in a user namespace too,
//! where the ids of the image are ids that the user has.
//!
//! ```text
//!   holm ──clone3(NEWUSER)──► child, waits
//!        ──id maps──────────►
//!        ──"go" (a byte)────► unpacks
//!        ◄─Outcome (JSON)────  exits
//! ```

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use holm_foreground::{Signals, exit_status};
use holm_image::{Image, Store, UnpackOptions};
use holm_namespaces::idmap::{self, IdMapper};
use holm_sys::{CloneFlags, CloneRequest, Context, Forked, clone3, exit_now, send_signal_by_pidfd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::userns::IdMaps;
use crate::{Because, Error, Result};

/// The layers of an image, unpacked, the lowest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Layers {
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) notes: Vec<String>,
}

/// What the child says at the end.
#[derive(Debug, Serialize, Deserialize)]
enum Outcome {
    Unpacked(Layers),
    Failed { cause: String, hint: Option<String> },
}

/// The layers of an image that are to be unpacked.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    /// Where to.
    pub(crate) store: &'a Store,
    /// Whose layers.
    pub(crate) image: &'a Image,
    /// The ids of the user namespace that it is done in; none for root, who has all ids.
    pub(crate) maps: Option<&'a IdMaps>,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// The signals, which end it.
    pub(crate) signals: &'a Signals,
}

/// A process that works, and the end of the pipe at which it tells the outcome.
struct Worker {
    pidfd: OwnedFd,
    outcome: OwnedFd,
}

impl Work<'_> {
    /// Unpacks what is missing.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be made, or the image cannot be unpacked; with the status 128+n when a signal came
    /// first. Nothing half unpacked stays then.
    pub(crate) fn carry_out(&self) -> Result<Layers> {
        self.check_owner()?;
        let single = self.maps.map_or_else(|| self.caller.has_single_id(), IdMaps::is_single);
        let options = UnpackOptions { single_id: single };
        if self.store.missing(self.image, &options).is_empty() {
            // Nothing is written, so nothing has to be owned by anybody.
            return unpack(self.store, self.image, options).map_err(|(cause, hint)| failure(&cause, hint));
        }
        let worker = Worker::begin(self.maps, || unpack(self.store, self.image, options))?;
        match worker.wait(self.signals) {
            Ok(()) => worker.end(),
            Err(interrupted) => {
                worker.kill();
                self.clear();
                Err(interrupted)
            }
        }
    }

    fn check_owner(&self) -> Result<()> {
        if self.maps.is_none_or(|maps| maps.uid.to_container(self.caller.uid).is_some()) {
            return Ok(());
        }
        Err(Error::new("the layers cannot be kept")
            .with_cause("the store belongs to your own id, which --uidmap leaves out")
            .with_hint(format!("map it too: --uidmap 0:{}:1", self.caller.uid)))
    }

    /// Removes what a worker that was killed has left. It may belong to ids that only such a worker has.
    fn clear(&self) {
        let reopen = || match Store::open(self.store.path()) {
            Ok(_) => Ok(Layers { layers: Vec::new(), notes: Vec::new() }),
            Err(error) => Err((error.to_string(), error.hint())),
        };
        // What cannot be removed now is left to whoever opens the store next.
        let _ = Worker::begin(self.maps, reopen).and_then(Worker::end);
    }
}

impl Worker {
    /// A process of its own even for root: only a process can be ended in the middle of its work.
    fn begin(
        maps: Option<&IdMaps>,
        work: impl FnOnce() -> std::result::Result<Layers, (String, Option<String>)>,
    ) -> Result<Self> {
        let pipe =
            || pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)").because(|| "cannot make a pipe");
        let ((go_reader, go_writer), (outcome_reader, outcome_writer)) = (pipe()?, pipe()?);
        let flags = if maps.is_some() { CloneFlags::NEWUSER } else { CloneFlags::empty() };
        let request = CloneRequest { flags, cgroup: None };
        match clone3(&request).because(|| "cannot make a process that unpacks the image")? {
            Forked::Child => {
                drop((go_writer, outcome_reader));
                child(go_reader, outcome_writer, work)
            }
            Forked::Parent { pid, pidfd } => {
                drop((go_reader, outcome_writer));
                let worker = Self { pidfd, outcome: outcome_reader };
                if let Err(error) = maps.map_or(Ok(()), |maps| write_maps(pid, maps)) {
                    worker.kill();
                    return Err(error);
                }
                // A child that is gone already says so by the end of its pipe.
                let _ = File::from(go_writer).write_all(b"g");
                Ok(worker)
            }
        }
    }

    /// Waits for its outcome.
    ///
    /// # Errors
    ///
    /// With the status 128+n when a signal comes before.
    fn wait(&self, signals: &Signals) -> Result<()> {
        loop {
            let mut fds = [PollFd::new(&self.outcome, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => {
                    return Err(errno).call(|| "poll()").because(|| "cannot wait for the image");
                }
            }
            let [outcome, _] = fds.map(|fd| !fd.revents().is_empty());
            signals.check()?;
            if outcome {
                return Ok(());
            }
        }
    }

    /// Its outcome, once it has ended.
    fn end(self) -> Result<Layers> {
        let outcome = read_outcome(self.outcome);
        exit_status(self.pidfd.as_fd())?;
        outcome
    }

    /// Ends it at once. One that is gone already only has to be waited for.
    fn kill(&self) {
        let _ = send_signal_by_pidfd(self.pidfd.as_fd(), rustix::process::Signal::KILL.as_raw());
        let _ = exit_status(self.pidfd.as_fd());
    }
}

/// The own id alone needs no privilege; more is written by newuidmap(1) and newgidmap(1).
fn write_maps(child: Pid, maps: &IdMaps) -> Result<()> {
    let failed = || "cannot map the ids of the image";
    if maps.is_single() {
        idmap::deny_setgroups(child).because(failed)?;
        idmap::write_uid_map(child, &maps.uid).because(failed)?;
        return idmap::write_gid_map(child, &maps.gid).because(failed);
    }
    let programs = IdMapper::find().ok_or_else(|| {
        Error::new(failed())
            .with_cause("newuidmap and newgidmap are missing")
            .with_hint("install the package uidmap, or shadow-utils")
    })?;
    let written = programs.write_uid_map(child, &maps.uid);
    let written = written.and_then(|()| programs.write_gid_map(child, &maps.gid));
    written.map_err(|error| Error::new(failed()).with_hint(error.hint()).with_cause(error))
}

fn unpack(
    store: &Store,
    image: &Image,
    options: UnpackOptions,
) -> std::result::Result<Layers, (String, Option<String>)> {
    match store.unpack(image, &options) {
        Ok(unpacked) => Ok(Layers { layers: unpacked.layers, notes: unpacked.notes }),
        Err(error) => Err((error.to_string(), error.hint())),
    }
}

/// Waits for the maps, works, tells, ends. Nobody would want the work when the parent has ended.
fn child(
    go: OwnedFd,
    outcome: OwnedFd,
    work: impl FnOnce() -> std::result::Result<Layers, (String, Option<String>)>,
) -> ! {
    // None is known to fail; a parent that has ended before is seen by the end of the pipe.
    let _ = holm_credentials::die_with_parent();
    let mut byte = [0];
    if File::from(go).read_exact(&mut byte).is_err() {
        exit_now(crate::error::STATUS_FAILED);
    }
    let told = match work() {
        Ok(layers) => Outcome::Unpacked(layers),
        Err((cause, hint)) => Outcome::Failed { cause, hint },
    };
    let written = serde_json::to_vec(&told).is_ok_and(|text| File::from(outcome).write_all(&text).is_ok());
    exit_now(if written { 0 } else { crate::error::STATUS_FAILED })
}

fn read_outcome(reader: OwnedFd) -> Result<Layers> {
    let mut text = Vec::new();
    File::from(reader)
        .read_to_end(&mut text)
        .because(|| "cannot hear from the process that unpacks the image")?;
    match serde_json::from_slice(&text) {
        Ok(Outcome::Unpacked(layers)) => Ok(layers),
        Ok(Outcome::Failed { cause, hint }) => Err(failure(&cause, hint)),
        Err(_) => {
            Err(Error::new("the image could not be unpacked")
                .with_cause("the process that unpacks it was ended"))
        }
    }
}

fn failure(cause: &str, hint: Option<String>) -> Error {
    let error = Error::new(cause);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
