//! Groups below that of a container, as `exec --cgroup` names them.

use std::str::FromStr;

use holm_sys::Context;
use rustix::process::Pid;

use crate::{Cgroup, CgroupPath, DirectoryRecord, Error, Record, Result, Version, walk};

/// A group below another one: in every hierarchy, or on v1 in those of some controllers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubGroup {
    controllers: Vec<String>,
    path: Option<CgroupPath>,
}

impl FromStr for SubGroup {
    type Err = Error;

    /// `PATH`, or `CONTROLLER[,CONTROLLER...]:PATH`; the path is from the container's group on, which is `/`.
    fn from_str(text: &str) -> Result<Self> {
        let (controllers, path) = match text.split_once(':') {
            Some((controllers, path)) => (controllers.split(',').map(str::to_owned).collect(), path),
            None => (Vec::new(), text),
        };
        if controllers.iter().any(String::is_empty) {
            return Err(Error::Path { path: text.to_owned(), problem: "it has an empty controller in it" });
        }
        let path = match path.trim_matches('/') {
            // The group itself.
            "" if path.starts_with('/') => None,
            _ => Some(CgroupPath::parse(path)?),
        };
        Ok(Self { controllers, path })
    }
}

impl SubGroup {
    fn concerns(&self, directory: &DirectoryRecord) -> bool {
        self.controllers.is_empty() || self.controllers.iter().any(|name| directory.goes_by(name))
    }
}

impl DirectoryRecord {
    /// Whether its hierarchy has this controller, or is a named one of this name.
    fn goes_by(&self, name: &str) -> bool {
        let named = |known: &String| known.strip_prefix("name=").unwrap_or(known) == name;
        self.version == Version::V1 && self.controllers.iter().any(named)
    }
}

impl Record {
    /// The groups below that are named, and this one in the hierarchies where none is.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for controllers that no hierarchy of this group has.
    pub fn below(mut self, groups: &[SubGroup]) -> Result<Self> {
        for group in groups {
            let mut found = false;
            for directory in self.directories.iter_mut().filter(|directory| group.concerns(directory)) {
                found = true;
                if let Some(path) = &group.path {
                    directory.path = format!("{}/{}", directory.path.trim_end_matches('/'), path.names());
                    directory.removable.clear();
                }
            }
            if !found {
                let path = group.controllers.join(",");
                return Err(Error::Path {
                    path,
                    problem: "unknown controller: no hierarchy of the container has it",
                });
            }
        }
        Ok(self)
    }
}

impl Cgroup {
    /// Goes down to the group of `member`, on v2, where the container has given controllers to groups below its own, as a
    /// systemd or an engine in it does: nobody may be in its own any more (cgroups(7), "no internal processes" rule).
    ///
    /// # Errors
    ///
    /// What reading a file of the group says; that the group is gone is no error here.
    pub fn descend_to(&mut self, member: Pid) -> Result<()> {
        for directory in self.directories.iter_mut().filter(|one| one.record.version == Version::V2) {
            match directory.read("cgroup.subtree_control") {
                Ok(given) if given.trim().is_empty() => {}
                Err(error) if walk::is_gone(&error) => {}
                given => {
                    given?;
                    let path = format!("/proc/{}/cgroup", member.as_raw_pid());
                    let text = std::fs::read(&path).call(|| format!("read({path:?})"))?;
                    if let Some(group) = group_below(&text, &directory.record.path) {
                        directory.record.path = group;
                        directory.record.removable.clear();
                    }
                }
            }
        }
        Ok(())
    }
}

/// The group of version 2 in the text of /proc/PID/cgroup, if it is below this one. It may have any name in it that has no
/// line break (cgroups(7)); what is no text is nobody's who wants to be found.
fn group_below(text: &[u8], group: &str) -> Option<String> {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    let path = std::str::from_utf8(line).ok()?;
    let below = path.strip_prefix(group.trim_matches('/'))?.strip_prefix('/')?;
    let climbs = below.split('/').any(|name| matches!(name, "" | "." | ".."));
    (!climbs).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let directory = |controllers: &[&str]| DirectoryRecord {
            version: if controllers.is_empty() { Version::V2 } else { Version::V1 },
            controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
            mount_point: "/sys/fs/cgroup/x".into(),
            path: "c".into(),
            removable: vec!["c".into()],
        };
        Record {
            directories: vec![directory(&["cpu", "cpuacct"]), directory(&["name=systemd"]), directory(&[])],
            scope: None,
        }
    }

    fn paths(groups: &[&str]) -> Vec<String> {
        let groups: Vec<SubGroup> = groups.iter().map(|text| text.parse().unwrap()).collect();
        record().below(&groups).unwrap().directories.into_iter().map(|directory| directory.path).collect()
    }

    #[test]
    fn a_path_is_below_in_every_hierarchy() {
        assert_eq!(paths(&["sub/deep"]), ["c/sub/deep", "c/sub/deep", "c/sub/deep"]);
        assert_eq!(paths(&["/"]), ["c", "c", "c"]);
        assert_eq!(paths(&["/sub"]), ["c/sub", "c/sub", "c/sub"]);
    }

    #[test]
    fn controllers_say_in_which() {
        assert_eq!(paths(&["cpuacct:sub", "systemd:other"]), ["c/sub", "c/other", "c"]);
        assert!(record().below(&["memory:sub".parse().unwrap()]).is_err());
    }

    #[test]
    fn the_group_of_a_member_is_below_the_container_s() {
        let of = |text: &[u8]| group_below(text, "a/c");
        assert_eq!(of(b"12:pids:/a/c\n0::/a/c/init.scope/x\n").as_deref(), Some("a/c/init.scope/x"));
        for text in [
            &b"0::/a/c\n"[..],
            b"0::/a/cd/x\n",
            b"0::/b\n",
            b"0::/a/c/../x\n",
            b"1:name=x:/a/c/y\n",
            b"0::/a/c/\xff\n",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_leaves_the_group_is_refused() {
        for text in ["..", "a/../b", "", "cpu:", ":a", "cpu,:a", "cpu:../a"] {
            assert!(text.parse::<SubGroup>().is_err(), "{text}");
        }
    }
}
