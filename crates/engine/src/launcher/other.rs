//! Another OCI runtime, by runc's command line (which crun, youki and others have too).
//!
//! What it says when it fails is the cause that the user is told. A container without a terminal has the standard
//! streams of the process that makes it; there the runtime says it on standard error by itself, and it is not repeated.
//!
//! Its state is in the container's own directory, and goes with it. The container's process is an orphan when the
//! runtime has made it and ended: as a subreaper, this process becomes its parent and can wait for it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use holm_runtime::{Container, STATUS_NOT_EXECUTABLE, STATUS_NOT_FOUND};
use holm_state::Status;
use rustix::process::{PidfdFlags, pidfd_open};

use super::{Further, Launch, Life};
use crate::{Because, Error, Result};

/// A program, and where it keeps its state.
#[derive(Debug)]
pub(crate) struct OtherRuntime {
    program: PathBuf,
    state: PathBuf,
}

/// As much of `PROGRAM state ID` as is needed.
#[derive(serde::Deserialize)]
struct State {
    status: Status,
    #[serde(default)]
    pid: i32,
}

/// As much of `PROGRAM features` as is needed (features.md of the specification).
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Features {
    oci_version_max: String,
    linux: LinuxFeatures,
}

#[derive(serde::Deserialize)]
struct LinuxFeatures {
    namespaces: Vec<String>,
}

/// Where a call's standard error goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// To a file, for nobody else has it.
    Captured,
    /// Where that of this process goes: it is the container's.
    Shared,
}

impl Speech {
    /// A container with a terminal of its own has nothing of the runtime's streams.
    fn beside(console_socket: Option<&Path>) -> Self {
        if console_socket.is_some() { Self::Captured } else { Self::Shared }
    }
}

impl OtherRuntime {
    pub(super) fn new(program: &Path, state: &Path) -> Self {
        Self { program: program.to_owned(), state: state.to_owned() }
    }

    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(super) fn create(&self, launch: &Launch<'_>) -> Result<Container> {
        let pid_file = self.file("pid")?;
        let mut words: Vec<&OsStr> = vec![
            "create".as_ref(),
            "--bundle".as_ref(),
            launch.bundle.as_ref(),
            "--pid-file".as_ref(),
            pid_file.as_ref(),
        ];
        words.extend(console(launch.console_socket));
        words.push(launch.id.as_ref());
        self.run_to_process(&words, &pid_file, Speech::beside(launch.console_socket))
    }

    pub(super) fn start(&self, id: &str) -> Result<()> {
        self.run(&["start".as_ref(), id.as_ref()], Speech::Captured)
    }

    /// Whether it says that it knows a kind of namespace. One that does not answer is older than the question.
    pub(super) fn lists_namespace(&self, kind: &str) -> bool {
        self.features().is_some_and(|features| features.linux.namespaces.iter().any(|known| known == kind))
    }

    /// Whether it says that it follows this version of the specification, or a later one.
    pub(super) fn follows(&self, version: (u32, u32)) -> bool {
        let numbers = |text: &str| {
            let mut numbers = text.split('.').map(|number| number.parse().ok());
            Some((numbers.next()??, numbers.next()??))
        };
        self.features()
            .and_then(|features| numbers(&features.oci_version_max))
            .is_some_and(|max| max >= version)
    }

    fn features(&self) -> Option<Features> {
        let mut command = Command::new(&self.program);
        let output = command.arg("features").stdin(Stdio::null()).stderr(Stdio::null()).output();
        let output = output.ok().filter(|output| output.status.success())?;
        serde_json::from_slice(&output.stdout).ok()
    }

    pub(super) fn exec(&self, further: &Further<'_>) -> Result<Container> {
        let own = std::process::id();
        let (pid_file, process) =
            (self.file(&format!("exec-{own}.pid"))?, self.file(&format!("exec-{own}.json"))?);
        let text = serde_json::to_vec(further.process).because(|| "cannot write the process down")?;
        std::fs::write(&process, text).because(|| format!("cannot write {}", process.display()))?;
        let mut words: Vec<&OsStr> =
            vec!["exec".as_ref(), "--detach".as_ref(), "--process".as_ref(), process.as_ref()];
        words.extend(["--pid-file".as_ref(), pid_file.as_os_str()]);
        words.extend(console(further.console_socket));
        words.push(further.id.as_ref());
        let result = self.run_to_process(&words, &pid_file, Speech::beside(further.console_socket));
        for path in [&pid_file, &process] {
            // What stays goes with the container's directory.
            let _ = std::fs::remove_file(path);
        }
        result
    }

