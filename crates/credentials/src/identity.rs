//! Uids and gids.

use holm_sys::{Context, Result};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// What becomes of the additional groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setgroups<'a> {
    /// They are set to these.
    Set(&'a [u32]),
    /// They stay: setgroups(2) is denied in this user namespace (user_namespaces(7)).
    Skip,
}

/// Takes these ids for good, real, effective and saved: groups first, while there is `CAP_SETGID`.
///
/// # Errors
///
/// `EPERM` without `CAP_SETUID` and `CAP_SETGID`; `EINVAL` for an id that the user namespace does not map.
pub fn set_ids(uid: u32, gid: u32, groups: Setgroups<'_>) -> Result<()> {
    if let Setgroups::Set(groups) = groups {
        let list: Vec<Gid> = groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&list).call(|| format!("setgroups({groups:?})"))?;
    }
    let group = Gid::from_raw(gid);
    set_thread_res_gid(group, group, group).call(|| format!("setresgid({gid}, {gid}, {gid})"))?;
    let user = Uid::from_raw(uid);
    set_thread_res_uid(user, user, user).call(|| format!("setresuid({uid}, {uid}, {uid})"))
}
