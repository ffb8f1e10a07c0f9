//! A program of the configuration, run to its end: its input is given, its outputs are kept, its time is limited.

use std::ffi::CString;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use holm_spec::Hook;
use holm_sys::{CStrings, CloneFlags, CloneRequest, Context, Errno, Forked, clone3, execve, exit_now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, OFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_send_signal, setpgid, waitid,
};

use crate::create::parent::reap;
use crate::error::StepError;

/// How much of an output is kept, in bytes.
const LONGEST_OUTPUT: usize = 400;
/// The status of a process that could not become the program.
const NOT_EXECUTED: u8 = 127;

/// What is run.
pub(crate) struct Program<'a> {
    /// The program, its arguments and environment, and its time.
    pub(crate) hook: &'a Hook,
    /// Where it runs; where the caller is, without.
    pub(crate) directory: Option<BorrowedFd<'a>>,
    /// What it reads.
    pub(crate) input: &'a [u8],
}

/// Runs it and waits for its end, or that of its time, when it is killed with all of its process group. The caller must
/// be single-threaded.
///
/// # Errors
///
/// When it cannot be executed, ends with another status than 0, or takes too long.
pub(crate) fn run(program: &Program<'_>) -> Result<(), StepError> {
    let words = Words::new(program.hook)?;
    let input = memory_with(program.input)?;
    let (output, errors, refusal) = (pipe()?, pipe()?, pipe()?);
    let request = CloneRequest { flags: CloneFlags::empty(), cgroup: None };
    let begin = Instant::now();
    match clone3(&request)? {
        Forked::Child => {
            let streams = [input.as_fd(), output.1.as_fd(), errors.1.as_fd()];
            become_program(program, &words, streams, &refusal.1)
        }
        Forked::Parent { pid, pidfd } => {
            let [output, errors, refusal] = [output, errors, refusal].map(|(read, _write)| read);
            let mut running = Running { pid, pidfd, outputs: [Output::new(output), Output::new(errors)] };
            let deadline = program.hook.timeout.map(|seconds| begin + Duration::from_secs(seconds.into()));
            if !running.wait(deadline)? {
                running.kill();
                let seconds = program.hook.timeout.unwrap_or_default();
                return Err(StepError::new(format!(
                    "killed after its timeout of {seconds} s{}",
                    running.said()
                )));
            }
            running.judge(&refusal, &words)
        }
    }
}

/// Converted ahead of the clone: nothing is allocated in the child.
struct Words {
    path: CString,
    argv: CStrings,
    envp: CStrings,
}

impl Words {
    fn new(hook: &Hook) -> Result<Self, StepError> {
        let nul = |_| StepError::new("there is a NUL in its path, arguments or environment");
        Ok(Self {
            path: CString::new(hook.path.as_os_str().as_bytes()).map_err(nul)?,
            argv: CStrings::new(&hook.args).map_err(nul)?,
            envp: CStrings::new(&hook.env).map_err(nul)?,
        })
    }
}

/// A file that is read from its beginning to its end. Not a pipe: who gives the input need not wait for who reads it, and
/// does not care whether anybody does.
fn memory_with(text: &[u8]) -> Result<OwnedFd, StepError> {
    let memory = match memfd_create("state", MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create("state", MemfdFlags::CLOEXEC),
        result => result,
    };
    let mut file = File::from(memory.call(|| "memfd_create(\"state\")")?);
    file.write_all(text).call(|| "write(memfd)")?;
    file.seek(SeekFrom::Start(0)).call(|| "lseek(memfd)")?;
    Ok(file.into())
}

/// Its reading end does not block. (The flag is one of each end.)
fn pipe() -> Result<(OwnedFd, OwnedFd), StepError> {
    let (read, write) = pipe_with(PipeFlags::CLOEXEC).call(|| "pipe2(O_CLOEXEC)")?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK).call(|| "fcntl(F_SETFL, O_NONBLOCK)")?;
    Ok((read, write))
}

