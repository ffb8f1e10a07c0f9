//! `linux.seccomp`.

use holm_seccomp::{Action, Arch, Condition, Flags, Listener, Operator, Profile, Rule};
use oci_spec::runtime::{
    Arch as OciArch, LinuxSeccomp, LinuxSeccompAction as OciAction, LinuxSeccompArg, LinuxSeccompFilterFlag,
    LinuxSeccompOperator as OciOperator, LinuxSyscall,
};

use crate::Error;

/// `EPERM`, where the configuration says no other.
const EPERM: u32 = 1;
/// The kernel takes no larger error number (`MAX_ERRNO`).
const LARGEST_ERRNO: u32 = 4095;
/// System calls that cannot be notified: whoever loads the filter makes them before the listener is where it belongs.
const NEVER_NOTIFIED: [&str; 2] = ["write", "sendmsg"];

/// The filter of system calls, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seccomp {
    /// What it allows.
    pub profile: Profile,
    /// How it is loaded.
    pub flags: Flags,
    /// Who decides about what is notified; only there when something is.
    pub listener: Option<Listener>,
}

impl Seccomp {
    pub(crate) fn check(seccomp: &LinuxSeccomp) -> Result<Self, Error> {
        let default_action = action(
            seccomp.default_action(),
            seccomp.default_errno_ret(),
            "linux.seccomp.defaultAction",
            "linux.seccomp.defaultErrnoRet",
        )?;
        if default_action == Action::Notify {
            let allowed = "any other action: whoever loads the filter could not tell the listener";
            return Err(Error::invalid("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY", allowed));
        }
        let rules = seccomp.syscalls().iter().flatten().enumerate();
        let profile = Profile {
            default_action,
            architectures: seccomp.architectures().iter().flatten().filter_map(|arch| known(*arch)).collect(),
            rules: rules.map(|(index, rule)| check_rule(rule, index)).collect::<Result<_, _>>()?,
        };
        let listener = if profile.notifies() { Some(listener(seccomp)?) } else { None };
        Ok(Self { profile, flags: flags(seccomp.flags().as_deref()), listener })
    }
}

/// Where nothing is said the filter does not slow the processor down, as with other runtimes. For a process of one thread,
/// as the one that loads it is, `TSYNC` means nothing.
fn flags(words: Option<&[LinuxSeccompFilterFlag]>) -> Flags {
    let has = |flag| words.is_some_and(|words| words.contains(&flag));
    Flags {
        log: has(LinuxSeccompFilterFlag::SeccompFilterFlagLog),
        spec_allow: words.is_none() || has(LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow),
        wait_killable: has(LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv),
    }
}

/// A socket of the host; the length of its address is unix(7)'s.
fn listener(seccomp: &LinuxSeccomp) -> Result<Listener, Error> {
    const FIELD: &str = "linux.seccomp.listenerPath";
    let allowed = "an absolute path of a socket, of at most 107 bytes: an action is SCMP_ACT_NOTIFY";
    let path = seccomp.listener_path().clone().unwrap_or_default();
    if path.as_os_str().is_empty() {
        return Err(Error::invalid(FIELD, "not set", allowed));
    }
    let bytes = path.as_os_str().as_encoded_bytes();
    if !path.is_absolute() || bytes.len() > 107 || bytes.contains(&0) {
        return Err(Error::invalid(FIELD, format!("{path:?}"), allowed));
    }
    Ok(Listener { path, metadata: seccomp.listener_metadata().clone().unwrap_or_default() })
}

