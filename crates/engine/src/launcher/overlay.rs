//! An overlay root for a runtime that does not make one itself: it is mounted in a mount namespace of this process,
//! which the runtime is started in, and ends with both.

use std::path::Path;

use holm_mounts::{Propagation, Root, Scratch, set_propagation};
use holm_namespaces::{Kind, Kinds, unshare};
use holm_spec::OverlayRoot;
use rustix::fd::AsFd;
use rustix::mount::{UnmountFlags, unmount as unmount_at};

use crate::{Because, Error, Result};

/// Where the overlay's writable layer is mounted, in the bundle.
const SCRATCH: &str = "upper";

/// Moves this process into a mount namespace of its own, and mounts `overlay` on `mount_point` there. What is mounted on
/// the host later still appears; nothing that is mounted here appears there.
///
/// # Errors
///
/// Without `CAP_SYS_ADMIN`.
pub(crate) fn mount(bundle: &Path, mount_point: &Path, overlay: &OverlayRoot) -> Result<()> {
    let failed = || "cannot mount the root for another runtime";
    let scratch = bundle.join(SCRATCH);
    std::fs::create_dir_all(&scratch).because(failed)?;
    unshare(Kinds::from(Kind::Mount)).because(failed)?;
    let root = Root::open(Path::new("/")).because(failed)?;
    set_propagation(root.as_fd(), Propagation::Slave, true).because(failed)?;
    let place = Root::open(&scratch).because(failed)?;
    let mut scratch = Scratch::mount(&place, overlay.size.as_deref()).because(failed)?;
    let mounted = scratch.overlay(&overlay.lower).because(failed)?;
    mounted.attach(Root::open(mount_point).because(failed)?.as_fd()).because(failed)
}

/// Takes back what [`mount`] did, as far as it went: what is mounted in the bundle could not be removed with it. Whoever
/// still uses the root keeps it.
pub(crate) fn unmount(bundle: &Path, mount_point: &Path) {
    for path in [mount_point, &bundle.join(SCRATCH)] {
        // Nothing is mounted there when the root is another one, or when the mounting failed.
        let _ = unmount_at(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

/// Why an ordinary user cannot have it.
pub(crate) fn refuse_ordinary_user() -> Error {
    Error::new("another runtime cannot be given this root")
        .with_cause("it does not stack layers itself, and an ordinary user cannot mount them for it")
        .with_hint("give it a root directory: holm run --runtime PATH --rootfs DIRECTORY -- COMMAND")
}
