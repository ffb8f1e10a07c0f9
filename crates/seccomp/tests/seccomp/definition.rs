//! What a profile means, said once more and slowly.

use holm_seccomp::{Action, Arch, Condition, Operator, Profile, Rule, number};

use crate::machine::Call;

const X32_BIT: u32 = 0x4000_0000;

pub(crate) fn value(action: Action) -> u32 {
    match action {
        Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x30000,
        Action::Errno(number) => 0x50000 + u32::from(number),
        Action::Trace(number) => 0x7ff0_0000 + u32::from(number),
        Action::Allow => 0x7fff_0000,
        Action::Log => 0x7ffc_0000,
        Action::Notify => 0x7fc0_0000,
    }
}

/// The architecture that a call is of, if the filter has it.
fn arch(profile: &Profile, native: Arch, call: &Call) -> Option<Arch> {
    let has = |arch: &Arch| *arch == native || profile.architectures.contains(arch);
    let is_x32 = call.audit == Arch::X32.audit() && call.number >= X32_BIT;
    let wanted = |arch: &Arch| arch.audit() == call.audit && is_x32 == (*arch == Arch::X32);
    Arch::ALL.into_iter().find(|arch| wanted(arch) && has(arch))
}

/// The name and argument by which x86 multiplexes.
const SOCKETCALL: [(&str, u64); 20] = [
    ("socket", 1),
    ("bind", 2),
    ("connect", 3),
    ("listen", 4),
    ("accept", 5),
    ("getsockname", 6),
    ("getpeername", 7),
    ("socketpair", 8),
    ("send", 9),
    ("recv", 10),
    ("sendto", 11),
    ("recvfrom", 12),
    ("shutdown", 13),
    ("setsockopt", 14),
    ("getsockopt", 15),
    ("sendmsg", 16),
    ("recvmsg", 17),
    ("accept4", 18),
    ("recvmmsg", 19),
    ("sendmmsg", 20),
];
const IPC: [(&str, u64); 12] = [
    ("semop", 1),
    ("semget", 2),
    ("semctl", 3),
    ("semtimedop", 4),
    ("msgsnd", 11),
    ("msgrcv", 12),
    ("msgget", 13),
    ("msgctl", 14),
    ("shmat", 21),
    ("shmdt", 22),
    ("shmget", 23),
    ("shmctl", 24),
];

/// What the filter has to answer.
pub(crate) fn evaluate(profile: &Profile, native: Arch, call: &Call) -> u32 {
    let Some(arch) = arch(profile, native, call) else {
        let skipped = call.number == u32::MAX && call.audit == 0xc000_003e;
        let amd64 = native == Arch::X86_64 || profile.architectures.contains(&Arch::X86_64);
        return value(if skipped && amd64 { profile.default_action } else { Action::KillThread });
    };
    if is_newer(profile, arch, call.number) {
        return value(Action::Errno(38));
    }
    let counting = || profile.rules.iter().filter(|rule| rule.action != profile.default_action);
    let direct = |rule: &&Rule| rule.names.iter().any(|name| number(name, arch) == Some(call.number));
    if let Some(rule) = counting().filter(direct).find(|rule| rule.conditions.is_empty()) {
        return value(rule.action);
    }
    let found = counting().find(|rule| {
        (direct(rule) && any_clause(rule, arch, call, false)) || (arch == Arch::X86 && through(rule, call))
    });
    value(found.map_or(profile.default_action, |rule| rule.action))
}

pub(crate) fn is_newer(profile: &Profile, arch: Arch, called: u32) -> bool {
    let permissive = matches!(profile.default_action, Action::Allow | Action::Log | Action::Trace(_));
    let names = profile.rules.iter().flat_map(|rule| &rule.names);
    let direct = names.clone().filter_map(|name| number(name, arch));
    let through = names.filter(|_| arch == Arch::X86).filter_map(|name| {
        let among = |list: &[(&str, u64)]| list.iter().any(|(other, _)| other == name);
        if among(&SOCKETCALL) { Some(102) } else { among(&IPC).then_some(117) }
    });
    let last = direct.chain(through).max();
    !permissive && last.is_some_and(|last| called > last)
}

fn through(rule: &Rule, call: &Call) -> bool {
    let list: &[_] = match call.number {
        102 => &SOCKETCALL,
        117 => &IPC,
        _ => return false,
    };
    let which = list.iter().find(|(_, argument)| *argument == call.arguments[0] & 0xffff_ffff);
    which.is_some_and(|(name, _)| rule.names.iter().any(|other| other == name))
        && any_clause(rule, Arch::X86, call, true)
}

fn any_clause(rule: &Rule, arch: Arch, call: &Call, but_first: bool) -> bool {
    let of = |index| rule.conditions.iter().filter(move |condition| condition.index == index).count();
    let holds = |condition: &Condition| (but_first && condition.index == 0) || holds(condition, arch, call);
    if (0..6).any(|index| of(index) > 1) {
        rule.conditions.iter().any(holds)
    } else {
        rule.conditions.iter().all(holds)
    }
}

fn holds(condition: &Condition, arch: Arch, call: &Call) -> bool {
    let cut = |value: u64| {
        if matches!(arch, Arch::X86 | Arch::Arm | Arch::X32) { value & 0xffff_ffff } else { value }
    };
    let (argument, value) = (cut(call.arguments[usize::from(condition.index)]), cut(condition.value));
    match condition.operator {
        Operator::NotEqual => argument != value,
        Operator::Less => argument < value,
        Operator::LessEqual => argument <= value,
        Operator::Equal => argument == value,
        Operator::GreaterEqual => argument >= value,
        Operator::Greater => argument > value,
        Operator::MaskedEqual(mask) => argument & cut(mask) == value,
    }
}
