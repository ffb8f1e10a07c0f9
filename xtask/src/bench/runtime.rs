//! The rows of an OCI runtime as engines call it: create, start and delete, each a call of its own; and exec.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Programs;
use super::place::{Place, Stage};
use super::row::{Program, Row};
use super::starts::bundle;
use super::table::{median, ratio};
use crate::Result;

/// What an engine limits: without it nobody writes to a cgroup.
const LIMITS: &[&str] = &["--pids-limit", "2048", "--cpu-shares", "512"];

/// crun refuses a hybrid layout, so all of them are where there is one version alone.
const STAGE: Stage = Stage::OneVersion;

/// What an engine says before the command.
const WHO: [&str; 3] = ["holm-runtime", "crun", "runc"];

/// All rows, and the containers that the rows of exec need for as long as they are measured.
pub(super) fn rows<'a>(programs: &Programs, place: &'a Place) -> Result<(Vec<Row<'a>>, Vec<Kept<'a>>)> {
    let mut rows = Vec::new();
    let mut kept = Vec::new();
    for name in WHO {
        let program = if name == "holm-runtime" { programs.runtime.clone() } else { PathBuf::from(name) };
        let bundle = bundle(programs, place, &format!("{name}-true"), LIMITS, &["/bin/true"])?;
        rows.push(Row::new(
            &format!("{name} create, start, delete"),
            "a bundle as an engine writes it: default seccomp filter, capabilities, masked paths, pids and cpu limited",
            life(place, &program, &bundle),
        ));
    }
    for name in WHO {
        let program = if name == "holm-runtime" { programs.runtime.clone() } else { PathBuf::from(name) };
        let bundle = super::starts::bundle(
            programs,
            place,
            &format!("{name}-sleep"),
            LIMITS,
            &["/bin/sleep", "1000000"],
        )?;
        let id = format!("holm-bench-{name}");
        let words = [program.as_os_str(), "exec".as_ref(), id.as_ref(), "/bin/true".as_ref()];
        let row = Row::new(
            &format!("{name} exec"),
            "`exec ID /bin/true` in a container that sleeps",
            Program::new(place, STAGE, words),
        );
        if row.program.is_ok() {
            kept.push(Kept::start(place, &program, &id, &bundle)?);
        }
        rows.push(row);
    }
    Ok((rows, kept))
}

pub(super) fn life<'a>(place: &'a Place, program: &Path, bundle: &Path) -> Program<'a> {
    let id = "holm-bench-life";
    let call = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).into());
        std::iter::once(program.as_os_str().to_owned()).chain(words).collect::<Vec<_>>()
    };
    let path = bundle.to_string_lossy();
    Program::new(place, STAGE, call(&["create", "--bundle", &path, id]))
        .then(call(&["start", id]))
        .then(call(&["delete", "--force", id]))
}

/// A container that runs until this goes.
pub(super) struct Kept<'a> {
    place: &'a Place,
    program: PathBuf,
    id: String,
}

impl<'a> Kept<'a> {
    pub(super) fn start(place: &'a Place, program: &Path, id: &str, bundle: &Path) -> Result<Self> {
        let kept = Self { place, program: program.to_owned(), id: id.to_owned() };
        let path = bundle.to_string_lossy();
        kept.call(&["create", "--bundle", &path])?;
        kept.call(&["start"])?;
        Ok(kept)
    }

    fn call(&self, words: &[&str]) -> Result<()> {
        self.place.enter(STAGE)?;
        let mut command = Command::new(&self.program);
        command.args(words).arg(&self.id).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status()?;
        if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.call(&["delete", "--force"]) {
            eprintln!("{error}");
        }
    }
}

/// What is asked for, and what came out.
pub(super) fn criteria(rows: &[Row<'_>]) -> String {
    let of = |name: String| rows.iter().find(|row| row.name == name).and_then(median);
    let mut text = String::new();
    for (what, peer, least) in [
        ("create, start, delete", "crun", 3.0),
        ("create, start, delete", "runc", 6.0),
        ("exec", "crun", 2.0),
    ] {
        let own = of(format!("holm-runtime {what}"));
        let other = of(format!("{peer} {what}"));
        if let (Some(own), Some(other)) = (own, other) {
            text += &criterion(what, peer, own, other, least);
        }
    }
    text
}

fn criterion(what: &str, peer: &str, own: Duration, other: Duration, least: f64) -> String {
    let times = ratio(other, own);
    let allowed = other.div_f64(least);
    let missed = own.saturating_sub(allowed).as_secs_f64() * 1000.0;
    let verdict = if times >= least { String::new() } else { format!(": **not met**, by {missed:.2} ms") };
    format!("- `{what}` is {times:.1} times as quick as {peer}'s; {least} is asked for{verdict}.\n")
}

/// The peak of each call of `create`, of it and of all processes that it waits for.
pub(super) fn memory(programs: &Programs, place: &Place) -> Result<String> {
    let mut text =
        "### Memory of a runtime\n\n| `create` of | peak | at most |\n|---|---:|---:|\n".to_owned();
    for name in WHO {
        let program = if name == "holm-runtime" { programs.runtime.clone() } else { PathBuf::from(name) };
        let bundle = bundle(programs, place, &format!("{name}-peak"), LIMITS, &["/bin/true"])?;
        let id = "holm-bench-peak";
        let words = [programs.peak.as_os_str(), program.as_os_str(), "create".as_ref(), "--bundle".as_ref()];
        let create = Program::new(place, STAGE, words.into_iter().chain([bundle.as_os_str(), id.as_ref()]));
        let peak = create.output();
        let deleted = Program::new(
            place,
            STAGE,
            [program.as_os_str(), "delete".as_ref(), "--force".as_ref(), id.as_ref()],
        );
        deleted.output()?;
        let limit = if name == "holm-runtime" { "3072 KiB" } else { "" };
        text += &format!("| {name} | {} KiB | {limit} |\n", peak?.trim());
    }
    Ok(text)
}
