//! state, list.

use clap::{Args, ValueEnum};
use holm_runtime::Result;
use holm_state::State;
use serde::Serialize;

use super::{Bench, compact, json};
use crate::output::{answer, printable};

#[derive(Debug, Args)]
pub(super) struct OneState {
    /// The container
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print the ids alone
    #[arg(short, long)]
    quiet: bool,

    /// How to print the list
    #[arg(short, long, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// A state as runc prints it: with its owner's name.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    state: State,
    owner: String,
}

impl Shown {
    fn new(state: State) -> Self {
        let owner = name_of(state.owner);
        Self { state, owner }
    }
}

impl OneState {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        answer(json(&Shown::new(holm_runtime::state(&bench.root, &self.id)?))?)?;
        Ok(0)
    }
}

impl List {
    pub(super) fn execute(self, bench: &Bench<'_>) -> Result<u8> {
        let states = holm_runtime::list(&bench.root)?;
        let text = match (self.quiet, self.format) {
            (true, _) => states.iter().map(|state| format!("{}\n", state.id)).collect(),
            (false, Format::Json) => compact(&states.into_iter().map(Shown::new).collect::<Vec<_>>())?,
            (false, Format::Table) => table(&states),
        };
        answer(text)?;
        Ok(0)
    }
}

/// Columns as wide as what is in them.
fn table(states: &[State]) -> String {
    let header = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let row = |state: &State| {
        [
            state.id.clone(),
            state.pid.to_string(),
            state.status.to_string(),
            printable(&state.bundle.display().to_string()),
            state.created.clone(),
            name_of(state.owner),
        ]
    };
    let rows: Vec<[String; 6]> = std::iter::once(header).chain(states.iter().map(row)).collect();
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}   "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

/// The name of a user in /etc/passwd, or the number with a `#` before it, as runc has it.
fn name_of(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    holm_credentials::name_of(&accounts, uid).map_or_else(|| format!("#{uid}"), printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_have_names() {
        assert_eq!(name_of(0), "root");
        assert_eq!(name_of(4_000_000_001), "#4000000001");
    }

    #[test]
    fn an_empty_table_has_its_header() {
        assert_eq!(table(&[]), "ID   PID   STATUS   BUNDLE   CREATED   OWNER\n");
    }
}
