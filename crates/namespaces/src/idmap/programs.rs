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
