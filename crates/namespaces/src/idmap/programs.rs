//! newuidmap(1) and newgidmap(1).

use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::process::Pid;

use crate::IdMap;

/// Where they are looked for: never in the caller's PATH.
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/local/bin", "/run/wrappers/bin"];

/// Why a map could not be written by its program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be run.
    #[error("{program} could not be run: {cause}")]
    Run {
        /// Which.
        program: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It refused.
    #[error("{program} refused: {said}")]
    Refused {
        /// Which.
        program: PathBuf,
        /// What it said.
        said: String,
    },
}

impl ProgramError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            // What shadow-utils says when getpwuid(3) finds nobody.
            Self::Refused { said, .. } if said.contains("annot determine your user name") => {
                "this uid has no entry in /etc/passwd, without which the program gives it no ids: add one, or take \
                 --userns identity, which needs no program"
            }
            Self::Refused { .. } => {
                "give this user a range: a line such as USER:100000:65536 in /etc/subuid and in /etc/subgid"
            }
            Self::Run { .. } => {
                "it must be there and be executable: install the package uidmap, or shadow-utils"
            }
        }
    }
}

/// The two programs.
#[derive(Debug, Clone)]
pub struct IdMapper {
    newuidmap: PathBuf,
    newgidmap: PathBuf,
}

impl IdMapper {
    /// Finds them; `None` unless both are there.
    pub fn find() -> Option<Self> {
        Some(Self { newuidmap: find("newuidmap")?, newgidmap: find("newgidmap")? })
    }

    /// Writes a uid map.
    ///
    /// # Errors
    ///
    /// With what the program said: the ranges of /etc/subuid do not allow it, or it lacks its set-user-ID bit.
    pub fn write_uid_map(&self, pid: Pid, map: &IdMap) -> Result<(), ProgramError> {
        run(&self.newuidmap, pid, map)
    }

    /// Writes a gid map.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_gid_map(&self, pid: Pid, map: &IdMap) -> Result<(), ProgramError> {
        run(&self.newgidmap, pid, map)
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let paths = DIRECTORIES.iter().map(|directory| PathBuf::from(directory).join(name));
    paths.into_iter().find(|path| accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok())
}

fn run(program: &PathBuf, pid: Pid, map: &IdMap) -> Result<(), ProgramError> {
    let numbers = map.mappings().iter().flat_map(|m| [m.container, m.host, m.size]);
    let output = Command::new(program)
        .arg(pid.as_raw_nonzero().to_string())
        .args(numbers.map(|number| number.to_string()))
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| ProgramError::Run { program: program.clone(), cause })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(ProgramError::Refused { program: program.clone(), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_name_is_not_told_to_take_a_range() {
        let refused = |said: &str| ProgramError::Refused { program: "/p".into(), said: said.into() };
        assert!(refused("newuidmap: Cannot determine your user name.").hint().contains("/etc/passwd"));
        assert!(refused("newuidmap: uid range [0-1) -> [1-2) not allowed").hint().contains("/etc/subuid"));
    }
}
