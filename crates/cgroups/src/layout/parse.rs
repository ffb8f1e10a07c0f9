//! The texts of /proc/PID/mountinfo and /proc/PID/cgroup.

use std::path::PathBuf;

use super::{Hierarchy, Version};

/// One line of mountinfo, borrowed; the paths still have their octal escapes.
#[derive(Clone, Copy)]
struct Mount<'a> {
    id: u32,
    parent: u32,
    root: &'a [u8],
    point: &'a [u8],
    filesystem: &'a [u8],
    super_options: &'a [u8],
}

/// The hierarchies that /proc/PID/cgroup names and that have a mount in sight.
pub(super) fn hierarchies(mountinfo: &[u8], cgroup: &[u8]) -> Vec<Hierarchy> {
    let mounts: Vec<Mount<'_>> = mountinfo.split(|byte| *byte == b'\n').filter_map(mount).collect();
    let visible: Vec<Mount<'_>> = mounts
        .iter()
        .filter(|mount| version(mount).is_some() && !is_hidden(mount, &mounts))
        .copied()
        .collect();
    cgroup.split(|byte| *byte == b'\n').filter_map(|line| hierarchy(line, &visible)).collect()
}

/// Where resctrl is mounted in sight.
pub(crate) fn find_resctrl(mountinfo: &[u8]) -> Option<PathBuf> {
    let mounts: Vec<Mount<'_>> = mountinfo.split(|byte| *byte == b'\n').filter_map(mount).collect();
    let whole = |mount: &&Mount<'_>| mount.filesystem == b"resctrl" && mount.root == b"/";
    let found = mounts.iter().filter(whole).find(|mount| !is_hidden(mount, &mounts))?;
    unescape(found.point).map(PathBuf::from)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let separator = line.windows(3).position(|window| window == b" - ")?;
    let (head, tail) = (line.get(..separator)?, line.get(separator + 3..)?);
    let mut head = head.split(|byte| *byte == b' ');
    let mut tail = tail.split(|byte| *byte == b' ');
    Some(Mount {
        id: number(head.next()?)?,
        parent: number(head.next()?)?,
        root: head.nth(1)?,
        point: head.next()?,
        filesystem: tail.next()?,
        super_options: tail.nth(1)?,
    })
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn version(mount: &Mount<'_>) -> Option<Version> {
    match mount.filesystem {
        b"cgroup" => Some(Version::V1),
        b"cgroup2" => Some(Version::V2),
        _ => None,
    }
}

/// True when another mount lies on this one, on one that it stands on, or on a directory on the way to it.
fn is_hidden(mount: &Mount<'_>, all: &[Mount<'_>]) -> bool {
    let mut at = *mount;
    // A chain of parents cannot be longer than the list; a loop in a hostile text ends here too.
    for _ in 0..all.len() {
        let covered = all.iter().any(|other| {
            other.id != at.id
                && ((other.parent == at.id && other.point == at.point)
                    || (other.parent == at.parent && is_above(other.point, at.point)))
        });
        if covered {
            return true;
        }
        match all.iter().find(|other| other.id == at.parent && other.id != at.id) {
            Some(parent) => at = *parent,
            None => return false,
        }
    }
    true
}

/// True when `upper` is a directory on the way to `lower`.
fn is_above(upper: &[u8], lower: &[u8]) -> bool {
    lower.strip_prefix(upper).is_some_and(|rest| rest.first() == Some(&b'/'))
}

/// A line `ID:CONTROLLERS:PATH` of /proc/PID/cgroup, with the best of its mounts: one that shows the own group, and
/// most of what is above it.
fn hierarchy(line: &[u8], mounts: &[Mount<'_>]) -> Option<Hierarchy> {
    let line = String::from_utf8_lossy(line);
    let (_, line) = line.split_once(':')?;
    let (controllers, own_path) = line.split_once(':')?;
    let controllers: Vec<String> =
        controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let version = if controllers.is_empty() { Version::V2 } else { Version::V1 };
    mounts
        .iter()
        .filter(|mount| belongs(mount, version, &controllers))
        .filter_map(|mount| {
            Some(Hierarchy {
                controllers: controllers.clone(),
                version,
                mount_point: PathBuf::from(unescape(mount.point)?),
                mount_root: unescape(mount.root)?,
                own_path: own_path.to_owned(),
            })
        })
        .min_by_key(|found| (found.own_below_mount().is_none(), found.mount_root.len()))
}

fn belongs(mount: &Mount<'_>, version: Version, controllers: &[String]) -> bool {
    let has = |name: &String| mount.super_options.split(|byte| *byte == b',').any(|o| o == name.as_bytes());
    self::version(mount) == Some(version) && controllers.iter().all(has)
}

/// The path without the octal escapes of mountinfo; `None` when it is not UTF-8.
fn unescape(path: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        let escaped = if *first == b'\\' { tail.first_chunk::<3>().and_then(octal) } else { None };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(3..)? } else { tail };
    }
    String::from_utf8(bytes).ok()
}

fn octal(digits: &[u8; 3]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests;
