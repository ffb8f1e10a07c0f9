//! A command line of `holm` that is about to be run.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binary::PATH;
use crate::running::{Finished, Running};

/// Who runs it, and where that user keeps things.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Another user than the test's own.
    pub(crate) uid: Option<u32>,
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// Built up word by word; [`Call::finish`] runs it to its end, [`Call::start`] leaves it running.
#[derive(Debug)]
pub struct Call {
    words: Vec<OsString>,
    variables: Vec<(String, String)>,
    directory: PathBuf,
    uid: Option<u32>,
    input: Vec<u8>,
}

impl Call {
    pub(crate) fn new(program: &Path, caller: &Caller, directory: &Path) -> Self {
        let variables = caller.variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        Self {
            words: vec![program.into()],
            variables: std::iter::once(("PATH".to_owned(), PATH.to_owned())).chain(variables).collect(),
            directory: directory.to_owned(),
            uid: caller.uid,
            input: Vec::new(),
        }
    }

    /// Any program, as the user of the test, with no variable but PATH.
    pub fn of(program: &Path, directory: &Path) -> Self {
        Self::new(program, &Caller { uid: None, variables: Vec::new() }, directory)
    }

    /// Adds words.
    #[must_use]
    pub fn words<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.words.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Adds one word.
    #[must_use]
    pub fn word(self, word: impl AsRef<OsStr>) -> Self {
        self.words([word])
    }

    /// Lets another program run it: `words` come before its own.
    #[must_use]
    pub fn through(mut self, words: &[&str]) -> Self {
        self.words.splice(0..0, words.iter().map(OsString::from));
        self
    }

    /// Sets a variable of the caller's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self = self.without_env(name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes a variable of the caller's environment.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    /// Starts it in another directory.
    #[must_use]
    pub fn in_directory(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }

    /// Gives it standard input.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Starts it, with pipes for standard streams.
    pub fn start(self) -> Running {
        let mut command = self.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::new(command.spawn().expect("it can be run"), &self.input)
    }

    /// Runs it to its end. Without [`Call::input`] its standard input is empty.
    pub fn finish(self) -> Finished {
        self.start().finish()
    }

    /// The uid that it is run with, when it is not the test's own.
    pub(crate) fn uid(&self) -> Option<u32> {
        self.uid
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).current_dir(&self.directory).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(uid) = self.uid {
            // The standard library also leaves root's other groups.
            command.uid(uid).gid(uid);
        }
        command
    }
}
