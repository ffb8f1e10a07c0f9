//! A profile of system calls, made out of bytes: its program ends for every call, and answers as the definition of a profile says.
#![no_main]
#![allow(dead_code, reason = "the tests of the crate use more of it")]

#[path = "../../crates/seccomp/tests/seccomp/definition.rs"]
mod definition;
#[path = "../../crates/seccomp/tests/seccomp/machine.rs"]
mod machine;

use holm_seccomp::{Action, Arch, Condition, Error, Operator, Profile, Rule, compile};
use libfuzzer_sys::arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use machine::Call;

const NAMES: [&str; 16] = [
    "read",
    "write",
    "socket",
    "bind",
    "socketcall",
    "ipc",
    "semop",
    "clone",
    "mkdir",
    "personality",
    "stat64",
    "waitpid",
    "arch_prctl",
    "futex_waitv",
    "accept",
    "no_such_call",
];

fuzz_target!(|bytes: &[u8]| {
    let _ = ask(&mut Unstructured::new(bytes));
});

fn ask(bytes: &mut Unstructured<'_>) -> Result<()> {
    let native = *bytes.choose(&Arch::ALL)?;
    let profile = profile(bytes)?;
    let program = match compile(&profile, native) {
        Ok(program) => program,
        Err(error) => {
            assert_eq!(error, Error::TooLong);
            return Ok(());
        }
    };
    let numbers = profile
        .rules
        .iter()
        .flat_map(|rule| &rule.names)
        .filter_map(|name| holm_seccomp::number(name, native));
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.push(u32::arbitrary(bytes)?);
    for number in numbers {
        let audit = bytes.choose(&Arch::ALL)?.audit();
        let call = Call { number, audit, arguments: <[u64; 6]>::arbitrary(bytes)? };
        let (answer, _) = machine::run(program.instructions(), &call);
        assert_eq!(answer, definition::evaluate(&profile, native, &call), "{call:x?} of {profile:?}");
    }
    Ok(())
}

fn profile(bytes: &mut Unstructured<'_>) -> Result<Profile> {
    let default_action = action(bytes)?;
    let architectures =
        (0..bytes.int_in_range(0..=4)?).map(|_| bytes.choose(&Arch::ALL).copied()).collect::<Result<_>>()?;
    let rules = (0..bytes.int_in_range(0..=8)?).map(|_| rule(bytes)).collect::<Result<_>>()?;
    Ok(Profile { default_action, architectures, rules })
}

fn rule(bytes: &mut Unstructured<'_>) -> Result<Rule> {
    let names = (0..bytes.int_in_range(0..=4)?).map(|_| bytes.choose(&NAMES).map(|name| (*name).to_owned()));
    let names = names.collect::<Result<_>>()?;
    let action = action(bytes)?;
    let conditions = (0..bytes.int_in_range(0..=4)?).map(|_| condition(bytes)).collect::<Result<_>>()?;
    Ok(Rule { names, action, conditions })
}

fn condition(bytes: &mut Unstructured<'_>) -> Result<Condition> {
    let value = u64::arbitrary(bytes)?;
    let operator = match bytes.int_in_range(0..=6)? {
        0 => Operator::NotEqual,
        1 => Operator::Less,
        2 => Operator::LessEqual,
        3 => Operator::Equal,
        4 => Operator::GreaterEqual,
        5 => Operator::Greater,
        _ => Operator::MaskedEqual(u64::arbitrary(bytes)?),
    };
    Ok(Condition { index: bytes.int_in_range(0..=5)?, operator, value })
}

fn action(bytes: &mut Unstructured<'_>) -> Result<Action> {
    Ok(match bytes.int_in_range(0..=7)? {
        0 => Action::KillThread,
        1 => Action::KillProcess,
        2 => Action::Trap,
        3 => Action::Errno(bytes.int_in_range(0..=4095)?),
        4 => Action::Trace(u16::arbitrary(bytes)?),
        5 => Action::Allow,
        6 => Action::Log,
        _ => Action::Notify,
    })
}