/// In the child: it ends here if it cannot become the program, and says why.
fn become_program(
    program: &Program<'_>,
    words: &Words,
    streams: [BorrowedFd<'_>; 3],
    refusal: &OwnedFd,
) -> ! {
    let error = match prepare(program, streams, refusal) {
        Ok(()) => execve(&words.path, &words.argv, &words.envp),
        Err(error) => error,
    };
    let _ = rustix::io::write(refusal, &error.errno().raw_os_error().to_ne_bytes());
    exit_now(NOT_EXECUTED)
}

/// It leads a group of its own, which can be killed as a whole, and does not outlive who waits for it.
fn prepare(program: &Program<'_>, streams: [BorrowedFd<'_>; 3], refusal: &OwnedFd) -> holm_sys::Result<()> {
    setpgid(None, None).call(|| "setpgid(0, 0)")?;
    holm_credentials::die_with_parent()?;
    if let Some(directory) = program.directory {
        rustix::process::fchdir(directory).call(|| "fchdir()")?;
    }
    let [input, output, errors] = streams;
    rustix::stdio::dup2_stdin(input).call(|| "dup2(0)")?;
    rustix::stdio::dup2_stdout(output).call(|| "dup2(1)")?;
    rustix::stdio::dup2_stderr(errors).call(|| "dup2(2)")?;
    holm_sys::close_all_but(&[], &[refusal.as_fd()])?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    holm_sys::reset_signals()
}

/// One of its outputs: the beginning is kept, the rest is read and forgotten.
struct Output {
    pipe: Option<OwnedFd>,
    kept: Vec<u8>,
}

impl Output {
    fn new(pipe: OwnedFd) -> Self {
        Self { pipe: Some(pipe), kept: Vec::new() }
    }

    /// Reads what is there.
    fn drain(&mut self) {
        let mut buffer = [0; 4096];
        while let Some(pipe) = &self.pipe {
            match rustix::io::read(pipe, &mut buffer) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Ok(0) | Err(_) => self.pipe = None,
                Ok(length) => {
                    let room = LONGEST_OUTPUT.saturating_sub(self.kept.len());
                    self.kept.extend(buffer.iter().take(length.min(room)));
                }
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).trim().to_owned()
    }
}

/// A program that runs.
struct Running {
    pid: Pid,
    pidfd: OwnedFd,
    outputs: [Output; 2],
}

impl Running {
    /// Waits for its end; false when the deadline came first. Who has its outputs beyond its end is not waited for.
    fn wait(&mut self, deadline: Option<Instant>) -> Result<bool, StepError> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(false);
            }
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut polled = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
            let pipes = self.outputs.iter().filter_map(|output| output.pipe.as_ref());
            polled.extend(pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
            match poll(&mut polled, left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(holm_sys::Error::new("poll(hook)", errno).into()),
            }
            let ended = polled.first().is_some_and(|pidfd| !pidfd.revents().is_empty());
            self.outputs.iter_mut().for_each(Output::drain);
            if ended {
                return Ok(true);
            }
        }
    }

    fn kill(&self) {
        // The group first: its number is this program's own until that is reaped.
        let _ = kill_process_group(self.pid, Signal::KILL);
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        reap(&self.pidfd);
    }

    fn judge(&self, refusal: &OwnedFd, words: &Words) -> Result<(), StepError> {
        let status = loop {
            match waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED) {
                Err(Errno::INTR) => {}
                result => break result.call(|| "waitid(P_PIDFD)")?,
            }
        };
        let mut errno = [0; 4];
        if rustix::io::read(refusal, &mut errno) == Ok(4) {
            let errno = Errno::from_raw_os_error(i32::from_ne_bytes(errno));
            return Err(holm_sys::Error::new(format!("execve({:?})", words.path), errno).into());
        }
        match status.as_ref().map(end_of) {
            None => Ok(()),
            Some(end) if end == "exit status 0" => Ok(()),
            Some(end) => Err(StepError::new(format!("{end}{}", self.said()))),
        }
    }

    /// What it has written.
    fn said(&self) -> String {
        let named = ["stdout", "stderr"].into_iter().zip(&self.outputs);
        named.map(|(name, output)| format!(", {name}: {}", output.text())).collect()
    }
}

fn end_of(status: &WaitIdStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => format!("exit status {status}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests are threads, of which no clone may be made: the program is run in a process of one thread.
    fn run_script(script: &str, timeout: Option<u32>) -> Result<(), StepError> {
        let args = ["sh", "-c", script].map(str::to_owned).to_vec();
        let hook = Hook { index: 0, path: "/bin/sh".into(), args, env: Vec::new(), timeout };
        run(&Program { hook: &hook, directory: None, input: b"input" })
    }

    #[test]
    fn words_with_a_nul_are_refused() {
        let hook = Hook { index: 0, path: "/x".into(), args: vec!["a\0".into()], env: vec![], timeout: None };
        assert!(Words::new(&hook).is_err());
    }

    #[test]
    fn a_process_of_threads_makes_none() {
        let thread = std::thread::spawn(|| run_script("exit 0", None));
        assert!(thread.join().unwrap().unwrap_err().cause.contains("threads"));
    }
}