    pub(super) fn delete(&self, id: &str) -> Result<()> {
        if !self.state.exists() {
            return Ok(());
        }
        // A runtime that does not know the container fails, and has nothing to delete.
        let known = self.life(id).is_some();
        if !known {
            return Ok(());
        }
        self.run(&["delete".as_ref(), "--force".as_ref(), id.as_ref()], Speech::Captured)
    }

    pub(super) fn life(&self, id: &str) -> Option<Life> {
        let output = self
            .command(&["state".as_ref(), id.as_ref()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        let state: State = serde_json::from_slice(&output.stdout).ok()?;
        Some(Life { status: state.status, pid: state.pid })
    }

    /// A file beside the runtime's state.
    fn file(&self, name: &str) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.state).because(|| format!("cannot make {}", self.state.display()))?;
        Ok(self.state.join(name))
    }

    fn command(&self, words: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.state).arg("--log").arg(self.log()).args(words);
        command
    }

    fn log(&self) -> PathBuf {
        self.state.join("log")
    }

    /// Runs it; the standard streams are this process's, as those of the container are to be, with the exception that
    /// `speech` makes.
    fn run(&self, words: &[&OsStr], speech: Speech) -> Result<()> {
        let doing = || {
            let tried = match words.first().map(|word| word.to_string_lossy()).as_deref() {
                Some("exec") => "run the command in".to_owned(),
                word => word.unwrap_or_default().to_owned(),
            };
            format!("the runtime {} failed to {tried} the container", self.program.display())
        };
        let mut command = self.command(words);
        // What was said in an earlier call is not the cause of this one's failure.
        let _ = std::fs::remove_file(self.log());
        let spoken = self.file("stderr")?;
        if speech == Speech::Captured {
            let file = File::create(&spoken).because(|| format!("cannot write {}", spoken.display()))?;
            command.stderr(file);
        }
        let status = command.status().because(|| format!("cannot run {}", self.program.display()))?;
        if status.success() {
            return Ok(());
        }
        let read = |path: &Path| last_line(&std::fs::read_to_string(path).unwrap_or_default());
        let said = match (read(&self.log()), speech) {
            (nothing, Speech::Captured) if nothing.is_empty() => read(&spoken),
            (logged, _) => logged,
        };
        let cause = match (said.as_str(), speech) {
            ("", _) => status.to_string(),
            (_, Speech::Shared) => "it has said why itself, above".to_owned(),
            (said, Speech::Captured) => said.to_owned(),
        };
        Err(Error::new(doing()).with_cause(cause).with_status(status_of(&said)))
    }

    /// Runs it, and takes over the process that it made.
    fn run_to_process(&self, words: &[&OsStr], pid_file: &Path, speech: Speech) -> Result<Container> {
        holm_credentials::become_subreaper()
            .because(|| "cannot become the parent of the container's process")?;
        self.run(words, speech)?;
        let failed = || format!("cannot find the process that {} made", self.program.display());
        let text = std::fs::read_to_string(pid_file).because(failed)?;
        let pid = text.trim().parse().ok().and_then(holm_sys::pid_of_number);
        let pid =
            pid.ok_or_else(|| Error::new(failed()).with_cause(format!("its pid file has {text:?} in it")))?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).because(failed)?;
        Ok(Container { pid, pidfd })
    }
}

fn console(socket: Option<&Path>) -> Vec<&OsStr> {
    socket.map(|socket| vec!["--console-socket".as_ref(), socket.as_os_str()]).unwrap_or_default()
}

