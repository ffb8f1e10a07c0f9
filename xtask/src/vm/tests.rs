//! The tests that only a whole machine can run: their programs are built here, as everywhere, and run there.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::share::{Share, Who, quoted};
use crate::Result;

/// A test program, and what of it is run.
struct Suite {
    /// Its package and its target.
    name: &'static str,
    who: Who,
    /// Only the tests with one of these in their names; all, when there is none.
    filters: &'static [&'static str],
    /// Not those with one of these.
    skipped: &'static [&'static str],
}

impl Suite {
    const fn all(name: &'static str, who: Who) -> Self {
        Self { name, who, filters: &[], skipped: &[] }
    }
}

/// Two tests are of what v1 alone does.
const OF_V1: [&str; 2] = ["a_forking_group_is_killed_on_v1", "a_process_that_moves_away_is_not_waited_for"];

const SUITES: [Suite; 7] = [
    Suite { skipped: &OF_V1, ..Suite::all("holm-cgroups-lifecycle", Who::Root) },
    Suite::all("holm-cgroups-limits", Who::Root),
    Suite::all("holm-cgroups-unprivileged", Who::Root),
    Suite::all("holm-cgroups-born", Who::Root),
    Suite::all("holm-tests-machine", Who::Root),
    Suite::all("holm-tests-machine", Who::User),
    Suite { filters: &["limits::"], ..Suite::all("holm-tests-life", Who::Root) },
];

/// What tests look for beside themselves, or are given the path of.
const PROGRAMS: [&str; 3] = ["holm-holm", "holm-oci-holm-runtime", "holm-tests-witness"];

/// Builds the programs, and writes what runs them.
pub(super) fn share(filter: Option<&str>) -> Result<Share> {
    let built = build()?;
    let find = |name: &str, test| {
        let wanted = |built: &&Built| built.name == name && built.test == test;
        built.iter().find(wanted).ok_or_else(|| format!("{name} was not built"))
    };
    let mut script = String::from("failed=0\n");
    for suite in &SUITES {
        script.push_str(&run(suite, find(suite.name, true)?, filter));
    }
    script.push_str("exit $failed\n");
    let share = Share::with_script(&script)?;
    for name in PROGRAMS {
        share.add_program(&find(name, false)?.path, "")?;
    }
    for suite in &SUITES {
        share.add_program(&find(suite.name, true)?.path, "deps")?;
    }
    Ok(share)
}

/// The words of the shell for one suite. A test that skips itself there has no place where it would not.
fn run(suite: &Suite, built: &Built, filter: Option<&str>) -> String {
    let file = built.path.file_name().unwrap_or_default().to_string_lossy();
    let filters: Vec<_> = match filter {
        Some(filter) => vec![quoted(filter)],
        None => suite.filters.iter().map(|filter| quoted(filter)).collect(),
    };
    let skipped: String = suite.skipped.iter().map(|name| format!(" --skip {}", quoted(name))).collect();
    format!(
        "echo '--- {}, as {}'\n{} env CI=true HOLM_TEST_MACHINE=1 HOLM_TEST_NO_SKIP=1 HOLM=/share/files/holm \
         /share/files/deps/{file} --test-threads=2{skipped} {} || failed=1\n",
        suite.name,
        suite.who,
        suite.who.prefix(),
        filters.join(" ")
    )
}

struct Built {
    /// Its package and its target.
    name: String,
    path: PathBuf,
    /// Whether it is the tests of that target, or the program itself.
    test: bool,
}

/// All programs, and where they are.
fn build() -> Result<Vec<Built>> {
    let mut built = cargo(&["test", "--no-run", "--package", "holm-cgroups", "--package", "holm-tests"])?;
    built.extend(cargo(&["build", "--package", "holm", "--package", "holm-oci", "--bins"])?);
    Ok(built)
}

fn cargo(words: &[&str]) -> Result<Vec<Built>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(cargo).args(words).arg("--message-format=json").stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the tests cannot be built".into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| message(&serde_json::from_str(line).ok()?)).collect())
}

/// What cargo says of a program that it has built.
fn message(message: &Value) -> Option<Built> {
    let path = message.get("executable")?.as_str()?;
    let package = message.get("package_id")?.as_str()?;
    let target = message.pointer("/target/name")?.as_str()?;
    let test = message.pointer("/profile/test")?.as_bool()?;
    // As path+file:///DIRECTORY#NAME@VERSION, or #VERSION where the directory has the name.
    let (directory, fragment) = package.rsplit_once('#')?;
    let name =
        fragment.split_once('@').map_or_else(|| directory.rsplit('/').next(), |(name, _)| Some(name))?;
    Some(Built { name: format!("{name}-{target}"), path: path.into(), test })
}
