//! Profiles, and calls to ask them about.

use holm_seccomp::{Action, Arch, Condition, Operator, Profile, Rule};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::machine::Call;

/// Names that some, all, or few architectures have, and some that none has.
pub(crate) const NAMES: [&str; 32] = [
    "read",
    "write",
    "open",
    "openat",
    "close",
    "socket",
    "bind",
    "socketcall",
    "ipc",
    "semop",
    "shmat",
    "clone",
    "clone3",
    "mkdir",
    "mkdirat",
    "personality",
    "stat64",
    "waitpid",
    "set_tls",
    "arch_prctl",
    "getuid32",
    "futex_waitv",
    "send",
    "accept",
    "mmap2",
    "mmap",
    "iopl",
    "fchmodat2",
    "ptrace",
    "kexec_load",
    "statx",
    "no_such_call",
];

/// Values around the limits of halves.
const EDGES: [u64; 12] = [
    0,
    1,
    2,
    5,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    0xffff_fffe_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];

pub(crate) fn rule(action: Action, names: &[&str], conditions: &[Condition]) -> Rule {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Rule { names, action, conditions: conditions.to_vec() }
}

pub(crate) fn edge() -> impl Strategy<Value = u64> {
    prop_oneof![4 => proptest::sample::select(&EDGES[..]), 1 => any::<u64>()]
}

pub(crate) fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::KillThread),
        Just(Action::KillProcess),
        Just(Action::Trap),
        (0_u16..4096).prop_map(Action::Errno),
        any::<u16>().prop_map(Action::Trace),
        Just(Action::Allow),
        Just(Action::Log),
        Just(Action::Notify),
    ]
}

pub(crate) fn condition() -> impl Strategy<Value = Condition> {
    let operator = prop_oneof![
        Just(Operator::NotEqual),
        Just(Operator::Less),
        Just(Operator::LessEqual),
        Just(Operator::Equal),
        Just(Operator::GreaterEqual),
        Just(Operator::Greater),
        edge().prop_map(Operator::MaskedEqual),
    ];
    (0_u8..6, operator, edge()).prop_map(|(index, operator, value)| Condition { index, operator, value })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let names = vec(proptest::sample::select(&NAMES[..]), 0..5);
    (action(), names, vec(condition(), 0..4))
        .prop_map(|(action, names, conditions)| rule(action, &names, &conditions))
}

pub(crate) fn profile() -> impl Strategy<Value = Profile> {
    let architectures = vec(proptest::sample::select(&Arch::ALL[..]), 0..6);
    (action(), architectures, vec(any_rule(), 0..12))
        .prop_map(|(default_action, architectures, rules)| Profile { default_action, architectures, rules })
}

/// Calls that a profile may have something to say about: each name on each architecture, and the numbers beside.
pub(crate) fn calls(arguments: &[[u64; 6]]) -> Vec<Call> {
    let numbers = Arch::ALL.into_iter().flat_map(|arch| {
        let of_names = NAMES.iter().filter_map(move |name| holm_seccomp::number(name, arch));
        let beside = of_names.flat_map(|number| [number.wrapping_sub(1), number, number + 1]);
        beside
            .chain([0, 471, 999, 0x3fff_ffff, 0x4000_0000, 0x4000_0fff, 0x8000_0000, u32::MAX - 1, u32::MAX])
            .map(move |number| (number, arch.audit()))
    });
    let mut numbers: Vec<_> = numbers.chain([(0, 0), (1, 0xc000_00f3)]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
        .into_iter()
        .flat_map(|(number, audit)| {
            arguments.iter().map(move |arguments| Call { number, audit, arguments: *arguments })
        })
        .collect()
}
