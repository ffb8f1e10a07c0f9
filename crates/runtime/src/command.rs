//! The command: found ahead of its start, executed at it.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use holm_init::{Call, Refusal};
use holm_plan::Command;
use holm_sys::{CStrings, Context, Errno, execve};
use rustix::fs::{Access, AtFlags, CWD, FileType, accessat, statat};

use crate::error::{Failure, STATUS_FAILED, STATUS_NOT_EXECUTABLE, STATUS_NOT_FOUND, StepError};

/// A command with all that execve(2) wants of it.
pub(crate) struct Prepared {
    path: CString,
    argv: CStrings,
    envp: CStrings,
    /// Whether an init stays above it.
    pub(crate) init: bool,
    /// Whether it leads the session of a terminal.
    pub(crate) terminal: bool,
}

/// Finds the program, in the container and with the command's own ids, and converts its arguments.
pub(crate) fn prepare(command: &Command) -> Result<Prepared, Failure> {
    let name = command.args.first().map(String::as_str).unwrap_or_default();
    let path = find(name, &command.env)?;
    let nul = |_| {
        not_executable(StepError::new(format!("{name:?} has a NUL in its path, arguments or environment")))
    };
    Ok(Prepared {
        path: CString::new(path.as_os_str().as_bytes())
            .map_err(|_| not_executable(StepError::new(format!("{name:?} has a NUL in its path"))))?,
        argv: CStrings::new(&command.args).map_err(nul)?,
        envp: CStrings::new(&command.env).map_err(nul)?,
        init: command.init,
        terminal: command.terminal,
    })
}

impl Prepared {
    /// Becomes the program, with `last` as the last act before; returns only when that failed.
    pub(crate) fn execute(&self, last: impl FnOnce() -> Result<(), Failure>) -> Failure {
        if let Err(error) = holm_sys::reset_signals() {
            return Failure::Other { what: "reset the signals".into(), error: error.into() };
        }
        if let Err(failure) = last() {
            return failure;
        }
        refused(execve(&self.path, &self.argv, &self.envp))
    }

    /// These words, the path of the program, and its arguments: the arguments of the init that will run it.
    pub(crate) fn behind(&self, words: [CString; 2]) -> CStrings {
        self.argv.behind(words.into_iter().chain([self.path.clone()]))
    }

    /// The command's environment.
    pub(crate) fn environment(&self) -> &CStrings {
        &self.envp
    }
}

/// What an init said, as a failure.
pub(crate) fn failure(refusal: &Refusal<'_>) -> Failure {
    let path = String::from_utf8_lossy(refusal.path);
    let error = |call: &str| holm_sys::Error::new(call, Errno::from_raw_os_error(refusal.errno));
    let other = |what: &str, call| Failure::Other { what: what.to_owned(), error: error(call).into() };
    match refusal.call {
        Call::Execute => refused(error(&format!("execve({path:?})"))),
        Call::Clone => other("start the command under its init", "clone()"),
        Call::Setsid => other("prepare the command's process", "setsid()"),
        Call::TakeTerminal => other("prepare the command's process", "ioctl(TIOCSCTTY)"),
        Call::Setpgid => other("prepare the command's process", "setpgid()"),
        Call::Filter => {
            let error = StepError::from(error("seccomp(SECCOMP_SET_MODE_FILTER)"));
            Failure::Other { what: "filter system calls".into(), error: crate::seccomp::failed(error) }
        }
        Call::DieWithInit => other("prepare the command's process", "prctl(PR_SET_PDEATHSIG)"),
    }
}

/// Why the program was not executed, by what the kernel said.
fn refused(error: holm_sys::Error) -> Failure {
    match error.errno() {
        Errno::NOENT => {
            let hint =
                "the program, or the interpreter in its first line or ELF header, is not in the container";
            not_found(StepError::from(error).hinting(hint))
        }
        Errno::NOEXEC => {
            let hint = "it is not a program for this machine, or a script without #! in its first line";
            not_executable(StepError::from(error).hinting(hint))
        }
        Errno::TOOBIG => too_long(error),
        _ => not_executable(error.into()),
    }
}

