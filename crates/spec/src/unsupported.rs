//! The sections of the specification that this version does not carry out. Each is refused by its name: a
//! container that starts without the limit or the filter that it was given is worse than one that does not start.

use oci_spec::runtime as oci;

use crate::Error;

/// Refuses the first one that is there.
pub(crate) fn refuse(config: &oci::Spec) -> Result<(), Error> {
    let sections = process(config).into_iter().chain(linux(config));
    match sections.into_iter().find(|(_, present)| *present) {
        Some((field, _)) => Err(Error::Unsupported { field: field.into() }),
        None => Ok(()),
    }
}

type Sections = Vec<(&'static str, bool)>;

fn process(config: &oci::Spec) -> Sections {
    let Some(process) = config.process() else { return Vec::new() };
    let label = |label: &Option<String>| label.as_ref().is_some_and(|label| !label.is_empty());
    vec![
        ("process.apparmorProfile", label(process.apparmor_profile())),
        ("process.selinuxLabel", label(process.selinux_label())),
        ("process.oomScoreAdj", process.oom_score_adj().is_some()),
        ("process.scheduler", process.scheduler().is_some()),
        ("process.ioPriority", process.io_priority().is_some()),
        ("process.execCPUAffinity", process.exec_cpu_affinity().is_some()),
    ]
}

fn linux(config: &oci::Spec) -> Sections {
    let Some(linux) = config.linux() else { return Vec::new() };
    let label = linux.mount_label().as_ref().is_some_and(|label| !label.is_empty());
    vec![
        ("linux.netDevices", linux.net_devices().as_ref().is_some_and(|devices| !devices.is_empty())),
        ("linux.mountLabel", label),
        ("linux.intelRdt", linux.intel_rdt().is_some()),
        ("linux.memoryPolicy", linux.memory_policy().is_some()),
        ("linux.personality", linux.personality().is_some()),
    ]
}
