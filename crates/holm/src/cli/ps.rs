//! `holm ps`.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use holm_engine::{Engine, Error, Listed, Result};

use holm_oci::output::{answer, printable};

/// How wide a command may be in the table.
const COMMAND_WIDTH: usize = 40;

/// List the containers
#[derive(Debug, Args)]
pub(super) struct Ps {
    /// Print the names alone
    #[arg(short, long)]
    quiet: bool,

    /// How to print the list
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For machines.
    Json,
}

impl Ps {
    pub(super) fn execute(&self) -> Result<u8> {
        let containers = Engine::open()?.list();
        let text = match (self.quiet, self.format) {
            (true, _) => containers.iter().map(|container| format!("{}\n", container.name)).collect(),
            (false, Format::Table) => table(&containers, now()),
            (false, Format::Json) => {
                let json = serde_json::to_string_pretty(&containers);
                json.map_err(|error| Error::new("cannot write the list as JSON").with_cause(error))? + "\n"
            }
        };
        answer(text)?;
        Ok(0)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn table(containers: &[Listed], now: u64) -> String {
    let header = ["NAME", "STATUS", "PID", "AGE", "ROOT", "COMMAND"].map(str::to_owned);
    let rows = containers.iter().map(|container| {
        [
            container.name.clone(),
            container.status.to_string(),
            container.pid.to_string(),
            age(now.saturating_sub(container.created)),
            printable(&container.image),
            shortened(&printable(&container.command.join(" "))),
        ]
    });
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(rows).collect();
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a String does not fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= COMMAND_WIDTH {
        return text.to_owned();
    }
    text.chars().take(COMMAND_WIDTH - 1).chain(['…']).collect()
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let container = Listed {
            name: "calm_harbour".into(),
            image: "/".into(),
            command: vec!["sh".into(), "-c".into(), "\x1b[2J".into()],
            status: holm_state::Status::Running,
            pid: 7,
            created: 100,
            runtime: None,
        };
        let expected = "NAME          STATUS   PID  AGE  ROOT  COMMAND\n\
                        calm_harbour  running  7    2m   /     sh -c \u{fffd}[2J\n";
        assert_eq!(table(&[container], 220), expected);
    }

    #[test]
    fn ages_and_long_commands_are_rounded() {
        assert_eq!([age(59), age(61), age(7200), age(200_000)], ["59s", "1m", "2h", "2d"]);
        assert_eq!(shortened(&"x".repeat(50)).chars().count(), COMMAND_WIDTH);
    }
}
