//! The group of resctrl.

use holm_cgroups::{RdtGroup, RdtOrigin};
use holm_spec::RdtClass;

use crate::decide::Draft;
use crate::{Error, Step};

/// It is made ahead of all else, and goes when the cgroup has, with all processes; the child enters it before it does anything.
pub(crate) fn decide(draft: &mut Draft<'_>, id: &str) -> Result<(), Error> {
    let Some(section) = &draft.spec.linux.intel_rdt else { return Ok(()) };
    let Some(root) = draft.facts.resctrl.clone() else {
        let hint =
            "mount -t resctrl resctrl /sys/fs/resctrl, on a machine that has it, or leave linux.intelRdt out";
        let cause = "no resctrl file system is mounted here";
        return Err(Error::new("give the container a group of resctrl (linux.intelRdt)", cause, hint));
    };
    let said = !section.agreed.is_empty() || !section.given.is_empty();
    let (name, origin) = match &section.class {
        RdtClass::Own => (id.to_owned(), RdtOrigin::New),
        RdtClass::Default => (String::new(), RdtOrigin::Given),
        RdtClass::Named(name) if said => (name.clone(), RdtOrigin::Either),
        RdtClass::Named(name) => (name.clone(), RdtOrigin::Given),
    };
    let group = RdtGroup {
        root,
        name,
        origin,
        agreed: section.agreed.clone(),
        given: section.given.clone(),
        monitor: section.monitored.then(|| id.to_owned()),
    };
    draft.prepare.insert(0, Step::MakeRdtGroup { group: Box::new(group) });
    draft.adopt.push(Step::EnterRdtGroup);
    draft.undo.push(Step::RemoveRdtGroup);
    Ok(())
}
