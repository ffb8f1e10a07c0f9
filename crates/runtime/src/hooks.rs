//! What the hooks of a container hear, and what becomes of those that fail.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use holm_plan::Step;
use holm_spec::{Hook, HookKind};
use holm_state::{Record, Status};
use rustix::fs::{Mode, OFlags};
use serde::Serialize;

use crate::error::{Error, Failure, StepError};
use crate::observer::Observer;
use crate::program::{self, Program};
use crate::steps::{StepResult, attributes};

/// What a hook is told of the container, beside the status and the pid that it has at that point.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    version: String,
    id: String,
    bundle: PathBuf,
    annotations: HashMap<String, String>,
}

/// The state, as the runtime-spec has it and nothing else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HookState<'a> {
    oci_version: &'a str,
    id: &'a str,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    bundle: &'a Path,
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    annotations: &'a HashMap<String, String>,
}

impl Told {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            version: record.oci_version.clone(),
            id: record.id.clone(),
            bundle: record.bundle.clone(),
            annotations: record.annotations.clone(),
        }
    }

    fn text(&self, kind: HookKind, pid: Option<i32>) -> Vec<u8> {
        let state = HookState {
            oci_version: &self.version,
            id: &self.id,
            status: status(kind),
            pid,
            bundle: &self.bundle,
            annotations: &self.annotations,
        };
        serde_json::to_vec(&state).unwrap_or_default()
    }

    /// Runs a hook where this process is, in the bundle. `pid` is the container's process, as this process sees it.
    pub(crate) fn run(&self, kind: HookKind, hook: &Hook, pid: Option<i32>) -> StepResult {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // A bundle may be gone when its container is deleted.
        let bundle = rustix::fs::open(&self.bundle, flags, Mode::empty());
        let directory = bundle.or_else(|_| rustix::fs::open("/", flags, Mode::empty())).ok();
        self.run_in(kind, hook, pid, directory.as_ref().map(std::os::fd::AsFd::as_fd))
    }

    /// The same in another directory, or in the one where this process is.
    pub(crate) fn run_in(
        &self,
        kind: HookKind,
        hook: &Hook,
        pid: Option<i32>,
        directory: Option<std::os::fd::BorrowedFd<'_>>,
    ) -> StepResult {
        let state = self.text(kind, pid);
        let ran = program::run(&Program { hook, directory, input: &state });
        ran.map_err(|error| {
            let cause = format!("error running {kind} hook #{}: {}", hook.index, error.cause);
            StepError { errno: error.errno, hint: error.hint, ..StepError::new(cause) }
        })
    }
}

/// Where in the container's life a hook runs.
fn status(kind: HookKind) -> Status {
    match kind {
        HookKind::Prestart | HookKind::CreateRuntime | HookKind::CreateContainer => Status::Creating,
        HookKind::StartContainer => Status::Created,
        HookKind::Poststart => Status::Running,
        HookKind::Poststop => Status::Stopped,
    }
}

fn what(kind: HookKind, hook: &Hook) -> String {
    format!("run the hook hooks.{kind}[{}] {}", hook.index, hook.path.display())
}

/// What is done at the start, in the container: its hooks, of which the first that fails is the last, and the labels of the
/// command.
pub(crate) fn at_start(told: Option<&Told>, proc: Option<&OwnedFd>, steps: &[Step]) -> Result<(), Failure> {
    // As the container sees it.
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    for step in steps {
        match (step, told) {
            (Step::RunHook { kind, hook }, Some(told)) => told
                .run_in(*kind, hook, Some(pid), None)
                .map_err(|error| Failure::Hook { what: what(*kind, hook), error })?,
            (Step::SetLabel { lsm, label }, _) => attributes::set_label(proc, *lsm, label)
                .map_err(|error| Failure::Other { what: step.to_string(), error })?,
            _ => {}
        }
    }
    Ok(())
}

/// The hooks of a container whose command runs: the first that fails is the last.
pub(crate) fn poststart(record: &Record) -> Result<(), Error> {
    let told = Told::of(record);
    let pid = record.process.map(|process| process.pid);
    record.hooks.poststart.iter().try_for_each(|hook| {
        let ran = told.run(HookKind::Poststart, hook, pid);
        ran.map_err(|error| failed(HookKind::Poststart, hook, &error))
    })
}

/// The hooks of a container that is gone: all of them run, and what fails is told.
pub(crate) fn poststop(record: &Record, observer: &mut dyn Observer) {
    let told = Told::of(record);
    for hook in &record.hooks.poststop {
        if let Err(error) = told.run(HookKind::Poststop, hook, None) {
            let error = failed(HookKind::Poststop, hook, &error);
            observer.note(&error.to_string());
        }
    }
}

fn failed(kind: HookKind, hook: &Hook, error: &StepError) -> Error {
    Error::new(format!("cannot {}", what(kind, hook)))
        .with_cause(&error.cause)
        .with_some_hint(error.hint.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            version: "1.3.0".into(),
            id: "islet".into(),
            bundle: "/no/such/bundle".into(),
            annotations: HashMap::from([("a".into(), "b".into())]),
        }
    }

    #[test]
    fn the_state_is_that_of_the_specification() {
        let text = |kind, pid| String::from_utf8(told().text(kind, pid)).unwrap();
        assert_eq!(
            text(HookKind::CreateRuntime, Some(7)),
            r#"{"ociVersion":"1.3.0","id":"islet","status":"creating","pid":7,"bundle":"/no/such/bundle","annotations":{"a":"b"}}"#
        );
        assert!(text(HookKind::Poststart, Some(7)).contains(r#""status":"running""#));
        let stopped = text(HookKind::Poststop, None);
        assert!(stopped.contains(r#""status":"stopped""#) && !stopped.contains("pid"), "{stopped}");
    }
}
