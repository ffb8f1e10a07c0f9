//! The log that an engine reads why something failed from (`--log`), in the two forms of runc's.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use clap::ValueEnum;
use holm_runtime::{Because, Error, Result};
use serde::Serialize;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// `time="..." level=error msg="..."`.
    Text,
    /// `{"level":"error","msg":"...","time":"..."}`.
    Json,
}

/// What is written; in the words of runc's library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// Nothing less than a failure that ends the program.
    Panic,
    /// As that.
    Fatal,
    /// Failures.
    Error,
    /// And what the user should know, though nothing failed.
    #[value(alias = "warn")]
    Warning,
    /// As that.
    Info,
    /// And each step.
    Debug,
    /// As that.
    Trace,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// The open log.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    format: Format,
    level: Level,
}

#[derive(Serialize)]
struct Line<'a> {
    level: Level,
    msg: &'a str,
    time: String,
}

impl Log {
    /// Opens it, behind what is in it; others may read it, as the engine might.
    pub(crate) fn open(path: &Path, format: Format, level: Level) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o644).open(path);
        let file = file.because(|| format!("cannot open the log {}", path.display()))?;
        Ok(Self { file, format, level })
    }

    /// The one that runc has where none is said.
    pub(crate) fn on_standard_error(format: Format, level: Level) -> Result<Self> {
        let own = std::io::stderr().as_fd().try_clone_to_owned();
        Ok(Self { file: own.because(|| "cannot write to standard error")?.into(), format, level })
    }

    /// Whether lines of this level are written.
    pub(crate) fn has(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes a line, whole. A log that cannot be written has nobody who could be told.
    pub(crate) fn write(&mut self, level: Level, text: &str) {
        if !self.has(level) {
            return;
        }
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let line = match self.format {
            Format::Json => serde_json::to_string(&Line { level, msg: text, time }).unwrap_or_default(),
            Format::Text => format!("time={time:?} level={} msg={text:?}", level.name()),
        };
        let _ = self.file.write_all(format!("{line}\n").as_bytes());
    }

    /// Writes what failed.
    pub(crate) fn error(&mut self, error: &Error) {
        self.write(Level::Error, &told(error));
    }
}

/// A failure in one line. Engines tell a command that is not there, and one that may not be executed, from other failures
/// by words that runc has in its errors.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    text.push_str(match error.status() {
        holm_runtime::STATUS_NOT_FOUND => ": executable file not found in $PATH: no such file or directory",
        holm_runtime::STATUS_NOT_EXECUTABLE => ": permission denied",
        _ => "",
    });
    if let Some(hint) = error.hint() {
        text.push_str(" (");
        text.push_str(hint);
        text.push(')');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, level: Level) -> String {
        let path = std::env::temp_dir().join(format!("holm-log-{}-{format:?}-{level:?}", std::process::id()));
        let mut log = Log::open(&path, format, level).unwrap();
        log.error(&Error::new("cannot run \"it\"").with_status(holm_runtime::STATUS_NOT_FOUND));
        log.write(Level::Warning, "odd");
        log.write(Level::Debug, "a step");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        text
    }

    #[test]
    fn engines_read_lines_of_json() {
        let text = written(Format::Json, Level::Info);
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["level"], "error");
        assert!(lines[0]["msg"].as_str().unwrap().contains("executable file not found in $PATH"));
        assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(lines[1]["level"], "warning");
    }

    #[test]
    fn the_level_says_what_is_written() {
        assert_eq!(written(Format::Text, Level::Debug).lines().count(), 3);
        let text = written(Format::Text, Level::Error);
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(" level=error msg=\"cannot run \\\"it\\\""), "{text}");
    }
}