/// The kernel does not take this many arguments and variables (execve(2), "Limits on size of arguments and
/// environment").
pub(crate) fn too_long(error: holm_sys::Error) -> Failure {
    let hint =
        "its arguments and environment together may have a quarter of RLIMIT_STACK, and each of them 128 KiB";
    not_executable(StepError::from(error).hinting(hint))
}

/// The process that was to execute the command has ended without a word.
pub(crate) fn never_executed() -> Failure {
    let error = StepError::new("its process ended before it was executed");
    Failure::Other { what: "run the command".into(), error: error.hinting("somebody has killed it") }
}

/// The exit status that goes with a failure.
pub(crate) fn status(failure: &Failure) -> u8 {
    match failure {
        Failure::Command { status, .. } => *status,
        _ => STATUS_FAILED,
    }
}

fn not_found(error: StepError) -> Failure {
    Failure::Command { status: STATUS_NOT_FOUND, error }
}

fn not_executable(error: StepError) -> Failure {
    Failure::Command { status: STATUS_NOT_EXECUTABLE, error }
}

/// As execvp(3) finds it: a name with a slash is a path, any other is looked for in the `PATH` of the command.
fn find(name: &str, env: &[String]) -> Result<PathBuf, Failure> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return check(&path).map(|()| path);
    }
    let search = env.iter().rev().find_map(|variable| variable.strip_prefix("PATH=")).unwrap_or_default();
    let mut refused = None;
    for directory in search.split(':') {
        let directory = if directory.is_empty() { "." } else { directory };
        let path = Path::new(directory).join(name);
        match check(&path) {
            Ok(()) => return Ok(path),
            Err(failure) if status(&failure) == STATUS_NOT_EXECUTABLE => refused = refused.or(Some(failure)),
            Err(_) => {}
        }
    }
    Err(refused.unwrap_or_else(|| {
        let error = StepError::new(format!("executable file {name:?} not found in PATH={search:?}"));
        not_found(
            error.hinting(
                "check the spelling, or whether the image has it; a path with a slash is not searched",
            ),
        )
    }))
}

fn check(path: &Path) -> Result<(), Failure> {
    let stat = statat(CWD, path, AtFlags::empty()).call(|| format!("stat({path:?})"));
    let stat = stat.map_err(|error| match error.errno() {
        Errno::NOENT | Errno::NOTDIR => {
            not_found(StepError::from(error).hinting("it is not in the container"))
        }
        _ => not_executable(error.into()),
    })?;
    if FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(not_executable(StepError::new(format!("{} is a directory", path.display()))));
    }
    accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS)
        .call(|| format!("faccessat2({path:?}, X_OK, AT_EACCESS)"))
        .map_err(|error| {
            not_executable(StepError::from(error).hinting("it may not be executed: check its mode"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(path: &str) -> Vec<String> {
        vec![format!("PATH={path}")]
    }

    #[test]
    fn a_program_is_found_in_the_path_of_the_command() {
        assert_eq!(find("sh", &env("/nowhere:/bin")).unwrap(), PathBuf::from("/bin/sh"));
    }

    #[test]
    fn what_is_not_there_is_127_and_what_cannot_be_executed_126() {
        assert_eq!(status(&find("no-such-program", &env("/bin")).unwrap_err()), STATUS_NOT_FOUND);
        assert_eq!(status(&find("/bin/no-such-program", &[]).unwrap_err()), STATUS_NOT_FOUND);
        assert_eq!(status(&find("/etc", &[]).unwrap_err()), STATUS_NOT_EXECUTABLE);
        assert_eq!(status(&find("passwd", &env("/etc")).unwrap_err()), STATUS_NOT_EXECUTABLE);
    }
}
