//! The group of a unit, in each hierarchy.

use rustix::process::Pid;

use super::properties::{of_limits, of_limits_v1};
use super::{AskedProperty, Scope, devices};
use crate::directory::Directory;
use crate::{Cgroup, CgroupPath, DevicePolicy, Error, Layout, Resources, Result, Version};

impl Cgroup {
    /// Has systemd make the group, with `process` in it in every hierarchy; on v1 systemd uses only some of them, and the
    /// rest is done here. Nothing stays behind on failure.
    ///
    /// # Errors
    ///
    /// [`Error::Systemd`], or what [`Cgroup::create`] fails with.
    pub fn start_unit(layout: &Layout, scope: &Scope, process: Pid, asked: &[AskedProperty]) -> Result<Self> {
        scope.start(process, asked)?;
        Self::of_unit(layout, scope, process).inspect_err(|_| {
            // The error that led here is the one to tell.
            let _ = scope.stop();
        })
    }

    /// The directories of a unit that has been started.
    pub(super) fn of_unit(layout: &Layout, scope: &Scope, process: Pid) -> Result<Self> {
        let path = scope.group(process)?;
        let mut group = Self { directories: Vec::new(), scope: Some(scope.clone()) };
        match group.join(layout, scope, &path, process) {
            Ok(()) => Ok(group),
            Err(error) => {
                group.directories.iter_mut().rev().for_each(Directory::undo);
                Err(error)
            }
        }
    }

    fn join(&mut self, layout: &Layout, scope: &Scope, path: &CgroupPath, process: Pid) -> Result<()> {
        for hierarchy in &layout.hierarchies {
            self.directories.push(Directory::join(hierarchy, path)?);
        }
        let pid = process.as_raw_pid().to_string();
        for directory in &self.directories {
            if scope.unit.is_slice() || directory.record.version == Version::V1 {
                directory.write("cgroup.procs", &pid)?;
            }
        }
        Ok(())
    }

    /// Limits as properties of the unit, where there is one.
    pub(crate) fn tell_systemd(&self, resources: &Resources) -> Result<()> {
        let Some(scope) = &self.scope else { return Ok(()) };
        let v1 = self.of_version(Version::V1).next().is_some();
        self.keeping_bandwidth(|| scope.set(&if v1 { of_limits_v1(resources) } else { of_limits(resources) }))
    }

    /// systemd writes its own limits of CPU time again, which it has rounded, whatever it is told of: what was there before
    /// is put back.
    fn keeping_bandwidth(&self, tell: impl FnOnce() -> Result<()>) -> Result<()> {
        let places = ["cpu.max", "cpu.cfs_quota_us"];
        let files = || self.directories.iter().flat_map(|at| places.map(|name| (at, name)));
        let before: Vec<_> = files().filter_map(|(at, name)| Some((at, name, at.read(name).ok()?))).collect();
        tell()?;
        for (at, name, text) in before {
            if at.read(name).is_ok_and(|now| now != text) {
                at.write(name, text.trim_end())?;
            }
        }
        Ok(())
    }

    /// Rules for devices as properties of the unit, where there is one.
    pub(crate) fn tell_systemd_devices(&self, policy: &DevicePolicy) -> Result<()> {
        let Some(scope) = &self.scope else { return Ok(()) };
        self.keeping_bandwidth(|| scope.set(&devices::properties(policy)))
    }
}

impl Scope {
    /// Where the group is: as the kernel has it of the process, from the root that is seen here.
    fn group(&self, process: Pid) -> Result<CgroupPath> {
        if self.unit.is_slice() {
            let own = super::unit::Systemd::connect(self.whose)?.own_group()?;
            return CgroupPath::parse(&format!("{}{}", own.trim_end_matches('/'), self.unit.path()));
        }
        let file = format!("/proc/{}/cgroup", process.as_raw_pid());
        let text = crate::file::read(rustix::fs::CWD, &file)?;
        match path_in(&text, self.unit.name()) {
            Some(path) => CgroupPath::parse(path),
            None => Err(Error::Systemd {
                what: format!("find the group of the unit {}", self.unit.name()),
                cause: format!("process {process} is not in it: {file} is {:?}", text.trim_end()),
            }),
        }
    }
}

/// The path that ends with the unit's name, in the lines of proc_pid_cgroup(5).
fn path_in<'a>(text: &'a str, unit: &str) -> Option<&'a str> {
    let paths = text.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.into_iter().find(|path| path.rsplit('/').next() == Some(unit))
}

#[cfg(test)]
mod tests {
    use super::path_in;

    #[test]
    fn the_unit_is_found_where_systemd_has_put_it() {
        let legacy = "12:cpu,cpuacct:/\n3:name=systemd:/a.slice/x-y.scope\n0::/init.scope\n";
        assert_eq!(path_in(legacy, "x-y.scope"), Some("/a.slice/x-y.scope"));
        assert_eq!(path_in("0::/user.slice/x:y.scope\n", "x:y.scope"), Some("/user.slice/x:y.scope"));
        assert_eq!(path_in("0::/a.slice/not-x-y.scope\n0::/x-y.scope/below\n", "x-y.scope"), None);
    }
}
