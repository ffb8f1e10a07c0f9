//! What the library that reads configurations takes for a mistake, and other runtimes do not.

use oci_spec::runtime as oci;
use serde_json::Value;

/// Mends a configuration, or a process of one. A capability that nobody knows yet is left out, with a note: a configuration
/// may be written for newer kernels than this was.
pub(crate) fn mend(config: &mut Value) -> Vec<String> {
    let mut notes = Vec::new();
    for process in [&["process"][..], &[]] {
        if let Some(process) = process.iter().try_fold(&mut *config, |value, name| value.get_mut(name)) {
            forget_unknown_capabilities(process, &mut notes);
            rename_flags(process);
            forget_empty_lists(process);
        }
    }
    notes
}

fn forget_unknown_capabilities(process: &mut Value, notes: &mut Vec<String>) {
    let Some(sets) = process.get_mut("capabilities").and_then(Value::as_object_mut) else { return };
    for list in sets.values_mut().filter_map(Value::as_array_mut) {
        list.retain(|name| {
            // What is no text at all is for the real reader to refuse.
            let known = !name.is_string() || serde_json::from_value::<oci::Capability>(name.clone()).is_ok();
            let note =
                || format!("process.capabilities: {name} is not a capability that is known, and is left out");
            if !known && !notes.contains(&note()) {
                notes.push(note());
            }
            known
        });
    }
}

/// An empty list of CPUs is none (runtime-spec, config, "execCPUAffinity").
fn forget_empty_lists(process: &mut Value) {
    let affinity = process.get_mut("execCPUAffinity").and_then(Value::as_object_mut);
    affinity.into_iter().for_each(|affinity| affinity.retain(|_, list| list.as_str() != Some("")));
}

/// Two names of the specification are others in the library.
fn rename_flags(process: &mut Value) {
    let flags = process.get_mut("scheduler").and_then(|scheduler| scheduler.get_mut("flags"));
    for flag in flags.and_then(Value::as_array_mut).into_iter().flatten() {
        match flag.as_str() {
            Some("SCHED_FLAG_RESET_ON_FORK") => *flag = "SCHED_RESET_ON_FORK".into(),
            Some("SCHED_FLAG_DL_OVERRUN") => *flag = "SCHED_FLAG_D_L_OVERRUN".into(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn process(fields: &Value) -> Result<(oci::Process, Vec<String>), serde_json::Error> {
        let mut process = json!({ "cwd": "/", "user": { "uid": 0, "gid": 0 } });
        for (name, value) in fields.as_object().unwrap() {
            process[name] = value.clone();
        }
        crate::read_process(process.to_string().as_bytes())
    }

    #[test]
    fn a_capability_of_the_future_is_left_out_and_noted_once() {
        let sets = json!({ "bounding": ["CAP_CHOWN", "CAP_TIME_TRAVEL"], "permitted": ["CAP_TIME_TRAVEL"] });
        let (process, notes) = process(&json!({ "capabilities": sets })).unwrap();
        let sets = process.capabilities().clone().unwrap();
        assert_eq!(sets.bounding().as_ref().unwrap().len(), 1);
        assert_eq!(sets.permitted().as_ref().unwrap().len(), 0);
        assert!(matches!(notes.as_slice(), [note] if note.contains("CAP_TIME_TRAVEL")), "{notes:?}");
    }

    #[test]
    fn every_flag_of_the_specification_is_read() {
        let names = [
            "SCHED_FLAG_RESET_ON_FORK",
            "SCHED_FLAG_RECLAIM",
            "SCHED_FLAG_DL_OVERRUN",
            "SCHED_FLAG_KEEP_POLICY",
            "SCHED_FLAG_KEEP_PARAMS",
            "SCHED_FLAG_UTIL_CLAMP_MIN",
            "SCHED_FLAG_UTIL_CLAMP_MAX",
        ];
        let (process, notes) =
            process(&json!({ "scheduler": { "policy": "SCHED_OTHER", "flags": names } })).unwrap();
        assert!(notes.is_empty());
        let read = crate::Process::check(&process.clone()).err();
        assert!(read.is_some_and(|error| error.to_string().contains("process.args")));
        let attributes = crate::Attributes::check(&process).unwrap();
        assert_eq!(attributes.scheduling.unwrap().flags, names);
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for fields in [
            json!({ "scheduler": { "policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"] } }),
            json!({ "capabilities": { "bounding": [7] } }),
            json!({ "capabilities": { "bounding": ["CAP_X"] }, "args": 7 }),
        ] {
            assert!(process(&fields).is_err(), "{fields}");
        }
        assert!(crate::read_process(b"{").is_err());
    }
}
