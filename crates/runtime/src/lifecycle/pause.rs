//! pause and resume.

use std::time::Duration;

use holm_cgroups::Cgroup;
use holm_state::{Record, Root, Status};

use crate::create::parent::system;
use crate::error::Error;

/// How long the processes of a container may take to stop.
const FREEZING: Duration = Duration::from_secs(10);

/// Stops every process of a created or running container where it is.
///
/// # Errors
///
/// When it does not run, is paused already or has no cgroup of its own; when its processes do not stop within 10 s, and then
/// they run on.
pub fn pause(root: &Root, id: &str) -> Result<(), Error> {
    let (record, cgroup) = frozen_or_not(root, id, "pause")?;
    match record.status_now() {
        Status::Created | Status::Running => {
            cgroup.freeze(FREEZING).map_err(|error| system(&format!("pause container {id:?}"), error))
        }
        status => Err(holm_state::Error::Illegal { action: "pause", id: id.to_owned(), status }.into()),
    }
}

/// Lets the processes of a paused container go on.
///
/// # Errors
///
/// When it is not paused.
pub fn resume(root: &Root, id: &str) -> Result<(), Error> {
    let (record, cgroup) = frozen_or_not(root, id, "resume")?;
    match record.status_now() {
        Status::Paused => cgroup.thaw().map_err(|error| system(&format!("resume container {id:?}"), error)),
        status => Err(holm_state::Error::Illegal { action: "resume", id: id.to_owned(), status }.into()),
    }
}

/// Under the lock: nobody starts or deletes it meanwhile.
fn frozen_or_not(root: &Root, id: &str, what: &str) -> Result<(Record, Cgroup), Error> {
    let entry = root.entry(id)?.lock()?;
    let record = entry.record()?;
    let cgroup = cgroup(&record, what)?;
    Ok((record, cgroup))
}

/// The cgroup of a container; `what` is for the error of one that has none.
pub(crate) fn cgroup(record: &Record, what: &str) -> Result<Cgroup, Error> {
    let failed = |error| system(&format!("find the cgroup of container {:?}", record.id), error);
    match &record.cgroup {
        Some(cgroup) => Cgroup::from_record(cgroup).map_err(failed),
        None => Err(Error::new(format!("cannot {what} container {:?}", record.id))
            .with_cause("it has no cgroup of its own")
            .with_hint("make it as root, or in a control group that is delegated to you")),
    }
}

/// Lets a container go on that is being killed: what is frozen does not die on cgroup v1. That it was not frozen, or is
/// gone, is fine.
pub(crate) fn thaw_the_dying(record: &Record) {
    let frozen = record.cgroup.as_ref().filter(|cgroup| cgroup.is_frozen());
    if let Some(Ok(cgroup)) = frozen.map(Cgroup::from_record) {
        let _ = cgroup.thaw();
    }
}
