//! start, kill, delete.

use clap::Args;
use holm_options::{Invalid, SignalNumber};
use holm_runtime::{Error, Result};
use regex_lite::Regex;

use super::Bench;

#[derive(Debug, Args)]
pub(super) struct Start {
    /// The container
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct Kill {
    /// To all of its processes
    #[arg(short, long)]
    all: bool,

    /// To every container whose id this regular expression is found in
    #[arg(short, long)]
    regex: bool,

    /// The container
    id: String,

    /// The signal, by name or number; 0 asks whether one could be sent
    #[arg(default_value = "TERM")]
    signal: Wanted,
}

/// A signal, or none at all.
#[derive(Debug, Clone, Copy)]
struct Wanted(i32);

impl std::str::FromStr for Wanted {
    type Err = Invalid;

    fn from_str(text: &str) -> std::result::Result<Self, Invalid> {
        if text == "0" { Ok(Self(0)) } else { text.parse().map(|signal: SignalNumber| Self(signal.number())) }
    }
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Also one that runs; one that does not exist is no error
    #[arg(short, long)]
    force: bool,

    /// Every container whose id this regular expression is found in
    #[arg(short, long)]
    regex: bool,

    /// The container
    id: String,
}

impl Start {
    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        holm_runtime::start(&bench.root, &self.id, bench.narrator)?;
        Ok(0)
    }
}

impl Kill {
    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        each(bench, &self.id, self.regex, |bench, id| {
            holm_runtime::kill(&bench.root, id, self.signal.0, self.all)
        })
    }
}

impl Delete {
    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        each(bench, &self.id, self.regex, |bench, id| {
            holm_runtime::delete(&bench.root, id, self.force, bench.narrator)
        })
    }
}

/// Does it to the container `id`, or to all whose ids match it. All are tried; the first failure is the one that is told.
fn each(
    bench: &mut Bench<'_>,
    id: &str,
    regex: bool,
    act: impl Fn(&mut Bench<'_>, &str) -> Result<()>,
) -> Result<u8> {
    if !regex {
        return act(bench, id).map(|()| 0);
    }
    let pattern = Regex::new(id).map_err(|error| {
        Error::new(format!("the regular expression {id:?} cannot be taken as it is")).with_cause(error)
    })?;
    let ids = bench.root.ids()?;
    let results: Vec<Result<()>> =
        ids.iter().filter(|id| pattern.is_match(id)).map(|id| act(bench, id)).collect();
    results.into_iter().collect::<Result<()>>().map(|()| 0)
}
