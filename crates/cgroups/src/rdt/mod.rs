//! Groups of resctrl, the file system of Intel RDT and of AMD's like: what of the caches and of the memory's bandwidth the
//! processes in a group get, and have used. No controller of control groups has that.
//!
//! A directory of the file system is a class of service (`schemata`, `tasks`); in it, a directory of `mon_groups` counts for a
//! part of its processes. mkdir(2) makes a group with its files, and rmdir(2) removes it with them.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod schemata;

use std::io::Write;
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Where the file system is mounted, by /proc/self/mountinfo.
///
/// # Errors
///
/// When there is no /proc.
pub fn find_resctrl() -> Result<Option<PathBuf>> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read(path).call(|| format!("read({path:?})"))?;
    Ok(crate::layout::find_resctrl(&text))
}

/// Whether the group is there before the container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RdtOrigin {
    /// It is made.
    New,
    /// It has been made by somebody else.
    Given,
    /// One or the other.
    Either,
}

/// The group that a container gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RdtGroup {
    /// Where resctrl is mounted.
    pub root: PathBuf,
    /// Its name; empty for the group that every process is born in.
    pub name: String,
    /// Whether it is there.
    pub origin: RdtOrigin,
    /// What a new group is given, and a group that is there must have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agreed: Vec<String>,
    /// What any group is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    /// The name of the group in it that counts for the container alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
}

/// The group of a container, for the processes that come later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RdtRecord {
    /// Its directory.
    pub group: PathBuf,
    /// The directory of the group in it that counts for the container alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<PathBuf>,
    /// The directories that were made, to be removed in this order.
    pub removable: Vec<PathBuf>,
}

/// What the kernel does for a directory, its files included: a test without the hardware does it itself.
#[derive(Clone, Copy)]
struct Directories {
    make: fn(&Path) -> std::io::Result<()>,
    remove: fn(&Path) -> std::io::Result<()>,
}

const KERNEL: Directories =
    Directories { make: |path| std::fs::create_dir(path), remove: |path| std::fs::remove_dir(path) };

impl RdtGroup {
    /// Its directory.
    pub fn directory(&self) -> PathBuf {
        if self.name.is_empty() { self.root.clone() } else { self.root.join(&self.name) }
    }

    fn monitor_directory(&self) -> Option<PathBuf> {
        self.monitor.as_ref().map(|name| self.directory().join("mon_groups").join(name))
    }

    /// What is going to be there for sure: it is written down ahead, so that it is found after a crash. A group that may
    /// be somebody else's is not.
    pub fn expected(&self) -> RdtRecord {
        let own = (self.origin == RdtOrigin::New).then(|| self.directory());
        let removable = self.monitor_directory().into_iter().chain(own).collect();
        RdtRecord { group: self.directory(), monitor: self.monitor_directory(), removable }
    }

    /// Makes the group, or finds it and compares it. What was made is removed when something fails.
    ///
    /// # Errors
    ///
    /// [`Error::Rdt`] when the group is there and must not be, or the other way round, or has other limits; what the kernel
    /// says, which for a limit that it does not take is in `info/last_cmd_status` too.
    pub fn make(&self) -> Result<RdtRecord> {
        self.make_by(KERNEL)
    }

    fn make_by(&self, directories: Directories) -> Result<RdtRecord> {
        let mut made = RdtRecord { group: self.directory(), monitor: None, removable: Vec::new() };
        let filled = self.fill(&mut made, directories);
        match filled {
            Ok(()) => Ok(made),
            Err(error) => {
                // The first error is what the caller hears of.
                let _ = made.remove_by(directories);
                Err(error)
            }
        }
    }