/// The last line of a log, which is text, logfmt or JSON.
fn last_line(log: &str) -> String {
    let line = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let message = line.split_once("msg=\"").map(|(_, message)| message.trim_end().trim_end_matches('"'));
    message.unwrap_or(line).replace("\\\"", "\"")
}

/// What went wrong, by what runc and crun say of a command that cannot be executed.
fn status_of(said: &str) -> u8 {
    let said = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    match () {
        () if has(&["executable file not found", "executable file `"]) => STATUS_NOT_FOUND,
        () if has(&["exec"]) && has(&["no such file or directory"]) => STATUS_NOT_FOUND,
        () if has(&["exec"]) && has(&["permission denied", "is a directory", "exec format error"]) => {
            STATUS_NOT_EXECUTABLE
        }
        () => crate::error::STATUS_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_says_becomes_a_status() {
        let runc = "time=\"2024\" level=error msg=\"runc create failed: unable to start container process: \
                    exec: \\\"x\\\": executable file not found in $PATH\"\n";
        assert_eq!(status_of(&last_line(runc)), 127);
        assert!(last_line(runc).starts_with("runc create failed"));
        assert_eq!(status_of("executable file `x` not found in $PATH: No such file or directory"), 127);
        assert_eq!(status_of("exec: \"/etc/passwd\": permission denied"), 126);
        assert_eq!(status_of("cannot mount proc: permission denied"), 125);
        assert_eq!(last_line(""), "");
    }

    fn script(body: &str) -> (tempfile::TempDir, OtherRuntime) {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("runtime.sh");
        // Written by another process: a descriptor of this one that is open for writing would be inherited by what the tests
        // beside this one start, and the program could not be executed meanwhile (ETXTBSY).
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh"])
            .arg(format!("#!/bin/sh\n{body}\n"))
            .arg(&program)
            .status();
        assert!(written.unwrap().success());
        let state = directory.path().join("state");
        std::fs::create_dir(&state).unwrap();
        let other = OtherRuntime::new(&program, &state);
        (directory, other)
    }

    #[test]
    fn a_state_is_read_and_an_unknown_container_has_none() {
        let (_directory, other) = script("echo '{\"status\": \"running\", \"pid\": 7, \"id\": \"x\"}'");
        assert_eq!(other.life("x"), Some(Life { status: Status::Running, pid: 7 }));
        let (_directory, other) = script("exit 1");
        assert_eq!(other.life("x"), None);
        assert!(other.delete("x").is_ok());
    }

    #[test]
    fn a_runtime_that_fails_is_quoted() {
        let (_directory, other) = script("echo 'cannot do it' > \"$4\"; exit 3");
        let error = other.start("x").unwrap_err();
        assert_eq!((error.cause(), error.status()), (Some("cannot do it"), 125));
    }

    #[test]
    fn a_runtime_that_has_no_log_is_quoted_too() {
        let (_directory, other) = script("echo 'exec format error: exec' >&2; exit 255");
        let error = other.start("x").unwrap_err();
        assert_eq!((error.cause(), error.status()), (Some("exec format error: exec"), 126));
    }

    #[test]
    fn what_a_runtime_has_told_the_user_is_not_repeated() {
        let (_directory, other) = script("echo 'cannot do it' > \"$4\"; exit 3");
        let error = other.run(&["create".as_ref()], Speech::Shared).unwrap_err();
        assert!(!error.cause().unwrap().contains("cannot do it"));
        let (_directory, other) = script("exit 3");
        let error = other.run(&["create".as_ref()], Speech::Shared).unwrap_err();
        assert_eq!(error.cause(), Some("exit status: 3"));
    }

    #[test]
    fn a_runtime_is_asked_which_namespaces_it_makes() {
        let (_directory, other) = script(
            "test \"$*\" = features && echo '{\"ociVersionMax\": \"1.0.2-dev\", \
                    \"linux\": {\"namespaces\": [\"mount\", \"time\"]}}'",
        );
        assert!(other.lists_namespace("time") && !other.lists_namespace("user"));
        assert!(other.follows((1, 0)) && !other.follows((1, 1)));
        let (_directory, other) = script("echo 'unknown command features' >&2; exit 1");
        assert!(!other.lists_namespace("time"));
    }
}
