//! Walking a group and the groups below it, which may be as many and as deep as the container pleased.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use holm_sys::{self as sys, Context, Errno};
use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::process::Pid;

use crate::file;

const READ_DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// What is done at each group: on the way down, and when all below it are done.
pub(crate) trait Visitor {
    /// At a group, before those below it.
    fn enter(&mut self, group: BorrowedFd<'_>) -> sys::Result<()>;
    /// After a group, in the one above it; not called for the first.
    fn leave(&mut self, parent: BorrowedFd<'_>, name: &CStr);
}

/// Walks the group `top` and all below it, with two fds however deep it goes.
pub(crate) fn walk(top: OwnedFd, visitor: &mut dyn Visitor) -> sys::Result<()> {
    visitor.enter(top.as_fd())?;
    let mut pending = vec![groups_in(top.as_fd())?];
    let mut names: Vec<CString> = Vec::new();
    let mut at = top;
    while let Some(siblings) = pending.last_mut() {
        if let Some(name) = siblings.pop() {
            match descend(at.as_fd(), &name, visitor)? {
                Some((group, below)) => {
                    pending.push(below);
                    names.push(name);
                    at = group;
                }
                None => continue,
            }
        } else {
            pending.pop();
            if let Some(name) = names.pop() {
                at = openat(&at, "..", READ_DIRECTORY, Mode::empty()).call(|| "openat(\"..\")")?;
                visitor.leave(at.as_fd(), &name);
            }
        }
    }
    Ok(())
}

/// Opens and enters a group; `None` when it has gone meanwhile.
fn descend(
    parent: BorrowedFd<'_>,
    name: &CStr,
    visitor: &mut dyn Visitor,
) -> sys::Result<Option<(OwnedFd, Vec<CString>)>> {
    let mut enter = || {
        let group = openat(parent, name, READ_DIRECTORY, Mode::empty())
            .call(|| format!("openat({name:?}, O_DIRECTORY)"))?;
        visitor.enter(group.as_fd())?;
        let below = groups_in(group.as_fd())?;
        Ok((group, below))
    };
    match enter() {
        Err(e) if is_gone(&e) => Ok(None),
        entered => entered.map(Some),
    }
}

/// The names of the groups right below.
fn groups_in(group: BorrowedFd<'_>) -> sys::Result<Vec<CString>> {
    let list = || -> rustix::io::Result<Vec<CString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(group)? {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type() == FileType::Directory && name != c"." && name != c".." {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    };
    list().call(|| "getdents64()")
}

/// True for the errors of a group that was removed: ENOENT by name, ENODEV through an fd.
pub(crate) fn is_gone(error: &sys::Error) -> bool {
    matches!(error.errno(), Errno::NOENT | Errno::NODEV)
}

/// The processes of a tree of groups, and how many groups it has.
#[derive(Default)]
pub(crate) struct Census {
    pub(crate) processes: Vec<Pid>,
    pub(crate) groups: usize,
}

/// Counts the tree of groups at `top`; each process once, in order.
pub(crate) fn census(top: OwnedFd) -> sys::Result<Census> {
    let mut census = Census::default();
    walk(top, &mut census)?;
    census.processes.sort_unstable_by_key(|pid| pid.as_raw_pid());
    census.processes.dedup();
    Ok(census)
}

impl Visitor for Census {
    fn enter(&mut self, group: BorrowedFd<'_>) -> sys::Result<()> {
        self.groups += 1;
        match file::read(group, "cgroup.procs") {
            Ok(text) => self.processes.extend(file::pids(&text)),
            // A threaded group (v2): its processes are listed in the domain above it.
            Err(e) if e.errno() == Errno::OPNOTSUPP => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    fn leave(&mut self, _parent: BorrowedFd<'_>, _name: &CStr) {}
}

/// Each directory on the way to `path` and itself, with its own name: `a`, `a/b`, ...
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut start = 0;
    path.split('/').filter(|name| !name.is_empty()).filter_map(move |name| {
        let end = start + name.len();
        start = end + 1;
        Some((path.get(..end)?, name))
    })
}
