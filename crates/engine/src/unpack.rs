//! Unpacking an image as an ordinary user: in a process in a user namespace of its own, where the ids of the image
//! are ids that the user has.
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

use holm_image::{Image, Store, UnpackOptions};
use holm_namespaces::idmap::{self, IdMapper};
use holm_sys::{CloneFlags, CloneRequest, Context, Forked, clone3, exit_now};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::caller::Caller;
use crate::foreground::exit_status;
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

/// Unpacks the layers of `image` that are missing, as the user that `maps` make of the caller.
///
/// # Errors
///
/// When the namespace cannot be made, or the image cannot be unpacked.
pub(crate) fn in_user_namespace(
    store: &Store,
    image: &Image,
    maps: &IdMaps,
    caller: &Caller,
) -> Result<Layers> {
    if maps.uid.to_container(caller.uid).is_none() {
        return Err(Error::new("the layers cannot be kept")
            .with_cause("the store belongs to your own id, which --uidmap leaves out")
            .with_hint(format!("map it too: --uidmap 0:{}:1", caller.uid)));
    }
    let options = UnpackOptions { single_id: maps.is_single() };
    if store.missing(image, &options).is_empty() {
        // Nothing is written, so nothing has to be owned by anybody.
        return unpack(store, image, options).map_err(|(cause, hint)| failure(&cause, hint));
    }
    let pipe = || pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)").because(|| "cannot make a pipe");
    let ((go_reader, go_writer), (outcome_reader, outcome_writer)) = (pipe()?, pipe()?);
    let request = CloneRequest { flags: CloneFlags::NEWUSER, cgroup: None };
    match clone3(&request).because(|| "cannot make a user namespace")? {
        Forked::Child => {
            drop((go_writer, outcome_reader));
            child(go_reader, outcome_writer, || unpack(store, image, options))
        }
        Forked::Parent { pid, pidfd } => {
            drop((go_reader, outcome_writer));
            let mapped = write_maps(pid, maps);
            if mapped.is_ok() {
                // A child that is gone already says so by the end of its pipe.
                let _ = File::from(go_writer).write_all(b"g");
            } else {
                drop(go_writer);
            }
            let outcome = read_outcome(outcome_reader);
            exit_status(pidfd.as_fd())?;
            mapped.and(outcome)
        }
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

/// Waits for the maps, works, tells, ends.
fn child(
    go: OwnedFd,
    outcome: OwnedFd,
    work: impl FnOnce() -> std::result::Result<Layers, (String, Option<String>)>,
) -> ! {
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
