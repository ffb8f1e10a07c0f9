//! How processes run: what the process and the linux section say beside ids and privileges.

use holm_spec::{Attributes, Process, Spec, Surroundings};

use crate::{Error, HostFacts, Lsm, Plan, Step};

/// The file systems whose instances take no label of their own, as runc has it.
const UNLABELLED: [&str; 5] = ["proc", "sysfs", "mqueue", "cgroup", "cgroup2"];

/// For a new container: what its process is born with, and what it gets at its start.
pub(crate) fn decide(spec: &Spec, facts: &HostFacts, plan: &mut Plan) -> Result<(), Error> {
    if let Some(process) = &spec.process {
        check(process, spec.init)?;
        plan.prepare.splice(..0, born(&process.attributes, facts));
        plan.start.extend(labels(&process.attributes, facts)?);
    }
    label_mounts(spec, facts, plan)
}

/// A process with a deadline may not make others (sched(7)), which an init has to.
fn check(process: &Process, init: bool) -> Result<(), Error> {
    let deadline =
        process.attributes.scheduling.as_ref().is_some_and(holm_credentials::Scheduling::is_deadline);
    if deadline && init {
        let hint = "leave out the init (the annotation holm.init), or take another policy";
        return Err(Error::new("schedule an init by SCHED_DEADLINE", "such a process makes no others", hint));
    }
    Ok(())
}

/// The score is set by who makes the process, before it does, and inherited: lowering it takes a capability that counts in
/// the first user namespace alone. For who has no privilege that is a wish, as runc has it.
pub(crate) fn born(attributes: &Attributes, facts: &HostFacts) -> Option<Step> {
    attributes.oom_score_adj.map(|score| Step::SetOomScoreAdj { score, required: facts.privileged() })
}

/// While the privileges are there that some of it takes.
pub(crate) fn steps(attributes: &Attributes, surroundings: &Surroundings) -> Vec<Step> {
    let personality = surroundings.personality.map(|persona| Step::SetPersonality { persona });
    let memory = surroundings.memory_policy.clone().map(|policy| Step::SetMemoryPolicy { policy });
    let io = attributes.io_priority.map(|(class, level)| Step::SetIoPriority { class, level });
    let scheduling = attributes.scheduling.clone().map(|scheduling| Step::SetScheduling { scheduling });
    [personality, memory, io, scheduling].into_iter().flatten().collect()
}

/// The labels that the command is executed with, the very last steps: they are of the next exec.
pub(crate) fn labels(attributes: &Attributes, facts: &HostFacts) -> Result<Vec<Step>, Error> {
    let wanted = [
        (Lsm::AppArmor, &attributes.apparmor_profile, facts.lsm.apparmor, "process.apparmorProfile"),
        (Lsm::SeLinux, &attributes.selinux_label, facts.lsm.selinux, "process.selinuxLabel"),
    ];
    let wanted =
        wanted.into_iter().filter_map(|(lsm, label, there, field)| Some((lsm, label.clone()?, there, field)));
    wanted
        .map(|(lsm, label, there, field)| match there {
            true => Ok(Step::SetLabel { lsm, label }),
            false => Err(missing(lsm, &label, field)),
        })
        .collect()
}

fn missing(lsm: Lsm, label: &str, field: &str) -> Error {
    let cause = format!("{lsm} is not enabled on this machine");
    Error::new(
        format!("use the label {label} of {lsm}"),
        cause,
        format!("enable it, or take {field} out of config.json"),
    )
}

fn label_mounts(spec: &Spec, facts: &HostFacts, plan: &mut Plan) -> Result<(), Error> {
    let Some(label) = &spec.linux.mount_label else { return Ok(()) };
    if !facts.lsm.selinux {
        return Err(missing(Lsm::SeLinux, label, "linux.mountLabel"));
    }
    for step in &mut plan.root {
        if let Step::MountFilesystem { fstype, options, .. } = step
            && !UNLABELLED.contains(&fstype.as_str())
        {
            options.push(holm_mounts::FsOption::pair("context", label));
        }
    }
    Ok(())
}
