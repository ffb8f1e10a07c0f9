//! update.

use holm_state::{Locked, Record, Root, Status};

use crate::create::parent::system;
use crate::error::Error;
use crate::lifecycle::pause::cgroup;

/// Changes the lines of `schemata` of the container's group of resctrl. A group that it shares changes for all that are in it.
///
/// # Errors
///
/// When the container has stopped, or is in no such group; when the kernel does not take them.
pub fn update_rdt(root: &Root, id: &str, lines: &[String]) -> Result<(), Error> {
    let entry = root.entry(id)?.lock()?;
    let record = unstopped(&entry, id)?;
    let what = format!("update container {id:?}");
    let group = record.rdt.as_ref().ok_or_else(|| {
        Error::new(format!("cannot {what}"))
            .with_cause("it is in no group of resctrl")
            .with_hint("make it with linux.intelRdt in its configuration")
    })?;
    group.write(lines).map_err(|error| system(&what, error))
}

fn unstopped(entry: &Locked, id: &str) -> Result<Record, Error> {
    let record = entry.record()?;
    if record.status() == Status::Stopped {
        let status = Status::Stopped;
        return Err(holm_state::Error::Illegal { action: "update", id: id.to_owned(), status }.into());
    }
    Ok(record)
}

/// Changes what a container may use. What `resources` does not say stays; its rules for devices are passed over, as runc
/// has it.
///
/// # Errors
///
/// When a value is out of its bounds or cannot be set: then nothing is changed. When the container has stopped, or has no
/// cgroup of its own.
pub fn update(root: &Root, id: &str, resources: &oci_spec::runtime::LinuxResources) -> Result<(), Error> {
    let mut limits = holm_spec::check_resources(resources)?;
    // Who builds the whole section out of nothing has a 0 there, which is no limit to ask for.
    limits.pids = limits.pids.filter(|limit| *limit != 0);
    let entry = root.entry(id)?.lock()?;
    let mut record = unstopped(&entry, id)?;
    match resources.memory().as_ref().and_then(oci_spec::runtime::LinuxMemory::check_before_update) {
        Some(check) => record.check_before_update = check,
        None => limits.memory.check_before_update = record.check_before_update,
    }
    let group = cgroup(&record, "update")?;
    group.update(&limits).map_err(|error| system(&format!("update container {id:?}"), error))?;
    Ok(entry.write(&record)?)
}
