//! The words of `linux.seccomp` that are carried out, for who asks what a runtime can do (runtime-spec, features.md).

/// Actions.
pub const ACTIONS: &[&str] = &[
    "SCMP_ACT_ALLOW",
    "SCMP_ACT_ERRNO",
    "SCMP_ACT_KILL",
    "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_NOTIFY",
    "SCMP_ACT_TRACE",
    "SCMP_ACT_TRAP",
];

/// Operators.
pub const OPERATORS: &[&str] = &[
    "SCMP_CMP_EQ",
    "SCMP_CMP_GE",
    "SCMP_CMP_GT",
    "SCMP_CMP_LE",
    "SCMP_CMP_LT",
    "SCMP_CMP_MASKED_EQ",
    "SCMP_CMP_NE",
];

/// Architectures whose system calls are filtered.
pub const ARCHITECTURES: &[&str] =
    &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM", "SCMP_ARCH_X32", "SCMP_ARCH_X86", "SCMP_ARCH_X86_64"];

/// Flags.
pub const FLAGS: &[&str] = &[
    "SECCOMP_FILTER_FLAG_LOG",
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
    "SECCOMP_FILTER_FLAG_TSYNC",
    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn taken(section: &Value) -> crate::Seccomp {
        crate::Seccomp::check(&serde_json::from_value(section.clone()).unwrap()).unwrap()
    }

    #[test]
    fn each_word_is_taken() {
        let with = |rule: Value| {
            taken(&json!({
                "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent", "architectures": ARCHITECTURES, "flags": FLAGS,
                "syscalls": [rule],
            }))
        };
        for action in ACTIONS {
            let seccomp = with(json!({ "names": ["mkdir"], "action": action }));
            assert_eq!(seccomp.profile.architectures.len(), ARCHITECTURES.len(), "{action}");
        }
        for op in OPERATORS {
            let args = json!([{ "index": 0, "value": 1, "op": op }]);
            let seccomp = with(json!({ "names": ["mkdir"], "action": "SCMP_ACT_TRAP", "args": args }));
            assert_eq!(seccomp.profile.rules[0].conditions.len(), 1, "{op}");
        }
    }
}
