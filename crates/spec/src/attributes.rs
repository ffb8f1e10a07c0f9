//! How the process runs, beside who it is: scheduling, I/O priority, CPUs, memory, labels.

use holm_credentials::{IoClass, MemoryPolicy, NumberSet, Scheduling};
use oci_spec::runtime as oci;
use serde::{Deserialize, Serialize};

use crate::Error;

/// What the process section says of how it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes {
    /// How likely it is killed when memory runs out.
    pub oom_score_adj: Option<i32>,
    /// How it is scheduled.
    pub scheduling: Option<Scheduling>,
    /// Its I/O priority.
    pub io_priority: Option<(IoClass, u8)>,
    /// The CPUs of an exec, before it is in the container's cgroup.
    pub initial_cpus: Option<NumberSet>,
    /// The CPUs of an exec, when it is.
    pub final_cpus: Option<NumberSet>,
    /// The profile of AppArmor.
    pub apparmor_profile: Option<String>,
    /// The label of SELinux.
    pub selinux_label: Option<String>,
}

/// What the linux section says of how every process of the container runs, those of an exec too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Surroundings {
    /// The execution domain (personality(2)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<u32>,
    /// From which nodes it gets its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_policy: Option<MemoryPolicy>,
}

impl Attributes {
    pub(crate) fn check(process: &oci::Process) -> Result<Self, Error> {
        let cpus = |name: &str, list: Option<&str>| match list.map(str::trim).filter(|list| !list.is_empty())
        {
            None => Ok(None),
            Some(list) => NumberSet::parse(list).map(Some).ok_or_else(|| {
                Error::invalid(
                    format!("process.execCPUAffinity.{name}"),
                    format!("{list:?}"),
                    "CPUs such as 0-3,7, up to 1023",
                )
            }),
        };
        let affinity = process.exec_cpu_affinity().as_ref();
        let text = |label: &Option<String>| label.clone().filter(|label| !label.is_empty());
        Ok(Self {
            oom_score_adj: process.oom_score_adj().map(oom_score_adj).transpose()?,
            scheduling: process.scheduler().as_ref().map(scheduling).transpose()?,
            io_priority: process.io_priority().map(|priority| io_priority(&priority)).transpose()?,
            initial_cpus: cpus("initial", affinity.and_then(|cpus| cpus.initial().as_deref()))?,
            final_cpus: cpus("final", affinity.and_then(|cpus| cpus.cpu_affinity_final().as_deref()))?,
            apparmor_profile: word("process.apparmorProfile", text(process.apparmor_profile()))?,
            selinux_label: word("process.selinuxLabel", text(process.selinux_label()))?,
        })
    }
}

impl Surroundings {
    pub(crate) fn check(linux: &oci::Linux) -> Result<Self, Error> {
        // Flags are not defined yet (runtime-spec, config-linux, "Personality"), and read by nobody.
        let personality = linux.personality().as_ref().map(|personality| match personality.domain() {
            oci::LinuxPersonalityDomain::PerLinux => 0,
            oci::LinuxPersonalityDomain::PerLinux32 => 8,
        });
        let memory_policy = linux.memory_policy().as_ref().map(memory_policy).transpose()?;
        Ok(Self { personality, memory_policy })
    }
}

/// It goes to the kernel as it is, in one write.
pub(crate) fn word(field: &str, text: Option<String>) -> Result<Option<String>, Error> {
    match text {
        Some(text) if text.contains(['\0', '\n']) => {
            Err(Error::invalid(field, format!("{text:?}"), "one line without NUL"))
        }
        text => Ok(text),
    }
}

fn oom_score_adj(score: i32) -> Result<i32, Error> {
    match score {
        -1000..=1000 => Ok(score),
        _ => Err(Error::invalid("process.oomScoreAdj", score, "-1000 to 1000")),
    }
}

