//! ps.

use std::process::Command;

use clap::{Args, ValueEnum};
use holm_runtime::{Error, Result};

use super::Bench;
use crate::output::{answer, printable};

#[derive(Debug, Args)]
pub(super) struct Ps {
    /// How to print the processes
    #[arg(short, long, default_value = "table")]
    format: Format,

    /// The container
    id: String,

    /// Options of ps(1) [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "PS OPTIONS")]
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines of ps(1) that are of its processes.
    Table,
    /// Their pids.
    Json,
}

impl Ps {
    pub(super) fn execute(mut self, bench: &Bench<'_>) -> Result<u8> {
        self.take_late_format()?;
        let pids = holm_runtime::processes(&bench.root, &self.id)?;
        let text = match self.format {
            Format::Json => super::compact(&pids)?,
            Format::Table => table(&listed(&self.options)?, &pids)?,
        };
        answer(text)?;
        Ok(0)
    }

    /// The own option may stand behind the id too, before those of ps.
    fn take_late_format(&mut self) -> Result<()> {
        let value = match self.options.as_slice() {
            [option, value, ..] if option == "--format" => (value.clone(), 2),
            [option, ..] => match option.strip_prefix("--format=") {
                Some(value) => (value.to_owned(), 1),
                None => return Ok(()),
            },
            [] => return Ok(()),
        };
        let (word, count) = value;
        self.format = Format::from_str(&word, false).map_err(|_| {
            Error::new(format!("--format {word:?} cannot be taken as it is")).with_hint("table or json")
        })?;
        self.options.drain(..count);
        Ok(())
    }
}

/// What ps(1) of this machine prints.
fn listed(options: &[String]) -> Result<String> {
    let options = match options {
        [] => vec!["-ef".to_owned()],
        options => options.iter().filter(|option| *option != "--").cloned().collect(),
    };
    let output = Command::new("ps").args(&options).output().map_err(|error| {
        Error::new("cannot run ps").with_cause(error).with_hint("install it, or use --format json")
    })?;
    if !output.status.success() {
        let said = printable(String::from_utf8_lossy(&output.stderr).trim());
        return Err(Error::new(format!("ps {} failed", options.join(" "))).with_cause(said));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The headline, and the lines of these processes.
fn table(listed: &str, pids: &[i32]) -> Result<String> {
    let mut lines = listed.lines();
    let header = lines.next().unwrap_or_default();
    let column = header.split_whitespace().position(|name| name == "PID").ok_or_else(|| {
        Error::new("cannot tell the container's processes from others")
            .with_cause("the output of ps has no column PID")
            .with_hint("give options with which it has one, as in -ef")
    })?;
    let is_inside = |line: &&str| {
        let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid| pids.contains(&pid))
    };
    Ok(std::iter::once(header).chain(lines.filter(is_inside)).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_of_its_processes_are_shown() {
        let listed = "UID   PID  PPID CMD\nroot    7     1 7 8\nroot    8     1 sh\n";
        assert_eq!(table(listed, &[8]).unwrap(), "UID   PID  PPID CMD\nroot    8     1 sh\n");
        assert!(table("CMD\nsh\n", &[8]).is_err());
    }
}
