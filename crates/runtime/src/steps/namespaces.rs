//! Joining and making namespaces, and setting what is in them.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_namespaces::{
    IdMap, Kind, Kinds, Mapping, Namespace, TimeOffsets, join as setns, join_process as setns_by_pidfd,
    unshare,
};
use holm_sys::Context;
use rustix::fs::{self, Mode, OFlags, ResolveFlags};
use rustix::process::{Gid, Uid};

use crate::error::StepError;
use crate::steps::{ChildBench, ParentBench, StepResult};

/// Joins the namespace at `path`, which must be of this kind.
pub(crate) fn join(kind: Kind, path: &Path) -> StepResult {
    let namespace = Namespace::open_as(path, kind).map_err(StepError::from)?;
    Ok(setns(&namespace)?)
}

/// The same by the parent, which a PID namespace does not change, but for where its children are born: what it makes after
/// the child is to be its own again.
pub(crate) fn join_for_child(bench: &mut ParentBench<'_>, kind: Kind, path: &Path) -> StepResult {
    if kind == Kind::Pid {
        bench.own_pids = Some(Namespace::of_self(kind).map_err(StepError::from)?);
    }
    join(kind, path)
}

/// Children of the parent are born in its own PID namespace from now on: a hook is nobody's business in the one that was
/// joined, whose root could stop it, or trace it.
pub(crate) fn return_to_own_pids(bench: &mut ParentBench<'_>) -> StepResult {
    Ok(bench.own_pids.take().map_or(Ok(()), |own| setns(&own))?)
}

/// Joins several namespaces of a process at once.
pub(crate) fn join_process(target: Option<&OwnedFd>, kinds: Kinds) -> StepResult {
    let target = target.ok_or_else(|| StepError::new("there is no process to join"))?;
    Ok(setns_by_pidfd(target.as_fd(), kinds)?)
}

/// Takes an id of the user namespace, so that what is made from now on belongs to somebody who exists in there. The
/// groups of the caller stay until the process gets its own: dropping them may be denied.
pub(crate) fn take_ids(ids: Option<(u32, u32)>) -> StepResult {
    let (uid, gid) = match ids {
        Some(ids) => ids,
        None => (own_first("/proc/self/uid_map")?, own_first("/proc/self/gid_map")?),
    };
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let call = || format!("setresgid({0}, {0}, {0})", gid.as_raw());
    rustix::thread::set_thread_res_gid(gid, gid, gid).call(call)?;
    let call = || format!("setresuid({0}, {0}, {0})", uid.as_raw());
    rustix::thread::set_thread_res_uid(uid, uid, uid).call(call)?;
    Ok(())
}

fn own_first(path: &str) -> Result<u32, StepError> {
    let text = std::fs::read_to_string(path).call(|| format!("read({path:?})"))?;
    first_mapped(&text).ok_or_else(|| StepError::new(format!("{path} is empty")))
}

/// Of the text of an id map: 0 where it is mapped, else the first id; `None` when it is empty.
pub(crate) fn first_mapped(text: &str) -> Option<u32> {
    let first = |line: &str| line.split_ascii_whitespace().next()?.parse::<u32>().ok();
    let mapped: Vec<u32> = text.lines().filter_map(first).collect();
    if mapped.contains(&0) { Some(0) } else { mapped.first().copied() }
}

/// What `id` is outside, by the text of an id map.
pub(crate) fn outside(text: &str, id: u32) -> Option<u32> {
    let mapping = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse);
        let (container, host, size) = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Mapping { container, host, size })
    };
    IdMap::new(text.lines().filter_map(mapping).collect()).ok()?.to_host(id)
}

/// A cgroup namespace, rooted at the cgroup that this process is in.
pub(crate) fn unshare_cgroup() -> StepResult {
    Ok(unshare(Kinds::from(Kind::Cgroup))?)
}

/// A time namespace with its clocks set, entered at once: the offsets can be written only before the first process is
/// in it, and unshare(2) puts only future children there.
pub(crate) fn unshare_time(bench: &mut ChildBench, offsets: &TimeOffsets) -> StepResult {
    unshare(Kinds::from(Kind::Time))?;
    match bench.clocks.take() {
        Some(clocks) => offsets.write_to(clocks.into())?,
        None => offsets.write()?,
    }
    let made = Namespace::open_as(Path::new("/proc/self/ns/time_for_children"), Kind::Time)
        .map_err(StepError::from)?;
    Ok(setns(&made)?)
}

pub(crate) fn set_hostname(name: &str) -> StepResult {
    Ok(rustix::system::sethostname(name.as_bytes()).call(|| format!("sethostname({name:?})"))?)
}

pub(crate) fn set_domainname(name: &str) -> StepResult {
    Ok(rustix::system::setdomainname(name.as_bytes()).call(|| format!("setdomainname({name:?})"))?)
}

/// Writes a kernel parameter through the host's procfs, held open since before the container had any mount: which
/// namespace it belongs to is decided by who writes. Neither a link nor a mount on the way is followed.
pub(crate) fn write_sysctl(bench: &ChildBench, path: &Path, value: &str) -> StepResult {
    let proc = bench.proc.as_ref().ok_or_else(|| StepError::new("there is no procfs"))?;
    let path = Path::new("sys").join(path);
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let file = fs::openat2(proc, &path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty(), resolve)
        .call(|| format!("openat2(\"/proc\", {path:?}, O_WRONLY)"))?;
    rustix::io::write(&file, value.as_bytes()).call(|| format!("write({path:?}, {value:?})"))?;
    Ok(())
}
