//! Where an ordinary user may make groups.

use std::os::fd::BorrowedFd;

use holm_sys::{self as sys, Context, Errno};
use rustix::fs::{Access, AtFlags, CWD, Uid};

use crate::{Cgroup, Error, Hierarchy, Kind, Layout, Result, Version, walk};

/// For each hierarchy of the layout, whether this process may make groups below its own one and move its processes
/// into them: whether the own directory and its `cgroup.procs` are writable with the effective ids and capabilities.
///
/// What is mounted read-only is not delegated. Needs no privilege.
pub fn delegated(layout: &Layout) -> Vec<bool> {
    layout.hierarchies.iter().map(is_delegated).collect()
}

fn is_delegated(hierarchy: &Hierarchy) -> bool {
    let Some(own) = hierarchy.own_directory() else { return false };
    let writable = |path| rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    writable(&own) && writable(&own.join("cgroup.procs"))
}

/// Whether, where there is version 2 alone, this process may make groups beside its own one and move itself there: below its
/// own they would have no controllers while it is in that ([`crate::CgroupPath::beside`]).
pub fn may_make_beside(layout: &Layout) -> bool {
    let (Kind::Unified, Some(v2)) = (layout.kind(), layout.v2()) else { return false };
    let Some(own) = v2.own_below_mount().filter(|own| !own.is_empty()) else { return false };
    let above = own.rsplit_once('/').map_or("", |(above, _)| above);
    let above = v2.mount_point.join(above);
    let writable = |path| rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok();
    writable(&above) && writable(&above.join("cgroup.procs"))
}

/// On v2 a process is moved only by who may write `cgroup.procs` of the common ancestor of the two groups.
pub(crate) fn check_common_ancestor(hierarchy: &Hierarchy, mount: BorrowedFd<'_>, path: &str) -> Result<()> {
    if hierarchy.version == Version::V1 {
        return Ok(());
    }
    let own = hierarchy.own_below_mount().unwrap_or("");
    let common = walk::prefixes(own).zip(walk::prefixes(path)).take_while(|(a, b)| a == b).last();
    let procs = common.map_or("cgroup.procs".to_owned(), |((prefix, _), _)| format!("{prefix}/cgroup.procs"));
    rustix::fs::accessat(mount, procs.as_str(), Access::WRITE_OK, AtFlags::EACCESS)
        .call(|| format!("faccessat2({procs:?}, W_OK, AT_EACCESS)"))
        .map_err(Error::from)
}

/// Where the kernel lists the files that go with a delegated group (Linux 4.15).
const DELEGATE: &str = "/sys/kernel/cgroup/delegate";
/// Those without which a group cannot be delegated.
const LEAST: &str = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

impl Cgroup {
    /// Gives the group's v2 directory to `uid`, with the files of /sys/kernel/cgroup/delegate that it has: its new owner may
    /// make groups below it and move processes between them. Does nothing where the group has no v2 directory.
    ///
    /// Needs CAP_CHOWN.
    ///
    /// # Errors
    ///
    /// The failed call.
    pub fn give_to(&self, uid: u32) -> Result<()> {
        let Some(directory) = self.of_version(Version::V2).next() else { return Ok(()) };
        let owner = Some(Uid::from_raw(uid));
        let group = directory.open_group()?;
        rustix::fs::fchown(&group, owner, None)
            .call(|| format!("fchown({:?}, {uid})", directory.absolute()))?;
        let files = std::fs::read_to_string(DELEGATE).unwrap_or_else(|_| LEAST.to_owned());
        for name in files.lines().filter(|name| !name.contains('/')) {
            match rustix::fs::chownat(&group, name, owner, None, AtFlags::SYMLINK_NOFOLLOW) {
                // It lists the files of controllers too that the group does not have.
                Err(Errno::NOENT) => {}
                chowned => chowned.call(|| format!("fchownat({name:?}, {uid})"))?,
            }
        }
        Ok(())
    }
}

impl Error {
    /// A refusal of permission, as one of the hierarchy.
    pub(crate) fn refused_in(self, hierarchy: &Hierarchy) -> Self {
        match self {
            Self::Call(source) if is_refusal(&source) => {
                Self::NotDelegated { hierarchy: hierarchy.to_string(), source }
            }
            other => other,
        }
    }
}

fn is_refusal(error: &sys::Error) -> bool {
    matches!(error.errno(), Errno::ACCESS | Errno::PERM | Errno::ROFS)
}
