//! Where everything happens: a directory that goes at the end, and mount namespaces that go with this process.

use std::path::{Path, PathBuf};

use holm_cgroups::{Kind as LayoutKind, Layout};
use holm_namespaces::{Kind, Namespace, join};
use holm_sys::{CloneFlags, unshare};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use tempfile::TempDir;

use crate::Result;

/// Where Holm keeps the layers of root's images.
const STORE: &str = "/var/lib/holm";
/// A tmpfs in the directory.
const MEMORY: &str = "memory";

/// What a program sees of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The mounts of the host, and /run as it is there.
    HostRun,
    /// With a tmpfs on /run, as hosts with an init of their own have it; nobody else's containers are in there.
    OwnRun,
    /// That, without v2 beside v1: crun and podman refuse a hybrid layout.
    OneVersion,
}

/// Where everything happens.
pub(super) struct Place {
    directory: TempDir,
    /// The cgroups of the host.
    pub(super) layout: Layout,
    stages: [(Stage, Namespace); 3],
    /// Whether the store's directory was made for this.
    made_store: bool,
}

impl Place {
    /// Leaves the host's mount namespace, for this process and all that it starts.
    pub(super) fn make() -> Result<Self> {
        let layout = Layout::probe()?;
        let directory = tempfile::Builder::new().prefix("holm-bench.").tempdir()?;
        let memory = directory.path().join(MEMORY);
        std::fs::create_dir(&memory)?;
        let made_store = !Path::new(STORE).exists();
        std::fs::create_dir_all(STORE)?;
        leave()?;
        mount("tmpfs", &memory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=755")?;
        std::fs::create_dir(memory.join("store"))?;
        mount_bind(memory.join("store"), STORE)?;
        let host_run = (Stage::HostRun, current()?);
        leave()?;
        mount("tmpfs", "/run", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=755")?;
        let own_run = (Stage::OwnRun, current()?);
        leave()?;
        if layout.kind() == LayoutKind::Hybrid
            && let Some(v2) = layout.v2()
        {
            unmount(&v2.mount_point, UnmountFlags::DETACH)?;
        }
        let one_version = (Stage::OneVersion, current()?);
        Ok(Self { directory, layout, stages: [host_run, own_run, one_version], made_store })
    }

    /// The directory for all files.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A directory for what is written while it is timed: in memory, as the disk has others to serve.
    pub(super) fn memory(&self) -> PathBuf {
        self.directory().join(MEMORY)
    }

    /// The store that Holm finds at its usual place.
    pub(super) fn store(&self) -> PathBuf {
        self.memory().join("store")
    }

    /// Moves this process, and what it starts from now on.
    pub(super) fn enter(&self, stage: Stage) -> Result<()> {
        let found = self.stages.iter().find(|(other, _)| *other == stage);
        let (_, namespace) = found.ok_or("there is no such stage")?;
        Ok(join(namespace)?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Where podman has no mount: one would be in the way of removing the directory. Those made here end with
        // this process; the two directories below them do not.
        let entered = self.enter(Stage::HostRun).is_ok();
        if entered && self.made_store && unmount(STORE, UnmountFlags::DETACH).is_ok() {
            let _ = std::fs::remove_dir(STORE);
        }
        if entered {
            let _ = unmount(self.memory(), UnmountFlags::DETACH);
        }
    }
}

fn leave() -> Result<()> {
    unshare(CloneFlags::NEWNS)?;
    Ok(mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

fn current() -> Result<Namespace> {
    Ok(Namespace::of_self(Kind::Mount)?)
}
