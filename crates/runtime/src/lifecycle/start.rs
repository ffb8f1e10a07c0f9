//! start.

use holm_state::{Locked, ProcessId, Record, Root, Status};

use crate::command;
use crate::create::handshake::Channel;
use crate::create::parent::system;
use crate::error::{Error, Failure};

/// Lets the process of a created container run its command, and waits until it is executed.
///
/// # Errors
///
/// When the container is not in the state `created`, or its command cannot be executed (status 126 or 127).
pub fn start(root: &Root, id: &str) -> Result<(), Error> {
    let entry = root.entry(id)?.lock()?;
    let mut record = created(&entry, id)?;
    let channel = Channel::from_fd(entry.entry().connect_start_socket()?);
    let refusal = channel.receive_refusal();
    entry.remove_start_socket();
    started(&entry, &mut record, refusal)
}

/// Writes down that the command runs, unless it was refused.
pub(crate) fn started(
    entry: &Locked,
    record: &mut Record,
    refusal: holm_sys::Result<Option<Failure>>,
) -> Result<(), Error> {
    let refusal = refusal.map_err(|error| system("hear from the container's process", error))?;
    if let Some(failure) = refusal {
        return Err(explain(&failure));
    }
    record.status = Status::Running;
    record.command = record.process.filter(|_| record.init).and_then(ProcessId::first_child);
    Ok(entry.write(record)?)
}

fn created(entry: &Locked, id: &str) -> Result<Record, Error> {
    let record = entry.read()?.ok_or_else(|| holm_state::Error::NotFound { id: id.to_owned() })?;
    match record.status() {
        Status::Created => Ok(record),
        status => Err(holm_state::Error::Illegal { action: "start", id: id.to_owned(), status }.into()),
    }
}

/// The error of a failure at the start.
fn explain(failure: &Failure) -> Error {
    let (what, error) = match failure {
        Failure::Other { what, error } => (format!("cannot {what}"), error),
        Failure::Command { error, .. } | Failure::Step { error, .. } => {
            ("cannot run the command".to_owned(), error)
        }
    };
    Error::new(what)
        .with_cause(&error.cause)
        .with_some_hint(error.hint.clone())
        .with_status(command::status(failure))
}
