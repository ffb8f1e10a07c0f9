//! Setting the limits of a group: each by the hierarchy that has its controller.

use holm_sys::Errno;

use crate::directory::Directory;
use crate::resources::writer::{Journal, Writer};
use crate::resources::{Cpuset, Resources};
use crate::{Cgroup, DevicePolicy, Error, Result, Version, v1, v2};

impl Cgroup {
    /// Sets the limits of a new group. Where v2 has a controller that is not yet enabled for the group, it is enabled in
    /// the groups above it.
    ///
    /// # Errors
    ///
    /// [`Error::NoController`] when no hierarchy of the group has one that is needed, [`Error::Unsupported`] for what
    /// the version of the interface cannot do, else the failed call. What was set before it stays set.
    pub fn set(&self, resources: &Resources) -> Result<()> {
        self.tell_systemd(resources)?;
        self.apply(resources, None)
    }

    /// Changes the limits of a group that is in use; when one cannot be set, those before it are put back.
    ///
    /// # Errors
    ///
    /// As of [`Cgroup::set`].
    pub fn update(&self, resources: &Resources) -> Result<()> {
        self.tell_systemd(resources)?;
        let mut journal = Journal::default();
        let updated = self.apply(resources, Some(&mut journal));
        if updated.is_err() {
            journal.undo();
        }
        updated
    }

    /// Says which devices the processes of the group may use, in place of what was said before.
    ///
    /// Needs root of the machine: v1 by its `devices` controller, v2 by a program, CAP_BPF or CAP_SYS_ADMIN.
    ///
    /// # Errors
    ///
    /// [`Error::NoController`] when there is neither, else the failed call.
    pub fn allow_devices(&self, policy: &DevicePolicy) -> Result<()> {
        self.tell_systemd_devices(policy)?;
        if let Some(directory) = self.v1_with("devices") {
            return v1::devices::set(directory, policy);
        }
        match self.of_version(Version::V2).next() {
            Some(directory) => v2::devices::set(directory, policy),
            None => Err(Error::NoController { controller: "devices".into() }),
        }
    }

    fn apply<'a>(&'a self, resources: &Resources, mut journal: Option<&mut Journal<'a>>) -> Result<()> {
        for controller in resources.controllers() {
            let (version, directory) = self.place(controller, resources)?;
            let mut writer = Writer::new(directory, journal.as_deref_mut());
            match version {
                Version::V1 => set_v1(&mut writer, controller, resources)?,
                Version::V2 => set_v2(&mut writer, controller, resources)?,
            }
        }
        Ok(())
    }

    /// The directory that has a controller; what is only in `unified` is for v2 whatever v1 has.
    fn place(&self, controller: &str, resources: &Resources) -> Result<(Version, &Directory)> {
        let raw = resources.unified.keys().any(|key| key.split('.').next() == Some(controller));
        if let Some(directory) = self.v1_with(v1_name(controller)) {
            return if raw {
                Err(Error::NotUnified { key: first_key(resources, controller) })
            } else {
                Ok((Version::V1, directory))
            };
        }
        let v2 = self.of_version(Version::V2).next();
        if raw && v2.is_none() {
            return Err(Error::NotUnified { key: first_key(resources, controller) });
        }
        let v2 = v2.filter(|directory| controller == "cgroup" || v2::enable(directory, controller));
        v2.map(|directory| (Version::V2, directory))
            .ok_or_else(|| Error::NoController { controller: v1_name(controller).to_owned() })
    }

    /// The v1 directory with this controller.
    pub(crate) fn v1_with(&self, controller: &str) -> Option<&Directory> {
        self.of_version(Version::V1).find(|directory| directory.record.has(controller))
    }
}

/// The name of a controller of v2 in v1.
fn v1_name(controller: &str) -> &str {
    if controller == "io" { "blkio" } else { controller }
}

fn first_key(resources: &Resources, controller: &str) -> String {
    let of_it = |key: &&String| key.split('.').next() == Some(controller);
    resources.unified.keys().find(of_it).cloned().unwrap_or_default()
}

fn set_v1(writer: &mut Writer<'_, '_>, controller: &str, resources: &Resources) -> Result<()> {
    match controller {
        "memory" => v1::memory::set(writer, &resources.memory),
        "cpu" => v1::cpu::set(writer, &resources.cpu),
        "cpuset" => set_cpuset(writer, &resources.cpuset),
        "pids" => set_pids(writer, resources.pids),
        "io" => v1::blkio::set(writer, &resources.block_io),
        "hugetlb" => v1::hugetlb::set(writer, &resources.huge_pages),
        "net_cls" => v1::net_cls::set(writer, resources.network.class_id),
        "net_prio" => v1::net_prio::set(writer, &resources.network.priorities),
        "rdma" => v2::rdma::set(writer, &resources.rdma),
        _ => Ok(()),
    }
}

fn set_v2(writer: &mut Writer<'_, '_>, controller: &str, resources: &Resources) -> Result<()> {
    match controller {
        "memory" => v2::memory::set(writer, &resources.memory),
        "cpu" => v2::cpu::set(writer, &resources.cpu),
        "cpuset" => set_cpuset(writer, &resources.cpuset),
        "pids" => set_pids(writer, resources.pids),
        "io" => v2::io::set(writer, &resources.block_io),
        "hugetlb" => v2::hugetlb::set(writer, &resources.huge_pages),
        "rdma" => v2::rdma::set(writer, &resources.rdma),
        _ => Ok(()),
    }?;
    v2::unified::set(writer, controller, &resources.unified)
}

/// Both versions have the same files. On v1 the groups above have theirs since the group was made.
fn set_cpuset(writer: &mut Writer<'_, '_>, cpuset: &Cpuset) -> Result<()> {
    for (name, value) in [("cpuset.cpus", &cpuset.cpus), ("cpuset.mems", &cpuset.mems)] {
        if let Some(value) = value {
            writer.write(name, value)?;
        }
    }
    Ok(())
}

/// Both versions have the same file.
fn set_pids(writer: &mut Writer<'_, '_>, limit: Option<i64>) -> Result<()> {
    match limit {
        None => Ok(()),
        Some(limit) if limit > 0 => writer.write("pids.max", &limit.to_string()),
        Some(_) => writer.write("pids.max", "max"),
    }
}

/// A limit of memory that the kernel cannot bring the group below.
pub(crate) fn explain_busy(writer: &Writer<'_, '_>, error: Error, limit: i64, usage: &str) -> Error {
    match &error {
        Error::Call(call) if call.errno() == Errno::BUSY => {
            let used = writer.read_number(usage).unwrap_or(0);
            Error::InUse { limit, used }
        }
        _ => error,
    }
}
