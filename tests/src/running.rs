//! A `holm` that runs, and one that has ended.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::stream::{Stream, end_of};
use crate::{PATIENCE, runtime};

/// A process that is killed when the test ends before it.
pub struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) out: Stream,
    err: Option<Stream>,
}

/// How a process ended, and what it said.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its exit status, 128+n for a signal.
    pub status: i32,
    /// Standard output, as it came.
    pub bytes: Vec<u8>,
    /// Standard output as text.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// An error in the form that every error has.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// What another runtime said before Holm did: it has the standard error of the container.
    pub said: String,
    /// What was tried.
    pub what: String,
    /// What came in between.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

impl Running {
    pub(crate) fn new(mut child: Child, input: &[u8]) -> Self {
        let mut stdin = child.stdin.take();
        if let (Some(pipe), false) = (&mut stdin, input.is_empty()) {
            let (mut pipe, input) = (pipe.as_fd_clone(), input.to_vec());
            // In a thread of its own: who is slow to read must not stop the test. Who reads no more is not an error.
            std::thread::spawn(move || pipe.write_all(&input).ok());
        }
        let out = Stream::of(child.stdout.take().expect("standard output is a pipe"));
        let err = child.stderr.take().map(Stream::of);
        Self { child, stdin, out, err }
    }

    pub(crate) fn with_terminal(child: Child, out: Stream) -> Self {
        Self { child, stdin: None, out, err: None }
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// The next line of its standard output.
    pub fn line(&self) -> String {
        let line = self.out.take_until("a line", |bytes| end_of(bytes, b"\n"));
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Waits until it writes `sign`; answers with what came up to there.
    pub fn until(&self, sign: &str) -> String {
        let taken = self.out.take_until(&format!("{sign:?}"), |bytes| end_of(bytes, sign.as_bytes()));
        String::from_utf8_lossy(&taken).into_owned()
    }

    /// Waits until it writes `sign` to standard error.
    pub fn complains(&self, sign: &str) {
        let err = self.err.as_ref().expect("standard error is a pipe");
        err.take_until(&format!("{sign:?}"), |bytes| end_of(bytes, sign.as_bytes()));
    }

    /// Writes to its standard input.
    pub fn say(&mut self, text: &str) {
        self.stdin.as_mut().expect("its input is a pipe").write_all(text.as_bytes()).expect("it reads");
    }

    /// Sends it a signal, by number.
    pub fn signal(&self, number: i32) {
        // By its number: the signals from SIGRTMIN on have no other name.
        holm_sys::send_signal(Pid::from_raw(self.pid()).unwrap(), number);
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_some()
    }

    /// Ends its input and waits for it.
    pub fn finish(mut self) -> Finished {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits for it, with its input still open.
    pub fn wait(&mut self) -> Finished {
        let status = self.status();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let bytes = self.out.rest();
        let err = self.err.as_ref().map(|err| text(&err.rest())).unwrap_or_default();
        Finished { status, out: text(&bytes), bytes, err }
    }

    fn status(&mut self) -> i32 {
        if !ends_within(&self.child, PATIENCE) {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let said = self.err.as_ref().map(|err| String::from_utf8_lossy(&err.rest()).into_owned());
            panic!("it did not end in time; standard error: {said:?}");
        }
        code(self.child.wait().expect("it is a child"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            let _ = kill_process(Pid::from_raw(self.pid()).unwrap(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn ends_within(child: &Child, patience: Duration) -> bool {
    let Ok(pidfd) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) else { return true };
    let patience = Timespec::try_from(patience).unwrap();
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)) != Ok(0)
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

trait CloneFd {
    fn as_fd_clone(&self) -> std::fs::File;
}

impl CloneFd for ChildStdin {
    fn as_fd_clone(&self) -> std::fs::File {
        use std::os::fd::AsFd;
        self.as_fd().try_clone_to_owned().expect("a descriptor is free").into()
    }
}

impl Finished {
    /// That it ended with 0; answers with what it wrote, without the blanks around.
    #[track_caller]
    pub fn ok(&self) -> String {
        assert_eq!(self.status, 0, "standard error: {}\nstandard output: {}", self.err, self.out);
        self.out.trim().to_owned()
    }

    /// That it ended with `status`, which is the command's own.
    #[track_caller]
    pub fn ends(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "standard error: {}\nstandard output: {}", self.err, self.out);
        self
    }

    /// That Holm failed with `status` and one error in the form that every error has.
    #[track_caller]
    pub fn fails(&self, status: i32) -> Told {
        assert_eq!(self.status, status, "standard error: {}\nstandard output: {}", self.err, self.out);
        Told::read(&self.err)
    }
}

impl Told {
    /// Reads standard error: one `error:`, at most one `cause:` and `hint:`, nothing else but notes. Another runtime
    /// speaks first, and then the cause refers to it.
    #[track_caller]
    fn read(text: &str) -> Self {
        let mut told = Self::default();
        for line in text.lines() {
            let part = match line.split_once(": ") {
                Some(("error", rest)) => (&mut told.what, rest),
                Some(("  cause", rest)) => (&mut told.cause, rest),
                Some(("  hint", rest)) => (&mut told.hint, rest),
                Some(("note", _)) => continue,
                _ if line.starts_with("         ") => continue,
                _ if runtime().is_some() && told.what.is_empty() => {
                    told.said += line;
                    continue;
                }
                _ => panic!("this line has not the form of an error: {line:?} in:\n{text}"),
            };
            assert!(part.0.is_empty(), "said twice: {line:?} in:\n{text}");
            *part.0 = part.1.trim().to_owned();
        }
        assert!(!told.what.is_empty(), "there is no error in:\n{text}");
        assert!(told.said.is_empty() || told.cause.contains("above"), "two speak of one thing in:\n{text}");
        told
    }

    /// That `word` is in it somewhere.
    #[track_caller]
    pub fn mentions(&self, word: &str) -> &Self {
        let all = [&*self.said, &*self.what, &*self.cause, &*self.hint].join("\n");
        assert!(all.contains(word), "{word:?} is not in {self:?}");
        self
    }

    /// That it says why, and what to do.
    #[track_caller]
    pub fn helps(&self) -> &Self {
        assert!(!self.cause.is_empty() && !self.hint.is_empty(), "there is no cause or no hint: {self:?}");
        self
    }
}
