//! How much memory a container takes that does nothing.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use super::Programs;
use super::place::{Place, Stage};
use super::row::Program;
use super::starts::root;
use crate::Result;

/// The files of one process in which the kernel says what it has.
struct Process {
    status: String,
    rollup: String,
}

pub(super) fn table(programs: &Programs, place: &Place) -> Result<String> {
    let root = root(place, "memory")?;
    let holm = [programs.holm.as_os_str(), "run".as_ref(), "--rootfs".as_ref(), root.as_os_str()];
    let whole =
        [programs.peak.as_os_str()].into_iter().chain(holm).chain(["--", "/bin/true"].map(AsRef::as_ref));
    let peak: u64 = Program::new(place, Stage::OwnRun, whole).output()?.trim().parse()?;
    let itself: u64 = Program::new(place, Stage::OwnRun, [programs.peak.as_os_str(), "/bin/true".as_ref()])
        .output()?
        .trim()
        .parse()?;
    let cat = holm.into_iter().chain(["-i", "--", "/bin/cat"].map(AsRef::as_ref));
    let (parent, init) = running(&Program::new(place, Stage::OwnRun, cat))?;
    let line = |what: &str, value: u64, limit: &str| format!("| {what} | {value} KiB | {limit} |\n");
    let mut text = "### Memory\n\n| what | much | at most |\n|---|---:|---:|\n".to_owned();
    text += &line("`holm run`, peak of it and of all processes that it waits for", peak, "6144 KiB");
    text += &line("of which the one that measures would be shown anyway", itself, "");
    text += &line("`holm run`, peak until the command runs", parent.field("VmHWM:")?, "6144 KiB");
    text += &line("`holm run` while the command runs, resident", parent.field("VmRSS:")?, "");
    text += &line("init, peak", init.field("VmHWM:")?, "1024 KiB");
    text += &line("init while the command runs, resident", init.field("VmRSS:")?, "1024 KiB");
    text += &line("of which not shared with anybody", init.private()?, "");
    text += &line("init, proportional", init.rollup("Pss:")?, "");
    Ok(text)
}

/// Looks at `holm run` and its init while a cat runs: it has answered, and waits for more.
fn running(program: &Program<'_>) -> Result<(Process, Process)> {
    let mut child = program.command()?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let pid = child.id();
    let mut input = child.stdin.take().ok_or("no input")?;
    let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
    input.write_all(b"there\n")?;
    let mut answer = String::new();
    output.read_line(&mut answer)?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let seen = Process::of(&pid.to_string()).and_then(|parent| Ok((parent, Process::of(children.trim())?)));
    drop(input);
    let status = child.wait()?;
    if !status.success() || answer != "there\n" {
        return Err(format!("the container did not answer: {status}").into());
    }
    seen
}

impl Process {
    fn of(pid: &str) -> Result<Self> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/{name}"));
        Ok(Self { status: read("status")?, rollup: read("smaps_rollup")? })
    }

    fn field(&self, name: &str) -> Result<u64> {
        kibibytes(&self.status, name)
    }

    fn rollup(&self, name: &str) -> Result<u64> {
        kibibytes(&self.rollup, name)
    }

    fn private(&self) -> Result<u64> {
        Ok(self.rollup("Private_Clean:")? + self.rollup("Private_Dirty:")?)
    }
}

fn kibibytes(text: &str, name: &str) -> Result<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let value = value.ok_or_else(|| format!("the kernel does not say {name}"))?;
    Ok(value.trim().trim_end_matches("kB").trim().parse()?)
}
