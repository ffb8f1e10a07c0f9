//! start.

use holm_state::{Locked, Record, Root, Status};

use crate::command;
use crate::create::handshake::Channel;
use crate::create::parent::system;
use crate::error::{Error, Failure};
use crate::hooks;
use crate::lifecycle::delete::destroy;
use crate::observer::Observer;

/// Lets the process of a created container run its command, and waits until it is executed.
///
/// # Errors
///
/// When the container is not in the state `created`, or its command cannot be executed (status 126 or 127); when one of
/// its hooks fails: then it is gone, as the runtime-spec has it ("Lifecycle").
pub fn start(root: &Root, id: &str, observer: &mut dyn Observer) -> Result<(), Error> {
    let record = start_command(root, id).map_err(|failed| {
        if failed.by_hook {
            destroy(root, id, observer);
        }
        failed.error
    })?;
    // The container is nobody's now: a hook may want to do something with it.
    hooks::poststart(&record).inspect_err(|_| destroy(root, id, observer))
}

/// Why a container was not started.
struct Failed {
    error: Error,
    by_hook: bool,
}

impl<E: Into<Error>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), by_hook: false }
    }
}

fn start_command(root: &Root, id: &str) -> Result<Record, Failed> {
    let entry = root.entry(id)?.lock()?;
    let mut record = created(&entry, id)?;
    // Ahead of the start: who is killed after it has had no time to. What is refused then has ended, and is `stopped`.
    record.status = Status::Running;
    entry.write(&record)?;
    let connected = entry.entry().connect_start_socket();
    let socket = connected.inspect_err(|_| {
        // Nobody was told to go on. That the other error is the one to say does not depend on this.
        record.status = Status::Created;
        let _ = entry.write(&record);
    })?;
    let channel = Channel::from_fd(socket);
    let refusal = channel.receive_refusal();
    entry.remove_start_socket();
    let by_hook = matches!(refusal, Ok(Some(Failure::Hook { .. })));
    executed(refusal).map_err(|error| Failed { error, by_hook })?;
    Ok(record)
}

/// Whether the command was executed.
pub(crate) fn executed(refusal: holm_sys::Result<Option<Failure>>) -> Result<(), Error> {
    match refusal.map_err(|error| system("hear from the container's process", error))? {
        None => Ok(()),
        Some(failure) => Err(explain(&failure)),
    }
}

fn created(entry: &Locked, id: &str) -> Result<Record, Error> {
    let record = entry.record()?;
    match record.status_now() {
        Status::Created => Ok(record),
        status => Err(holm_state::Error::Illegal { action: "start", id: id.to_owned(), status }.into()),
    }
}

/// The error of a failure at the start.
fn explain(failure: &Failure) -> Error {
    let (what, error) = match failure {
        Failure::Hook { what, error } | Failure::Other { what, error } => (format!("cannot {what}"), error),
        Failure::Command { error, .. } | Failure::Step { error, .. } => {
            ("cannot run the command".to_owned(), error)
        }
    };
    Error::new(what)
        .with_cause(&error.cause)
        .with_some_hint(error.hint.clone())
        .with_status(command::status(failure))
}
