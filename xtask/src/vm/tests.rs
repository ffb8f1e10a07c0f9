//! The tests that only a whole machine can run: their programs are built here, as everywhere, and run there.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::share::{Share, Who, quoted};
use crate::Result;

/// A test program, and what of it is run.
struct Suite {
    package: &'static str,
    program: &'static str,
    who: Who,
    /// Only the tests with one of these in their names; all, when there is none.
    filters: &'static [&'static str],
}

const SUITES: [Suite; 1] =
    [Suite { package: "holm-cgroups", program: "lifecycle", who: Who::Root, filters: &[] }];

/// Builds the programs, and writes what runs them.
pub(super) fn share(filter: Option<&str>) -> Result<Share> {
    let built = build()?;
    let mut script = String::from("failed=0\nexport CI=true HOLM_TEST_NO_SKIP=1\n");
    let mut programs = Vec::new();
    for suite in &SUITES {
        let name = format!("{}-{}", suite.package, suite.program);
        let path =
            built.iter().find(|built| built.name == name).ok_or_else(|| format!("{name} was not built"))?;
        programs.push(&path.path);
        script.push_str(&line(suite, path, filter));
    }
    script.push_str("exit $failed\n");
    let share = Share::with_script(&script)?;
    for path in programs {
        share.add(path)?;
    }
    Ok(share)
}

fn line(suite: &Suite, built: &Built, filter: Option<&str>) -> String {
    let file = built.path.file_name().unwrap_or_default().to_string_lossy();
    let filters: Vec<_> = match filter {
        Some(filter) => vec![quoted(filter)],
        None => suite.filters.iter().map(|filter| quoted(filter)).collect(),
    };
    format!(
        "echo '--- {}'\n{} CI=true HOLM_TEST_NO_SKIP=1 /share/files/{file} --test-threads=2 {} || failed=1\n",
        built.name,
        suite.who.prefix(),
        filters.join(" ")
    )
}

struct Built {
    /// Its package and its target.
    name: String,
    path: PathBuf,
}

/// One build of all programs, and where they are.
fn build() -> Result<Vec<Built>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["test", "--no-run", "--message-format=json", "--package", "holm-cgroups"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the tests cannot be built".into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| built(&serde_json::from_str(line).ok()?)).collect())
}

fn built(message: &Value) -> Option<Built> {
    let path = message.get("executable")?.as_str()?;
    let package = message.get("package_id")?.as_str()?;
    let target = message.pointer("/target/name")?.as_str()?;
    // As path+file:///DIRECTORY#NAME@VERSION, or #VERSION where the directory has the name.
    let (directory, fragment) = package.rsplit_once('#')?;
    let name =
        fragment.split_once('@').map_or_else(|| directory.rsplit('/').next(), |(name, _)| Some(name))?;
    Some(Built { name: format!("{name}-{target}"), path: path.into() })
}
