//! Where containers are, and who asks for them.

use holm_runtime::run_directory;
use holm_state::Root;

use crate::caller::Caller;
use crate::container::{Containers, abandoned};
use crate::launcher::Launcher;
use crate::options::ContainerName;
use crate::{Error, Result};

/// The containers of one user.
#[derive(Debug)]
pub struct Engine {
    pub(crate) root: Root,
    pub(crate) containers: Containers,
    pub(crate) caller: Caller,
}

impl Engine {
    /// Opens the run directory of this user, and clears what `holm run`s that were killed have left there.
    ///
    /// # Errors
    ///
    /// When the run directory cannot be made, or is open to others.
    pub fn open() -> Result<Self> {
        let caller = Caller::probe()?;
        let root = run_directory()?;
        let containers = Containers::open(root.path())?;
        let engine = Self { root, containers, caller };
        engine.sweep();
        Ok(engine)
    }

    /// Whoever comes next clears what was left. What cannot be cleared now is left to the one after: nobody asked
    /// for it here, so nobody is told.
    fn sweep(&self) {
        for left in abandoned(&self.containers) {
            let runtime = left.record.as_ref().and_then(|record| record.runtime.as_deref());
            if Launcher::of(runtime, &self.root, left.path()).delete(&left.id, &left.bundle()).is_ok() {
                let _ = left.remove();
            }
        }
    }

    /// A process of a container that runs, by which its namespaces and its root can be found.
    ///
    /// # Errors
    ///
    /// When there is no such container, or it does not run.
    pub(crate) fn pid_of(&self, name: &ContainerName) -> Result<u32> {
        let seen = self.containers.find(name)?;
        let launcher = Launcher::of(seen.record().runtime.as_deref(), &self.root, seen.path());
        match launcher.member(name.as_str()).map(u32::try_from) {
            Some(Ok(pid @ 1..)) => Ok(pid),
            _ => Err(Error::new(format!("the container {name} does not run"))),
        }
    }
}
