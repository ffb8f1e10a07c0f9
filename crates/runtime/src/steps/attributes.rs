//! How the process runs.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use holm_credentials as credentials;
use holm_credentials::{MemoryPolicy, Scheduling};
use holm_plan::{Lsm, Step};
use holm_sys::{Context, Errno};
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, StatxFlags, openat, openat2, readlinkat, statx};

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult, misplaced};

const SCORE: &str = "/proc/self/oom_score_adj";

/// What the child does, once it may: nothing of it depends on where it is.
pub(crate) fn run(step: &Step) -> StepResult {
    match step {
        Step::SetScheduling { scheduling } => schedule(scheduling),
        Step::SetIoPriority { class, level } => Ok(credentials::set_io_priority(*class, *level)?),
        Step::SetCpus { cpus } => credentials::set_cpus(cpus).map_err(|error| {
            let hint = (error.errno() == Errno::INVAL).then(|| {
                format!("none of the CPUs {cpus} is there, or may be used by the cgroup that it is in")
            });
            StepError { hint, ..error.into() }
        }),
        Step::SetPersonality { persona } => Ok(holm_sys::personality(*persona)?),
        Step::SetMemoryPolicy { policy } => memory(policy),
        other => Err(misplaced(other)),
    }
}

fn schedule(scheduling: &Scheduling) -> StepResult {
    scheduling.apply().map_err(|error| {
        let hint = match error.errno() {
            Errno::PERM => Some(
                "a real-time policy, a deadline and a lower nice value take CAP_SYS_NICE on the host; a deadline takes \
                 all CPUs of the cpuset, too"
                    .to_owned(),
            ),
            Errno::INVAL => Some(format!("{} does not take these values, see sched_setattr(2)", scheduling.policy)),
            Errno::BUSY => Some("the CPUs have no time left for this deadline".to_owned()),
            _ => None,
        };
        StepError { hint, ..error.into() }
    })
}

fn memory(policy: &MemoryPolicy) -> StepResult {
    policy.apply().map_err(|error| {
        let hint = match error.errno() {
            Errno::INVAL => Some(format!(
                "{} with these flags and nodes is not for this machine: numactl --hardware shows its nodes",
                policy.mode
            )),
            Errno::NOSYS => Some("this kernel knows no nodes of memory".to_owned()),
            _ => None,
        };
        StepError { hint, ..error.into() }
    })
}

/// The score is the parent's own until the child is made, which inherits it; then it gets its old one back.
pub(crate) fn set_oom_score_adj(bench: &mut ParentBench<'_>, score: i32, required: bool) -> StepResult {
    let before = std::fs::read_to_string(SCORE).call(|| format!("read({SCORE:?})"))?;
    let before = before.trim().to_owned();
    if before == score.to_string() {
        return Ok(());
    }
    match write_score(&score.to_string()) {
        Ok(()) => {
            bench.score = Some(before);
            Ok(())
        }
        Err(error) if matches!(error.errno(), Errno::ACCESS | Errno::PERM) => {
            let hint = "lowering it takes CAP_SYS_RESOURCE on the host: ask for a higher one";
            if required { Err(StepError::from(error).hinting(hint)) } else { Ok(()) }
        }
        Err(error) => Err(error.into()),
    }
}

/// To where it was. It was this process's own, so it may have it again.
pub(crate) fn restore_oom_score_adj(bench: &mut ParentBench<'_>) {
    if let Some(before) = bench.score.take() {
        let _ = write_score(&before);
    }
}

fn write_score(score: &str) -> holm_sys::Result<()> {
    std::fs::write(SCORE, score).call(|| format!("write({SCORE:?}, {score:?})"))
}

