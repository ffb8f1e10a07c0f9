//! Groups below that of a container, as `exec --cgroup` names them.

use std::str::FromStr;

use crate::{CgroupPath, DirectoryRecord, Error, Record, Result, Version};

/// A group below another one: in every hierarchy, or on v1 in those of some controllers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubGroup {
    controllers: Vec<String>,
    path: CgroupPath,
}

impl FromStr for SubGroup {
    type Err = Error;

    /// `PATH`, or `CONTROLLER[,CONTROLLER...]:PATH`; the path is from the container's group on.
    fn from_str(text: &str) -> Result<Self> {
        let (controllers, path) = match text.split_once(':') {
            Some((controllers, path)) => (controllers.split(',').map(str::to_owned).collect(), path),
            None => (Vec::new(), text),
        };
        if controllers.iter().any(String::is_empty) {
            return Err(Error::Path { path: text.to_owned(), problem: "it has an empty controller in it" });
        }
        Ok(Self { controllers, path: CgroupPath::parse(path)? })
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
                directory.path = format!("{}/{}", directory.path.trim_end_matches('/'), group.path.names());
                directory.removable.clear();
            }
            if !found {
                let path = format!("{}:{}", group.controllers.join(","), group.path);
                return Err(Error::Path {
                    path,
                    problem: "no hierarchy of the container has that controller",
                });
            }
        }
        Ok(self)
    }
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
        assert_eq!(paths(&["/sub"]), ["c/sub", "c/sub", "c/sub"]);
    }

    #[test]
    fn controllers_say_in_which() {
        assert_eq!(paths(&["cpuacct:sub", "systemd:other"]), ["c/sub", "c/other", "c"]);
        assert!(record().below(&["memory:sub".parse().unwrap()]).is_err());
    }

    #[test]
    fn what_leaves_the_group_is_refused() {
        for text in ["..", "a/../b", "", "cpu:", ":a", "cpu,:a", "cpu:../a"] {
            assert!(text.parse::<SubGroup>().is_err(), "{text}");
        }
    }
}
