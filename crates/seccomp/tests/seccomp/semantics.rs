//! Single facts, each said once.

use holm_seccomp::{Action, Arch, Condition, Error, Operator, Profile, Rule, compile, number};

use crate::given::rule;
use crate::machine::{Call, run};

fn profile(default_action: Action, rules: Vec<Rule>) -> Profile {
    Profile { default_action, architectures: Vec::new(), rules }
}

fn answer(profile: &Profile, name: &str, arguments: [u64; 6]) -> u32 {
    let number = number(name, Arch::X86_64).unwrap();
    ask(profile, number, Arch::X86_64, arguments)
}

fn ask(profile: &Profile, number: u32, arch: Arch, arguments: [u64; 6]) -> u32 {
    let program = compile(profile, Arch::X86_64).unwrap();
    run(program.instructions(), &Call { number, audit: arch.audit(), arguments }).0
}

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x50001;
const ENOSYS: u32 = 0x50000 + 38;

fn condition(index: u8, operator: Operator, value: u64) -> Condition {
    Condition { index, operator, value }
}

#[test]
fn each_action_is_the_value_that_the_kernel_knows() {
    for (action, value) in [
        (Action::KillThread, 0),
        (Action::KillProcess, 0x8000_0000),
        (Action::Trap, 0x30000),
        (Action::Errno(1), EPERM),
        (Action::Trace(7), 0x7ff0_0007),
        (Action::Log, 0x7ffc_0000),
        (Action::Notify, 0x7fc0_0000),
    ] {
        let profile = profile(Action::Allow, vec![rule(action, &["mkdir"], &[])]);
        assert_eq!(answer(&profile, "mkdir", [0; 6]), value, "{action:?}");
        assert_eq!(answer(&profile, "rmdir", [0; 6]), ALLOW, "{action:?}");
    }
}

#[test]
fn conditions_of_a_rule_hold_together_and_rules_stand_beside_each_other() {
    let both = [condition(0, Operator::Equal, 1), condition(1, Operator::Greater, 5)];
    let other = [condition(2, Operator::Equal, 9)];
    let rules = vec![rule(Action::Errno(1), &["dup3"], &both), rule(Action::Trap, &["dup3"], &other)];
    let profile = profile(Action::Allow, rules);
    assert_eq!(answer(&profile, "dup3", [1, 6, 0, 0, 0, 0]), EPERM);
    assert_eq!(answer(&profile, "dup3", [1, 5, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer(&profile, "dup3", [1, 5, 9, 0, 0, 0]), 0x30000);
    assert_eq!(answer(&profile, "dup3", [1, 6, 9, 0, 0, 0]), EPERM, "the first one decides");
}

#[test]
fn two_conditions_on_one_argument_are_two_rules() {
    let either = [condition(0, Operator::Equal, 1), condition(0, Operator::Equal, 3)];
    let profile = profile(Action::Allow, vec![rule(Action::Errno(1), &["dup3"], &either)]);
    for (value, expected) in [(1, EPERM), (2, ALLOW), (3, EPERM)] {
        assert_eq!(answer(&profile, "dup3", [value, 0, 0, 0, 0, 0]), expected);
    }
}

#[test]
fn what_is_newer_than_the_profile_is_not_there() {
    let rules = || vec![rule(Action::Allow, &["read", "openat2"], &[])];
    let newest = number("openat2", Arch::X86_64).unwrap();
    for default in [Action::Errno(1), Action::KillProcess, Action::Trap] {
        let profile = profile(default, rules());
        assert_eq!(ask(&profile, newest + 1, Arch::X86_64, [0; 6]), ENOSYS, "{default:?}");
        assert_ne!(ask(&profile, newest - 1, Arch::X86_64, [0; 6]), ENOSYS, "{default:?}");
    }
    for default in [Action::Allow, Action::Log, Action::Trace(1)] {
        let profile = profile(default, rules());
        assert_ne!(ask(&profile, newest + 1, Arch::X86_64, [0; 6]), ENOSYS, "{default:?}");
    }
}

#[test]
fn another_architecture_kills_unless_it_is_named() {
    let mut profile = profile(Action::Allow, vec![rule(Action::Errno(1), &["mkdir"], &[])]);
    let mkdir = |arch| number("mkdir", arch).unwrap();
    for arch in [Arch::X86, Arch::X32, Arch::Arm] {
        assert_eq!(ask(&profile, mkdir(arch), arch, [0; 6]), 0, "{arch:?}");
    }
    profile.architectures = vec![Arch::X86, Arch::X32, Arch::Arm];
    for arch in [Arch::X86, Arch::X32, Arch::Arm] {
        assert_eq!(ask(&profile, mkdir(arch), arch, [0; 6]), EPERM, "{arch:?}");
    }
    assert_eq!(ask(&profile, 1030, Arch::Aarch64, [0; 6]), 0);
}

#[test]
fn a_search_is_short() {
    // Their numbers are even, so that no two of them share a range.
    let names = [
        "read",
        "open",
        "stat",
        "lstat",
        "lseek",
        "mprotect",
        "brk",
        "rt_sigprocmask",
        "ioctl",
        "pwrite64",
        "writev",
    ];
    let profile = profile(Action::Errno(1), vec![rule(Action::Allow, &names, &[])]);
    let program = compile(&profile, Arch::X86_64).unwrap();
    for number in 0..500 {
        let call = Call { number, audit: Arch::X86_64.audit(), arguments: [0; 6] };
        let (_, steps) = run(program.instructions(), &call);
        assert!(steps <= 14, "{steps} instructions for {number}");
    }
}

#[test]
fn what_the_kernel_would_not_take_is_refused() {
    let many: Vec<Condition> = (0..2000).map(|value| condition(0, Operator::Equal, value)).collect();
    let profile = profile(Action::Allow, vec![rule(Action::Errno(1), &["dup3"], &many)]);
    assert_eq!(compile(&profile, Arch::X86_64), Err(Error::TooLong));
}
