//! What is measured: a program from its start to its end, or the times that a program prints of itself.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::place::{Place, Stage};
use crate::Result;

/// One row of a table.
pub(super) struct Row<'a> {
    pub(super) name: String,
    /// What is in it.
    pub(super) what: String,
    /// How it is measured; otherwise why it is not.
    pub(super) program: std::result::Result<Program<'a>, String>,
    pub(super) samples: Vec<Duration>,
}

/// What is run for a sample.
pub(super) struct Program<'a> {
    place: &'a Place,
    stage: Stage,
    words: Vec<OsString>,
    /// It prints its times itself, in nanoseconds, a line each.
    reports: bool,
    /// What is removed before each run, outside of the time.
    removed: Option<PathBuf>,
    /// What is run before each run, outside of the time.
    before: Option<Vec<OsString>>,
    /// What is run behind it, in the same time.
    then: Vec<Vec<OsString>>,
}

impl<'a> Row<'a> {
    pub(super) fn new(name: &str, what: &str, program: Program<'a>) -> Self {
        let there = program.is_there();
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            program: there.map(|()| program),
            samples: Vec::new(),
        }
    }

    /// One sample, or several from a program that reports.
    fn sample(&mut self) -> Result<()> {
        let Ok(program) = &self.program else { return Ok(()) };
        self.samples.extend(program.measure().map_err(|error| format!("{}: {error}", self.name))?);
        Ok(())
    }
}

impl<'a> Program<'a> {
    pub(super) fn new<W: AsRef<OsStr>>(
        place: &'a Place,
        stage: Stage,
        words: impl IntoIterator<Item = W>,
    ) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        Self { place, stage, words, reports: false, removed: None, before: None, then: Vec::new() }
    }

    pub(super) fn reporting(self) -> Self {
        Self { reports: true, ..self }
    }

    /// Removes what is in this directory before each run.
    pub(super) fn removing(self, path: &Path) -> Self {
        Self { removed: Some(path.to_owned()), ..self }
    }

    /// Runs another program before each run.
    pub(super) fn after<W: AsRef<OsStr>>(self, words: impl IntoIterator<Item = W>) -> Self {
        Self { before: Some(words.into_iter().map(|word| word.as_ref().to_owned()).collect()), ..self }
    }

    /// Runs another program behind it; its time counts too.
    pub(super) fn then(mut self, words: Vec<OsString>) -> Self {
        self.then.push(words);
        self
    }

    fn is_there(&self) -> std::result::Result<(), String> {
        let program = Path::new(self.words.first().map(OsString::as_os_str).unwrap_or_default());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
        if found { Ok(()) } else { Err("not installed".to_owned()) }
    }

    /// One sample, or several from a program that reports.
    pub(super) fn measure(&self) -> Result<Vec<Duration>> {
        self.place.enter(self.stage)?;
        if let Some(directory) = &self.removed {
            empty(directory)?;
        }
        if let Some(words) = &self.before {
            run(words, Stdio::null())?;
        }
        if self.reports {
            let text = self.output()?;
            return text.lines().map(|line| Ok(Duration::from_nanos(line.parse()?))).collect();
        }
        let mut time = run(&self.words, Stdio::null())?;
        for words in &self.then {
            time += run(words, Stdio::null())?;
        }
        reap();
        Ok(vec![time])
    }

    /// Runs it for what it prints.
    pub(super) fn output(&self) -> Result<String> {
        self.place.enter(self.stage)?;
        let mut file = tempfile::tempfile()?;
        run(&self.words, file.try_clone()?.into())?;
        file.rewind()?;
        Ok(std::io::read_to_string(file)?)
    }

    /// For what is more than a start and an end.
    pub(super) fn command(&self) -> Result<Command> {
        self.place.enter(self.stage)?;
        command(&self.words)
    }
}

/// A row after the other, again and again.
pub(super) fn take_turns(rows: &mut [Row<'_>], rounds: usize) -> Result<()> {
    // What is only done the first time is nobody's: pages of the programs, directories of their state.
    for row in rows.iter_mut() {
        row.sample()?;
        row.samples.clear();
    }
    for round in 0..rounds {
        eprint!("\r{} of {rounds} ", round + 1);
        rows.iter_mut().try_for_each(Row::sample)?;
    }
    eprintln!();
    Ok(())
}

fn command(words: &[OsString]) -> Result<Command> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").stdin(Stdio::null());
    Ok(command)
}

/// From its start to its end. A file takes its errors: a pipe would be waited for.
fn run(words: &[OsString], output: Stdio) -> Result<Duration> {
    let mut errors: File = tempfile::tempfile()?;
    let mut command = command(words)?;
    command.stdout(output).stderr(errors.try_clone()?);
    let begin = Instant::now();
    let status = command.status()?;
    let time = begin.elapsed();
    if status.success() {
        return Ok(time);
    }
    let mut text = String::new();
    errors.rewind()?;
    errors.read_to_string(&mut text)?;
    Err(format!("{words:?}: {status}\n{text}").into())
}

/// Takes the status of what has come here from a runtime that left it alone: this process is its subreaper.
fn reap() {
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
}

/// Removes all that is in `directory`.
fn empty(directory: &Path) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