fn check_rule(rule: &LinuxSyscall, index: usize) -> Result<Rule, Error> {
    let field = |member: &str| format!("linux.seccomp.syscalls[{index}].{member}");
    if rule.names().is_empty() {
        return Err(Error::invalid(field("names"), "empty", "one name or more"));
    }
    let action = action(rule.action(), rule.errno_ret(), &field("action"), &field("errnoRet"))?;
    for (at, name) in rule.names().iter().enumerate() {
        let named =
            |value: &str, allowed: &str| Error::invalid(field(&format!("names[{at}]")), value, allowed);
        if name.is_empty() {
            return Err(named("\"\"", "the name of a system call"));
        }
        if action == Action::Notify && NEVER_NOTIFIED.contains(&name.as_str()) {
            let allowed = "any other call with SCMP_ACT_NOTIFY: by this one the listener is handed over";
            return Err(named(&format!("{name:?}"), allowed));
        }
    }
    let conditions = rule.args().iter().flatten().enumerate();
    Ok(Rule {
        names: rule.names().clone(),
        action,
        conditions: conditions
            .map(|(at, argument)| condition(argument, &field(&format!("args[{at}].index"))))
            .collect::<Result<_, _>>()?,
    })
}

fn condition(argument: &LinuxSeccompArg, field: &str) -> Result<Condition, Error> {
    let index = u8::try_from(argument.index()).ok().filter(|index| *index < 6);
    let index = index.ok_or_else(|| Error::invalid(field, argument.index(), "0 to 5"))?;
    let (value, two) = (argument.value(), argument.value_two().unwrap_or(0));
    let (operator, value) = match argument.op() {
        OciOperator::ScmpCmpNe => (Operator::NotEqual, value),
        OciOperator::ScmpCmpLt => (Operator::Less, value),
        OciOperator::ScmpCmpLe => (Operator::LessEqual, value),
        OciOperator::ScmpCmpEq => (Operator::Equal, value),
        OciOperator::ScmpCmpGe => (Operator::GreaterEqual, value),
        OciOperator::ScmpCmpGt => (Operator::Greater, value),
        OciOperator::ScmpCmpMaskedEq => (Operator::MaskedEqual(value), two),
    };
    Ok(Condition { index, operator, value })
}

/// What the specification asks for: a number where an action has none is an error.
fn action(action: OciAction, number: Option<u32>, field: &str, number_field: &str) -> Result<Action, Error> {
    let within = |largest: u32| {
        let number = number.unwrap_or(EPERM);
        let small = u16::try_from(number).ok().filter(|_| number <= largest);
        small.ok_or_else(|| Error::invalid(number_field, number, format!("0 to {largest}")))
    };
    let action = match action {
        OciAction::ScmpActErrno => return within(LARGEST_ERRNO).map(Action::Errno),
        OciAction::ScmpActTrace => return within(u32::from(u16::MAX)).map(Action::Trace),
        OciAction::ScmpActKill | OciAction::ScmpActKillThread => Action::KillThread,
        OciAction::ScmpActKillProcess => Action::KillProcess,
        OciAction::ScmpActTrap => Action::Trap,
        OciAction::ScmpActNotify => Action::Notify,
        OciAction::ScmpActLog => Action::Log,
        OciAction::ScmpActAllow => Action::Allow,
    };
    match number {
        None => Ok(action),
        Some(number) => {
            let allowed = format!("left out, or {field} to be SCMP_ACT_ERRNO or SCMP_ACT_TRACE");
            Err(Error::invalid(number_field, number, allowed))
        }
    }
}

