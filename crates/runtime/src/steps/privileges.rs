//! Who the process is.

use std::path::Path;

use holm_credentials as credentials;
use holm_credentials::{CapabilitySet, Resource, Rlimit, Setgroups};
use holm_plan::CapabilitySets;
use holm_sys::{Context, Errno};
use rustix::fs::{Mode, OFlags};

use crate::error::StepError;
use crate::steps::{ChildBench, StepResult};

/// Keys of the caller do not go along. A kernel without keyrings, or a user at the quota, has none to give.
pub(crate) fn new_keyring() -> StepResult {
    match holm_sys::join_session_keyring() {
        Err(error) if matches!(error.errno(), Errno::NOSYS | Errno::DQUOT | Errno::PERM) => Ok(()),
        result => Ok(result?),
    }
}

pub(crate) fn set_rlimit(resource: Resource, limit: Rlimit) -> StepResult {
    credentials::set_rlimit(resource, limit).map_err(|error| {
        let hint = (error.errno() == Errno::PERM).then(|| {
            "raising a hard limit takes CAP_SYS_RESOURCE on the host: ask for a lower one".to_owned()
        });
        StepError { hint, ..StepError::from(error) }
    })
}

pub(crate) fn no_new_privileges() -> StepResult {
    Ok(credentials::set_no_new_privs()?)
}

pub(crate) fn drop_bounding(keep: CapabilitySet) -> StepResult {
    Ok(credentials::drop_bounding(keep)?)
}

/// The permitted capabilities stay over the change, for the step that sets them.
pub(crate) fn set_ids(bench: &ChildBench, uid: u32, gid: u32, groups: Option<&[u32]>) -> StepResult {
    credentials::keep_capabilities(true)?;
    let groups = match groups {
        Some([]) if setgroups_denied(bench) => Setgroups::Skip,
        Some(groups) => Setgroups::Set(groups),
        None => Setgroups::Skip,
    };
    credentials::set_ids(uid, gid, groups).map_err(|error| {
        let hint = (error.errno() == Errno::INVAL).then(|| {
            format!("uid {uid}, gid {gid} or one of the groups is not in the maps of the user namespace")
        });
        StepError { hint, ..StepError::from(error) }
    })
}

/// Whether setgroups(2) is denied for good in the user namespace that this process is in by now, which may have been
/// joined: there no groups can be set, and none can be dropped either.
fn setgroups_denied(bench: &ChildBench) -> bool {
    let Some(proc) = &bench.proc else { return false };
    let mut text = [0; 8];
    let file = rustix::fs::openat(proc, "self/setgroups", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let read = file.and_then(|file| rustix::io::read(&file, &mut text));
    read.is_ok_and(|length| text.get(..length).is_some_and(|text| text.starts_with(b"deny")))
}

pub(crate) fn set_capabilities(sets: &CapabilitySets) -> StepResult {
    credentials::set_capabilities(sets.effective, sets.permitted, sets.inheritable)?;
    credentials::keep_capabilities(false)?;
    // A change of ids makes a process what fs.suid_dumpable says (proc(5)), which may be open.
    credentials::set_dumpable(false)?;
    Ok(credentials::set_ambient(sets.ambient)?)
}

pub(crate) fn set_umask(mask: u32) -> StepResult {
    rustix::process::umask(Mode::from_raw_mode(mask));
    Ok(())
}

/// Enters the directory, and checks that it is one of this root: a descriptor of the host could lead elsewhere.
pub(crate) fn change_directory(path: &Path) -> StepResult {
    rustix::process::chdir(path).call(|| format!("chdir({path:?})"))?;
    let cwd = rustix::process::getcwd(Vec::new()).call(|| "getcwd()")?;
    if cwd.to_bytes().first() != Some(&b'/') {
        return Err(StepError::new(format!("chdir({path:?}) led outside of the root: {cwd:?}")));
    }
    Ok(())
}

pub(crate) fn die_with_parent() -> StepResult {
    Ok(credentials::die_with_parent()?)
}
