//! Mounts of the host, copied while it is in sight.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_mounts::{Detached, MountAttr};
use holm_namespaces::{Kind, Namespace};
use holm_plan::{Idmap, Slot};
use holm_sys::{Errno, MountSetattr, mount_setattr};

use crate::error::StepError;
use crate::steps::{ChildBench, ParentBench, StepResult, idmaps};

/// What is taken.
pub(crate) struct Source<'a> {
    pub(crate) path: &'a Path,
    pub(crate) recursive: bool,
    /// A symbolic link at the end of the path is followed.
    pub(crate) follow: bool,
}

impl Source<'_> {
    fn copy(&self) -> holm_sys::Result<Detached> {
        let copy = if self.follow { Detached::copy_of_path } else { Detached::copy_of_link };
        copy(self.path, self.recursive)
    }
}

/// By the parent, for a child that could not reach the path or may not idmap it.
pub(crate) fn by_parent(
    bench: &mut ParentBench<'_>,
    slot: Slot,
    source: &Source<'_>,
    idmap: Option<&Idmap>,
) -> StepResult {
    let mount = source.copy()?;
    if let Some(idmap) = idmap {
        let user = match &idmap.maps {
            Some((uids, gids)) => idmaps::namespace_of(uids, gids)?,
            None => Namespace::of_process(bench.child()?, Kind::User).map_err(StepError::from)?,
        };
        idmap_mount(&mount, &user, source.path, idmap.recursive)?;
    }
    let fd: OwnedFd = mount.into_fd();
    bench.taken.push((slot, fd));
    Ok(())
}

/// By the child, as root would: before its mounts are severed, so that it is a peer or a slave of the host's.
pub(crate) fn by_child(bench: &mut ChildBench, slot: Slot, source: &Source<'_>) -> StepResult {
    let mount = source.copy()?;
    bench.taken.insert(slot, mount);
    Ok(())
}

fn idmap_mount(mount: &Detached, user: &Namespace, path: &Path, recursive: bool) -> StepResult {
    let change = MountSetattr {
        set: MountAttr::IDMAP,
        userns: Some(user.as_fd()),
        recursive,
        ..MountSetattr::default()
    };
    mount_setattr(mount.as_fd(), &change).map_err(|error| {
        let hint = match error.errno() {
            Errno::INVAL => Some(format!(
                "the file system of {} cannot be idmapped (it needs support for it, and a mount that is not idmapped \
                 already); leave the user namespace out, or use an image on another file system",
                path.display()
            )),
            Errno::NOSYS => Some("idmapped mounts need Linux 5.12".to_owned()),
            _ => None,
        };
        StepError { hint, ..StepError::from(error) }
    })
}
