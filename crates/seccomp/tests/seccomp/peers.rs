//! libseccomp's filter for the same profile gives the same answers.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use holm_seccomp::{Action, Arch, Condition, Instruction, Operator, Profile, Program, compile, number};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::machine::{Call, run};
use crate::{definition, given};

/// `SCMP_ARCH_*`: as `AUDIT_ARCH_*`, but for x32.
fn token(arch: Arch) -> u32 {
    if arch == Arch::X32 { 0x4000_003e } else { arch.audit() }
}

fn peer(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("python3")
        .args(["-c", include_str!("peer.py")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    child.stdin.take().unwrap().write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// What libseccomp knows, if it is there.
fn known() -> Option<Vec<(u32, String, u32)>> {
    match peer(&["numbers"], "") {
        Ok(text) => Some(
            text.lines()
                .map(|line| {
                    let mut words = line.split(' ');
                    let mut next = || words.next().unwrap();
                    (next().parse().unwrap(), next().to_owned(), next().parse().unwrap())
                })
                .collect(),
        ),
        Err(error) => {
            holm_testing::announce_omission(&format!("no libseccomp to compare with: {}", error.trim()));
            None
        }
    }
}

fn condition(condition: &Condition) -> String {
    let (number, a, b) = match condition.operator {
        Operator::NotEqual => (1, condition.value, 0),
        Operator::Less => (2, condition.value, 0),
        Operator::LessEqual => (3, condition.value, 0),
        Operator::Equal => (4, condition.value, 0),
        Operator::GreaterEqual => (5, condition.value, 0),
        Operator::Greater => (6, condition.value, 0),
        Operator::MaskedEqual(mask) => (7, mask, condition.value),
    };
    format!(" {} {number} {a} {b}", condition.index)
}

fn program(profile: &Profile) -> Program {
    let mut input = format!("default {}\n", definition::value(profile.default_action));
    for arch in &profile.architectures {
        input += &format!("arch {}\n", token(*arch));
    }
    for rule in &profile.rules {
        let conditions: String = rule.conditions.iter().map(condition).collect();
        for name in &rule.names {
            input += &format!("rule {} {name}{conditions}\n", definition::value(rule.action));
        }
    }
    let text = peer(&[], &input).expect("libseccomp takes the profile");
    text.trim().to_owned().try_into().expect("it is a program")
}

/// Both filters say the same, but for what is newer than the profile: there this one has `ENOSYS`, as runc's has.
fn agree(profile: &Profile, native: Arch, calls: &[Call]) -> Result<(), String> {
    let ours = compile(profile, native).unwrap();
    let theirs = program(profile);
    for call in calls {
        let answer = |instructions: &[Instruction]| run(instructions, call).0;
        let (ours, theirs) = (answer(ours.instructions()), answer(theirs.instructions()));
        if ours != theirs && !(ours == 0x50026 && newer(profile, native, call)) {
            return Err(format!("{call:x?}: {ours:#x}, and libseccomp has {theirs:#x} for {profile:x?}"));
        }
    }
    Ok(())
}

fn newer(profile: &Profile, native: Arch, call: &Call) -> bool {
    let named = |arch: &Arch| *arch == native || profile.architectures.contains(arch);
    let is_x32 = call.number >= 0x4000_0000 && call.audit == 0xc000_003e;
    let arch = Arch::ALL
        .into_iter()
        .find(|arch| named(arch) && arch.audit() == call.audit && (is_x32 == (*arch == Arch::X32)));
    arch.is_some_and(|arch| definition::is_newer(profile, arch, call.number))
}

#[test]
fn its_numbers_are_the_same() {
    let Some(known) = known() else { return };
    assert!(known.len() > 1500, "{}", known.len());
    for (other, name, expected) in known {
        let arch = Arch::ALL.into_iter().find(|arch| token(*arch) == other).unwrap();
        assert_eq!(number(&name, arch), Some(expected), "{name} of {arch:?}");
    }
}

/// A profile in which each name is in one rule, and the alternatives of a rule are values of one argument: of others, the
/// tree that libseccomp makes does not try all; nor is it sure of several conditions when one is about an order. With an architecture of 32 bits values have no more.
fn unambiguous() -> impl Strategy<Value = Profile> {
    given::profile().prop_map(|mut profile| {
        // Its 2.5.4 may forget to load the number of the call where an architecture does not have one that is named.
        let all: Vec<Arch> = profile.architectures.iter().copied().chain(Arch::native()).collect();
        let everywhere = |name: &str| all.iter().all(|arch| number(name, *arch).is_some());
        let mut seen = BTreeSet::new();
        let narrow = profile.architectures.iter().any(|arch| *arch != Arch::X86_64 && *arch != Arch::Aarch64);
        for rule in &mut profile.rules {
            rule.names.retain(|name| everywhere(name) && seen.insert(name.clone()));
            let indices: BTreeSet<u8> = rule.conditions.iter().map(|condition| condition.index).collect();
            for condition in rule.conditions.iter_mut().filter(|_| narrow) {
                condition.value &= 0xffff_ffff;
            }
            // It takes some bits of a value for masked that are not under the mask, and others not.
            for condition in &mut rule.conditions {
                if let Operator::MaskedEqual(mask) = condition.operator {
                    condition.value &= mask;
                }
            }
            if rule.conditions.iter().any(|condition| is_ordered(condition.operator)) {
                rule.conditions.truncate(1);
            }
            if indices.len() < rule.conditions.len() {
                for condition in &mut rule.conditions {
                    *condition = Condition { index: 2, operator: Operator::Equal, ..*condition };
                }
            }
        }
        profile
    })
}

fn is_ordered(operator: Operator) -> bool {
    !matches!(operator, Operator::Equal | Operator::NotEqual | Operator::MaskedEqual(_))
}

#[test]
fn its_filters_say_the_same() {
    let (Some(native), Some(_)) = (Arch::native(), known()) else { return };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: 40, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let values = proptest::collection::vec(proptest::array::uniform6(given::edge()), 4);
    let cases = (unambiguous(), values, 0_u64..26);
    runner
        .run(&cases, |(profile, values, first)| {
            let multiplexed = [first, values[0][1], values[1][2], 0, 0, 0];
            let arguments: Vec<_> = values.into_iter().chain([multiplexed]).collect();
            agree(&profile, native, &given::calls(&arguments)).map_err(TestCaseError::fail)
        })
        .unwrap();
}

#[test]
fn its_filter_for_many_calls_says_the_same() {
    let (Some(native), Some(known)) = (Arch::native(), known()) else { return };
    let mut names: Vec<String> = known.into_iter().map(|(_, name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let third: Vec<&str> = names.iter().step_by(3).map(String::as_str).collect();
    let some: Vec<&str> = names.iter().skip(1).step_by(9).map(String::as_str).collect();
    let conditions = [
        Condition { index: 0, operator: Operator::MaskedEqual(0x7e02_0000), value: 0 },
        Condition { index: 2, operator: Operator::Less, value: 40 },
    ];
    let rules = vec![given::rule(Action::Allow, &third, &[]), given::rule(Action::Trap, &some, &conditions)];
    let profile = Profile { default_action: Action::Errno(1), architectures: Arch::ALL.to_vec(), rules };
    let arguments = [[0; 6], [1, 2, 3, 4, 5, 6], [0x2_0000, 0, 40, 0, 0, 0], [u64::MAX; 6]];
    let numbers = (0..600).flat_map(|number| Arch::ALL.map(|arch| (number, arch)));
    let calls: Vec<Call> = numbers
        .flat_map(|(number, arch)| {
            let number = if arch == Arch::X32 { number | 0x4000_0000 } else { number };
            arguments.map(|arguments| Call { number, audit: arch.audit(), arguments })
        })
        .collect();
    agree(&profile, native, &calls).unwrap();
}