    fn fill(&self, made: &mut RdtRecord, directories: Directories) -> Result<()> {
        if self.take_directory(directories)? {
            made.removable.push(made.group.clone());
            made.write(&self.agreed)?;
        } else if let Some(other) =
            schemata::difference(&read(&made.group.join("schemata"), !self.agreed.is_empty())?, &self.agreed)
        {
            return Err(made.problem(format!("exists, and does not have {other}")));
        }
        made.write(&self.given)?;
        if let Some(monitor) = self.monitor_directory() {
            (directories.make)(&monitor).call(|| format!("mkdir({monitor:?})"))?;
            made.removable.insert(0, monitor.clone());
            made.monitor = Some(monitor);
        }
        Ok(())
    }

    /// Whether the directory has been made.
    fn take_directory(&self, directories: Directories) -> Result<bool> {
        let directory = self.directory();
        let problem = |problem: &str| Err(Error::Rdt { group: directory.clone(), problem: problem.into() });
        if self.name.is_empty() {
            return Ok(false);
        }
        if self.origin == RdtOrigin::Given {
            return if directory.is_dir() { Ok(false) } else { problem("does not exist") };
        }
        let made = (directories.make)(&directory).call(|| format!("mkdir({directory:?})"));
        match (made, self.origin) {
            (Ok(()), _) => Ok(true),
            (Err(error), RdtOrigin::Either) if error.errno() == Errno::EXIST => Ok(false),
            (Err(error), _) if error.errno() == Errno::EXIST => problem("exists, and is somebody else's"),
            (Err(error), _) if error.errno() == Errno::NOSPC => {
                problem("cannot be made: the processor has no more of them")
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}

impl RdtRecord {
    /// Gives the group limits, line by line.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn write(&self, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = self.group.join("schemata");
        write(&file, &(lines.join("\n") + "\n")).map_err(|error| match self.last_status() {
            Some(status) => self.problem(format!("does not take {}: {status}", lines.join(", "))),
            None => error.into(),
        })
    }

    /// Puts a process into the group. Its later children are born in there.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn enter(&self, pid: Pid) -> Result<()> {
        let pid = pid.as_raw_nonzero().to_string();
        // Only who is in the class of service can be counted in it.
        for group in std::iter::once(&self.group).chain(&self.monitor) {
            write(&group.join("tasks"), &pid)?;
        }
        Ok(())
    }

    /// Removes what was made; processes that are in there fall back to where all are born. It is fine when it is gone.
    ///
    /// # Errors
    ///
    /// What the kernel says, once all was tried.
    pub fn remove(&self) -> Result<()> {
        self.remove_by(KERNEL)
    }

    fn remove_by(&self, directories: Directories) -> Result<()> {
        let remove = |path: &PathBuf| match (directories.remove)(path).call(|| format!("rmdir({path:?})")) {
            Err(error) if error.errno() != Errno::NOENT => Some(error.into()),
            _ => None,
        };
        Error::from_all(self.removable.iter().filter_map(remove).collect())
    }

    /// Why the kernel did not take the last thing that was written.
    fn last_status(&self) -> Option<String> {
        let info = |directory: &Path| std::fs::read_to_string(directory.join("info/last_cmd_status")).ok();
        let text = info(&self.group).or_else(|| info(self.group.parent()?))?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty() && text != "ok")
    }

    fn problem(&self, problem: String) -> Error {
        Error::Rdt { group: self.group.clone(), problem }
    }
}

/// Nobody needs to be able to read what is compared with nothing.
fn read(file: &Path, wanted: bool) -> Result<String> {
    if !wanted {
        return Ok(String::new());
    }
    Ok(std::fs::read_to_string(file).call(|| format!("read({file:?})"))?)
}

/// In one call, as the kernel takes each as one command.
fn write(file: &Path, text: &str) -> holm_sys::Result<()> {
    let call = || format!("write({file:?}, {text:?})");
    let mut opened = std::fs::OpenOptions::new().write(true).truncate(true).open(file).call(call)?;
    opened.write_all(text.as_bytes()).call(call)
}

#[cfg(test)]
mod tests;