/// Asks for the label of the next exec, through the host's procfs, held open since before the container had any mount.
/// The file is opened only now: the kernel takes nothing from who opened it as somebody else (Linux 5.13).
pub(crate) fn set_label(proc: Option<&OwnedFd>, lsm: Lsm, label: &str) -> StepResult {
    let proc = proc.ok_or_else(|| StepError::new("there is no procfs"))?;
    // By its numbers, as no link may be in the way.
    let thread =
        readlinkat(proc, "thread-self", Vec::new()).call(|| "readlinkat(\"/proc\", \"thread-self\")")?;
    let thread = PathBuf::from(thread.to_string_lossy().into_owned());
    let (files, text): (&[&str], _) = match lsm {
        // The second is that of kernels before 5.8.
        Lsm::AppArmor => (&["attr/apparmor/exec", "attr/exec"], format!("exec {label}")),
        Lsm::SeLinux => (&["attr/exec"], label.to_owned()),
    };
    let (path, file) = open_first(proc, &thread, files)?;
    let written = rustix::io::write(&file, text.as_bytes()).call(|| format!("write({path:?}, {text:?})"));
    written.map(drop).map_err(|error| {
        let hint = match (lsm, error.errno()) {
            (Lsm::AppArmor, Errno::NOENT) => {
                Some("no such profile is loaded, see apparmor_parser(8)".to_owned())
            }
            (Lsm::SeLinux, Errno::INVAL) => Some("the loaded policy has no such label".to_owned()),
            _ => None,
        };
        StepError { hint, ..error.into() }
    })
}

fn open_first(proc: &OwnedFd, thread: &Path, files: &[&str]) -> Result<(PathBuf, OwnedFd), StepError> {
    let mut last = StepError::new("no file takes it");
    for file in files {
        let path = thread.join(file);
        match open_in_proc(proc, &path) {
            Ok(opened) => return Ok((path, opened)),
            Err(error) if error.errno() == Errno::NOENT => last = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

/// Opens a file of procfs to be written, with neither a link nor a mount in the way.
fn open_in_proc(proc: &OwnedFd, path: &Path) -> holm_sys::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    match openat2(proc, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty(), resolve) {
        // The filter of system calls, which may be loaded by now, does not know it.
        Err(Errno::NOSYS | Errno::PERM) => open_by_steps(proc, path),
        result => result.call(|| format!("openat2(\"/proc\", {path:?}, O_WRONLY)")),
    }
}

/// The same by openat(2), name by name: each is on the mount that it begins at.
fn open_by_steps(proc: &OwnedFd, path: &Path) -> holm_sys::Result<OwnedFd> {
    let call = || format!("openat(\"/proc\", {path:?}, O_WRONLY)");
    let mount = |file: &OwnedFd| {
        let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).call(call)?;
        Ok(found.stx_mnt_id)
    };
    let first = mount(proc)?;
    let open = |at: &OwnedFd, name: &Path, flags: OFlags| {
        let opened =
            openat(at, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).call(call)?;
        let same = mount(&opened)? == first;
        same.then_some(opened).ok_or_else(|| holm_sys::Error::new(call(), Errno::XDEV))
    };
    let invalid = || holm_sys::Error::new(call(), Errno::INVAL);
    let (directories, file) = (path.parent().ok_or_else(invalid)?, path.file_name().ok_or_else(invalid)?);
    let mut at = openat(proc, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).call(call)?;
    for component in directories.components() {
        let Component::Normal(name) = component else { return Err(invalid()) };
        at = open(&at, Path::new(name), OFlags::PATH | OFlags::DIRECTORY)?;
    }
    open(&at, Path::new(file), OFlags::WRONLY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_procfs_is_opened_in_both_ways_and_no_link_is_followed() {
        let proc = crate::create::child::procfs().unwrap().unwrap();
        let own = PathBuf::from(std::process::id().to_string());
        for open in [open_in_proc, open_by_steps] {
            assert!(open(&proc, &own.join("comm")).is_ok());
            assert!(open(&proc, &own.join("no/such")).is_err());
            assert!(open(&proc, Path::new("self/comm")).is_err());
            assert!(open(&proc, &own.join("../self")).is_err());
            assert!(open(&proc, &own.join("exe")).is_err());
        }
    }
}
