//! What people see: errors, notes and steps, on standard error.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use holm_runtime::{Error, Observer, Result, StepReport};

use crate::log::{Level, Log};

/// Writes to standard error; when nobody reads it any more, there is nobody to tell.
fn say(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes to standard output, as the answer of a command.
///
/// # Errors
///
/// When it cannot be written, except that nobody reads on.
pub fn answer(text: impl Display) -> Result<()> {
    match write!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new("cannot write to standard output").with_cause(error))
        }
        _ => Ok(()),
    }
}

/// Colours a word, on a terminal whose user did not ask for none (<https://no-color.org>).
fn coloured(word: &str, colour: &str) -> String {
    let wanted = rustix::termios::isatty(rustix::stdio::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    if wanted { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() }
}

/// What was tried, what came in between, what to do.
pub fn print_error(error: &Error) {
    say(format!("{} {}", coloured("error:", "1;31"), indented(error.what())));
    if let Some(cause) = error.cause() {
        say(format!("  {} {}", coloured("cause:", "1"), indented(cause)));
    }
    if let Some(hint) = error.hint() {
        say(format!("  {}  {}", coloured("hint:", "1;36"), indented(hint)));
    }
}

/// Further lines begin below the first.
fn indented(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().split('\n').map(printable).collect();
    lines.join("\n         ")
}

/// What a container or a command line says must not speak to the terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How much is told of what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Notes alone.
    Quiet,
    /// Each step, with the time that it took.
    Steps,
    /// Also when it was done, from the start of the program on.
    Debug,
}

impl Verbosity {
    /// From the number of `-v` and from `HOLM_LOG`, whichever asks for more.
    pub fn new(flags: u8, variable: Option<&str>) -> Self {
        let flagged = match flags {
            0 => Self::Quiet,
            1 => Self::Steps,
            2.. => Self::Debug,
        };
        let said = match variable {
            Some("steps") => Self::Steps,
            Some("debug") => Self::Debug,
            Some(_) | None => Self::Quiet,
        };
        flagged.max(said)
    }

    /// Whether `HOLM_LOG` may have this value; an empty one is none.
    pub fn is_known(variable: &str) -> bool {
        matches!(variable, "" | "steps" | "debug")
    }
}

/// Prints notes, and the steps when they are asked for.
#[derive(Debug)]
pub struct Narrator {
    verbosity: Verbosity,
    started: Instant,
    log: Option<Log>,
}

impl Narrator {
    /// One that tells so much.
    pub fn new(verbosity: Verbosity) -> Self {
        Self { verbosity, started: Instant::now(), log: None }
    }

    /// Writes to a log from now on, too.
    pub(crate) fn keep_log(&mut self, log: Log) {
        self.log = Some(log);
    }

    /// The log, where there is one.
    pub(crate) fn log(&mut self) -> Option<&mut Log> {
        self.log.as_mut()
    }
}

impl Observer for Narrator {
    fn watches(&self) -> bool {
        self.verbosity > Verbosity::Quiet || self.log.as_ref().is_some_and(|log| log.has(Level::Debug))
    }

    fn step(&mut self, report: &StepReport<'_>) {
        if let Some(log) = &mut self.log {
            log.write(
                Level::Debug,
                &format!("{}: {} ({})", report.who, report.text, milliseconds(report.elapsed)),
            );
        }
        if self.verbosity == Verbosity::Quiet {
            return;
        }
        let at = match self.verbosity {
            Verbosity::Debug => format!("{:>11} ", milliseconds(self.started.elapsed())),
            Verbosity::Quiet | Verbosity::Steps => String::new(),
        };
        let (number, total, who) = (report.number, report.total, report.who);
        say(format!(
            "{at}[{number:>2}/{total}] {who:<7} {:>10}  {}",
            milliseconds(report.elapsed),
            report.text
        ));
    }

    fn note(&mut self, text: &str) {
        if let Some(log) = &mut self.log {
            log.write(Level::Warning, text);
        }
        say(format!("{} {}", coloured("note:", "1;33"), indented(text)));
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{}.{:03} ms", time.as_millis(), time.as_micros() % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_asks_for_more_is_heard() {
        assert_eq!(Verbosity::new(0, None), Verbosity::Quiet);
        assert_eq!(Verbosity::new(1, None), Verbosity::Steps);
        assert_eq!(Verbosity::new(0, Some("debug")), Verbosity::Debug);
        assert_eq!(Verbosity::new(2, Some("steps")), Verbosity::Debug);
        assert_eq!(Verbosity::new(0, Some("1")), Verbosity::Quiet);
        assert!(!Verbosity::is_known("1") && Verbosity::is_known("") && Verbosity::is_known("debug"));
    }

    #[test]
    fn times_are_in_milliseconds() {
        assert_eq!(milliseconds(Duration::from_micros(1_234_567)), "1234.567 ms");
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(indented("a\nb\n"), "a\n         b");
    }
}