fn scheduling(scheduler: &oci::Scheduler) -> Result<Scheduling, Error> {
    let field = |name: &str| format!("process.scheduler.{name}");
    let policy = scheduler.policy().to_string();
    if !Scheduling::has_policy(&policy) {
        let allowed = "SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE, SCHED_DEADLINE";
        return Err(Error::invalid(field("policy"), policy, allowed));
    }
    let nice = scheduler.nice().unwrap_or(0);
    if !(-20..=19).contains(&nice) {
        return Err(Error::invalid(field("nice"), nice, "-20 to 19"));
    }
    let priority = scheduler.priority().unwrap_or(0);
    let result = Scheduling {
        policy,
        nice,
        priority: u32::try_from(priority).unwrap_or(u32::MAX),
        flags: scheduler.flags().iter().flatten().map(|flag| flag_name(*flag).to_owned()).collect(),
        runtime: scheduler.runtime().unwrap_or(0),
        deadline: scheduler.deadline().unwrap_or(0),
        period: scheduler.period().unwrap_or(0),
    };
    let allowed_priority = if result.is_real_time() { 1..=99 } else { 0..=0 };
    if !allowed_priority.contains(&result.priority) {
        let allowed = "1 to 99 with SCHED_FIFO and SCHED_RR, and 0 with the others";
        return Err(Error::invalid(field("priority"), priority, allowed));
    }
    let times = [("runtime", result.runtime), ("deadline", result.deadline), ("period", result.period)];
    match times.into_iter().find(|(_, time)| *time != 0 && !result.is_deadline()) {
        Some((name, time)) => Err(Error::invalid(field(name), time, "nothing without SCHED_DEADLINE")),
        None => Ok(result),
    }
}

/// The library's own names are not those of the specification.
fn flag_name(flag: oci::LinuxSchedulerFlag) -> &'static str {
    match flag {
        oci::LinuxSchedulerFlag::SchedResetOnFork => "SCHED_FLAG_RESET_ON_FORK",
        oci::LinuxSchedulerFlag::SchedFlagReclaim => "SCHED_FLAG_RECLAIM",
        oci::LinuxSchedulerFlag::SchedFlagDLOverrun => "SCHED_FLAG_DL_OVERRUN",
        oci::LinuxSchedulerFlag::SchedFlagKeepPolicy => "SCHED_FLAG_KEEP_POLICY",
        oci::LinuxSchedulerFlag::SchedFlagKeepParams => "SCHED_FLAG_KEEP_PARAMS",
        oci::LinuxSchedulerFlag::SchedFlagUtilClampMin => "SCHED_FLAG_UTIL_CLAMP_MIN",
        oci::LinuxSchedulerFlag::SchedFlagUtilClampMax => "SCHED_FLAG_UTIL_CLAMP_MAX",
    }
}

fn io_priority(priority: &oci::LinuxIOPriority) -> Result<(IoClass, u8), Error> {
    let class = match priority.class() {
        oci::IOPriorityClass::IoprioClassRt => IoClass::RealTime,
        oci::IOPriorityClass::IoprioClassBe => IoClass::BestEffort,
        oci::IOPriorityClass::IoprioClassIdle => IoClass::Idle,
    };
    match priority.priority() {
        level @ 0..=7 => Ok((class, u8::try_from(level).unwrap_or(7))),
        level => Err(Error::invalid("process.ioPriority.priority", level, "0 to 7")),
    }
}

