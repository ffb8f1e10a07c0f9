//! verify: everything that is wrong with a bundle, at once.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use holm_runtime::{CreateRequest, Result};
use serde::Serialize;

use super::json;
use crate::output::answer;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The directory of the bundle
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    bundle: PathBuf,

    /// The file with the configuration, from the bundle on [default: config.json]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How to print what is wrong
    #[arg(short, long, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people: a line for each problem.
    Text,
    /// For machines: a list.
    Json,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
struct Problem {
    /// The JSON path; none for what only this host cannot do.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    problem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Verify {
    pub(super) fn execute(self) -> Result<u8> {
        let request = CreateRequest {
            config_file: self.config.as_deref(),
            ..CreateRequest::new("verify", &self.bundle)
        };
        let mut problems: Vec<Problem> =
            holm_spec::problems(&request.config_path(), &self.bundle)?.iter().map(of_spec).collect();
        if problems.is_empty() {
            problems.extend(on_this_host(&request));
        }
        match self.format {
            Format::Json => answer(json(&problems)?)?,
            Format::Text => answer(problems.iter().map(line).collect::<String>())?,
        }
        Ok(u8::from(!problems.is_empty()))
    }
}

/// What the specification allows, and this host and this user cannot.
fn on_this_host(request: &CreateRequest<'_>) -> Option<Problem> {
    let error = holm_runtime::plan(request).err()?;
    Some(Problem { path: None, problem: error.to_string(), hint: error.hint().map(str::to_owned) })
}

fn of_spec(error: &holm_spec::Error) -> Problem {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"));
    Problem { path: error.field().map(str::to_owned), problem: format!("{error}{cause}"), hint: error.hint() }
}

fn line(problem: &Problem) -> String {
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{}{hint}\n", problem.problem)
}