/// An architecture whose processes this machine could run. Of another one no call will ever come.
fn known(arch: OciArch) -> Option<Arch> {
    match arch {
        OciArch::ScmpArchNative => Arch::native(),
        OciArch::ScmpArchX86 => Some(Arch::X86),
        OciArch::ScmpArchX86_64 => Some(Arch::X86_64),
        OciArch::ScmpArchX32 => Some(Arch::X32),
        OciArch::ScmpArchArm => Some(Arch::Arm),
        OciArch::ScmpArchAarch64 => Some(Arch::Aarch64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(section: Value) -> Result<Seccomp, Error> {
        Seccomp::check(&serde_json::from_value(section).unwrap())
    }

    fn refused(section: Value) -> String {
        match check(section).unwrap_err() {
            Error::Invalid { field, .. } => field,
            other => panic!("{other}"),
        }
    }

    fn with_rule(rule: &Value) -> Value {
        json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/run/agent", "syscalls": [rule] })
    }

    #[test]
    fn a_number_goes_with_errno_and_trace_alone() {
        let rule =
            |action: &str, number: u32| json!({ "names": ["mkdir"], "action": action, "errnoRet": number });
        for (action, number, expected) in
            [("SCMP_ACT_ERRNO", 4095, Action::Errno(4095)), ("SCMP_ACT_TRACE", 65535, Action::Trace(65535))]
        {
            assert_eq!(check(with_rule(&rule(action, number))).unwrap().profile.rules[0].action, expected);
        }
        for (action, number) in [
            ("SCMP_ACT_ERRNO", 4096),
            ("SCMP_ACT_TRACE", 65536),
            ("SCMP_ACT_KILL", 1),
            ("SCMP_ACT_LOG", 0),
            ("SCMP_ACT_NOTIFY", 1),
        ] {
            assert_eq!(
                refused(with_rule(&rule(action, number))),
                "linux.seccomp.syscalls[0].errnoRet",
                "{action}"
            );
        }
        let default = json!({ "defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1 });
        assert_eq!(refused(default), "linux.seccomp.defaultErrnoRet");
    }

    #[test]
    fn where_no_number_is_said_it_is_eperm() {
        let section = json!({ "defaultAction": "SCMP_ACT_ERRNO" });
        assert_eq!(check(section).unwrap().profile.default_action, Action::Errno(1));
    }

    #[test]
    fn what_cannot_be_notified_is_refused() {
        let rule = |name: &str| json!({ "names": ["mkdir", name], "action": "SCMP_ACT_NOTIFY" });
        for name in NEVER_NOTIFIED {
            assert_eq!(refused(with_rule(&rule(name))), "linux.seccomp.syscalls[0].names[1]");
        }
        assert!(check(with_rule(&rule("openat"))).unwrap().listener.is_some());
        let mut section = with_rule(&rule("openat"));
        for path in ["", "relative"] {
            section["listenerPath"] = path.into();
            assert_eq!(refused(section.clone()), "linux.seccomp.listenerPath");
        }
        assert_eq!(refused(json!({ "defaultAction": "SCMP_ACT_NOTIFY" })), "linux.seccomp.defaultAction");
    }

    #[test]
    fn a_listener_without_anything_to_hear_is_passed_over() {
        let section =
            json!({ "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/nowhere", "listenerMetadata": "x" });
        assert_eq!(check(section).unwrap().listener, None);
    }

    #[test]
    fn conditions_are_those_of_the_specification() {
        let rule = json!({ "names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [
            { "index": 0, "value": 240, "valueTwo": 16, "op": "SCMP_CMP_MASKED_EQ" },
            { "index": 5, "value": u64::MAX, "op": "SCMP_CMP_GE" },
        ] });
        let conditions = check(with_rule(&rule)).unwrap().profile.rules[0].conditions.clone();
        assert_eq!(
            conditions,
            [
                Condition { index: 0, operator: Operator::MaskedEqual(240), value: 16 },
                Condition { index: 5, operator: Operator::GreaterEqual, value: u64::MAX },
            ]
        );
        let rule = json!({ "names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [{ "index": 6, "value": 0, "op": "SCMP_CMP_EQ" }] });
        assert_eq!(refused(with_rule(&rule)), "linux.seccomp.syscalls[0].args[0].index");
    }

    #[test]
    fn flags_have_a_default_when_nothing_is_said() {
        let with =
            |flags: Value| check(json!({ "defaultAction": "SCMP_ACT_ALLOW", "flags": flags })).unwrap().flags;
        assert!(check(json!({ "defaultAction": "SCMP_ACT_ALLOW" })).unwrap().flags.spec_allow);
        assert_eq!(with(json!([])), Flags::default());
        assert_eq!(with(json!(["SECCOMP_FILTER_FLAG_TSYNC"])), Flags::default());
        assert!(with(json!(["SECCOMP_FILTER_FLAG_LOG"])).log);
    }
}