/// What goes together is the kernel's business (set_mempolicy(2)); what it would not say is said here.
fn memory_policy(policy: &oci::LinuxMemoryPolicy) -> Result<MemoryPolicy, Error> {
    let field = |name: &str| format!("linux.memoryPolicy.{name}");
    let mode = policy.mode().to_string();
    let text = policy.nodes().as_deref().map(str::trim).filter(|nodes| !nodes.is_empty());
    let nodes = text.map(|text| {
        NumberSet::parse(text).ok_or_else(|| {
            Error::invalid(field("nodes"), format!("{text:?}"), "nodes such as 0-3,7, up to 1023")
        })
    });
    let nodes = nodes.transpose()?;
    match (mode.as_str(), &nodes) {
        ("MPOL_DEFAULT" | "MPOL_LOCAL", Some(nodes)) => {
            return Err(Error::invalid(field("nodes"), nodes, format!("nothing with {mode}")));
        }
        ("MPOL_BIND" | "MPOL_INTERLEAVE" | "MPOL_WEIGHTED_INTERLEAVE" | "MPOL_PREFERRED_MANY", None) => {
            return Err(Error::invalid(field("nodes"), "missing", format!("one node or more, with {mode}")));
        }
        _ => {}
    }
    let flags: Vec<String> = policy.flags().iter().flatten().map(ToString::to_string).collect();
    let has = |flag: &str| flags.iter().any(|other| other == flag);
    if has("MPOL_F_STATIC_NODES") && has("MPOL_F_RELATIVE_NODES") {
        let allowed = "MPOL_F_STATIC_NODES or MPOL_F_RELATIVE_NODES, not both";
        return Err(Error::invalid(field("flags"), flags.join(", "), allowed));
    }
    Ok(MemoryPolicy { mode, nodes, flags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn process(attribute: &Value) -> Result<Attributes, Error> {
        let mut process = json!({ "cwd": "/", "user": { "uid": 0, "gid": 0 } });
        for (name, value) in attribute.as_object().unwrap() {
            process[name] = value.clone();
        }
        Attributes::check(&crate::read_process(process.to_string().as_bytes()).unwrap().0)
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let scheduler = |fields: Value| json!({ "scheduler": fields });
        for (attribute, field) in [
            (json!({ "oomScoreAdj": 1001 }), "process.oomScoreAdj"),
            (json!({ "oomScoreAdj": -1001 }), "process.oomScoreAdj"),
            (
                json!({ "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 8 } }),
                "process.ioPriority.priority",
            ),
            (
                json!({ "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": -1 } }),
                "process.ioPriority.priority",
            ),
            (json!({ "execCPUAffinity": { "initial": "3-1" } }), "process.execCPUAffinity.initial"),
            (json!({ "execCPUAffinity": { "final": "1024" } }), "process.execCPUAffinity.final"),
            (json!({ "apparmorProfile": "a\nb" }), "process.apparmorProfile"),
            (scheduler(json!({ "policy": "SCHED_ISO" })), "process.scheduler.policy"),
            (scheduler(json!({ "policy": "SCHED_OTHER", "nice": 20 })), "process.scheduler.nice"),
            (scheduler(json!({ "policy": "SCHED_OTHER", "priority": 1 })), "process.scheduler.priority"),
            (scheduler(json!({ "policy": "SCHED_FIFO", "priority": 0 })), "process.scheduler.priority"),
            (scheduler(json!({ "policy": "SCHED_FIFO", "priority": -1 })), "process.scheduler.priority"),
            (scheduler(json!({ "policy": "SCHED_RR", "priority": 100 })), "process.scheduler.priority"),
            (
                scheduler(json!({ "policy": "SCHED_RR", "priority": 1, "period": 5 })),
                "process.scheduler.period",
            ),
        ] {
            let error = process(&attribute).unwrap_err();
            assert!(error.to_string().contains(field), "{attribute}: {error}");
        }
    }

    #[test]
    fn every_attribute_is_read() {
        let attributes = process(&json!({
            "oomScoreAdj": 100, "apparmorProfile": "", "selinuxLabel": "a:b:c",
            "scheduler": { "policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3 },
            "ioPriority": { "class": "IOPRIO_CLASS_IDLE", "priority": 0 },
            "execCPUAffinity": { "initial": "", "final": "0-1" },
        }))
        .unwrap();
        assert_eq!(attributes.oom_score_adj, Some(100));
        assert_eq!((attributes.apparmor_profile, attributes.selinux_label.as_deref()), (None, Some("a:b:c")));
        assert_eq!(attributes.io_priority, Some((IoClass::Idle, 0)));
        assert_eq!(
            (attributes.initial_cpus, attributes.final_cpus.unwrap().to_string()),
            (None, "0-1".into())
        );
        let scheduling = attributes.scheduling.unwrap();
        assert_eq!((scheduling.runtime, scheduling.deadline, scheduling.period), (1, 2, 3));
    }

    fn policy(fields: &Value) -> Result<MemoryPolicy, Error> {
        memory_policy(&serde_json::from_value(fields.clone()).unwrap())
    }

    #[test]
    fn memory_policies_have_the_nodes_that_their_mode_takes() {
        assert!(
            policy(&json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"] })).is_ok()
        );
        assert!(policy(&json!({ "mode": "MPOL_DEFAULT", "nodes": "" })).is_ok());
        for (fields, field) in [
            (json!({ "mode": "MPOL_DEFAULT", "nodes": "0" }), "linux.memoryPolicy.nodes"),
            (json!({ "mode": "MPOL_BIND", "nodes": "" }), "linux.memoryPolicy.nodes"),
            (json!({ "mode": "MPOL_BIND", "nodes": "x" }), "linux.memoryPolicy.nodes"),
            (
                json!({ "mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"] }),
                "linux.memoryPolicy.flags",
            ),
        ] {
            let error = policy(&fields).unwrap_err();
            assert!(error.to_string().contains(field), "{fields}: {error}");
        }
    }
}
