//! From a profile to a program.
//!
//! For each architecture the numbers of the system calls become ranges that share what becomes of them, and the ranges a
//! binary search: a profile of four hundred calls is about a hundred instructions, of which one call runs through ten.

use crate::assemble::{Assembler, Branch, Label, Test};
use crate::syscalls::{self, X32_BIT};
use crate::{Action, Arch, Condition, Error, Operator, Profile, Program, Rule, condition};

/// `ENOSYS`, the same on all of these architectures.
const ENOSYS: u16 = 38;
/// What is killed here is a thread, as with libseccomp.
const BAD_ARCHITECTURE: Action = Action::KillThread;
/// A tracer's way to pass a call over: no call of any architecture.
const SKIPPED: u32 = u32::MAX;

/// Where the number and the architecture are in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// Compiles a profile for a machine whose native architecture is `native`.
///
/// # Errors
///
/// When the program would be longer than the kernel takes.
pub fn compile(profile: &Profile, native: Arch) -> Result<Program, Error> {
    let rules: Vec<Resolved<'_>> = profile.rules.iter().map(|rule| Resolved::of(rule, profile)).collect();
    let mut to = Assembler::default();
    let bad = to.give_back(BAD_ARCHITECTURE.value());
    let mut next = bad;
    for section in sections(&architectures(profile, native)) {
        let ranges = section_ranges(profile, &rules, section);
        let search = write_search(&mut to, profile, &rules, &ranges);
        let number = to.load(NUMBER, search);
        let audit = section.iter().find_map(|arch| *arch).map_or(0, Arch::audit);
        next = to.jump(Test::Equal, audit, Branch { yes: number, no: next });
        if to.is_too_long() {
            return Err(Error::TooLong);
        }
    }
    to.load(ARCHITECTURE, next);
    to.finish()
}

/// The native one, and the others, each once.
fn architectures(profile: &Profile, native: Arch) -> Vec<Arch> {
    let mut all = vec![native];
    for arch in &profile.architectures {
        if !all.contains(arch) {
            all.push(*arch);
        }
    }
    all
}

/// One that has numbers below the bit of x32, and x32.
type Section = [Option<Arch>; 2];

/// Those that a filter can tell by `AUDIT_ARCH_*`; the one that is asked for last in the program comes first.
fn sections(architectures: &[Arch]) -> Vec<Section> {
    let has = |arch| architectures.contains(&arch).then_some(arch);
    let amd64 = [has(Arch::X86_64), has(Arch::X32)];
    let mut sections: Vec<Section> =
        [amd64, [has(Arch::Aarch64), None], [has(Arch::Arm), None], [has(Arch::X86), None]]
            .into_iter()
            .filter(|section| *section != [None, None])
            .collect();
    let native = architectures.first().copied();
    sections.sort_by_key(|section| section.contains(&native) && native.is_some());
    sections
}

/// A rule, with what is known of its names.
struct Resolved<'a> {
    rule: &'a Rule,
    /// Whether it changes anything.
    counts: bool,
    /// Alternatives, each of conditions that hold together; none for a rule that always holds.
    clauses: Vec<&'a [Condition]>,
    rows: Vec<&'static syscalls::Row>,
}

impl<'a> Resolved<'a> {
    fn of(rule: &'a Rule, profile: &Profile) -> Self {
        let counts = rule.action != profile.default_action;
        let rows = rule.names.iter().filter_map(|name| syscalls::find(name)).collect();
        Self { rule, counts, clauses: clauses(&rule.conditions), rows }
    }
}

/// Two conditions on one argument make each condition an alternative, as older libraries had it.
fn clauses(conditions: &[Condition]) -> Vec<&[Condition]> {
    let mut seen = [false; 256];
    let twice = conditions.iter().any(|condition| {
        seen.get_mut(usize::from(condition.index)).is_some_and(|seen| std::mem::replace(seen, true))
    });
    match conditions {
        [] => Vec::new(),
        _ if twice => conditions.chunks(1).collect(),
        _ => vec![conditions],
    }
}

/// A rule for one number: which, and for a call through another one what its first argument is then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    number: u32,
    rule: usize,
    through: Option<u32>,
}

/// What becomes of a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Return(Action),
    /// Rules are asked, in this order.
    Ask(Arch, Vec<(usize, Option<u32>)>),
}

/// The first number, and what becomes of it and of those up to the next range.
type Range = (u32, Target);

/// The ranges of a section, from 0 on.
fn section_ranges(profile: &Profile, rules: &[Resolved<'_>], [low, x32]: Section) -> Vec<Range> {
    let mut ranges = Vec::new();
    match low {
        Some(arch) => arch_ranges(&mut ranges, 0, profile, rules, arch),
        None => push(&mut ranges, 0, Target::Return(BAD_ARCHITECTURE)),
    }
    match x32 {
        Some(arch) => arch_ranges(&mut ranges, X32_BIT, profile, rules, arch),
        None if low == Some(Arch::X86_64) => {
            push(&mut ranges, X32_BIT, Target::Return(BAD_ARCHITECTURE));
            push(&mut ranges, SKIPPED, Target::Return(profile.default_action));
        }
        None => {}
    }
    ranges
}

fn arch_ranges(ranges: &mut Vec<Range>, first: u32, profile: &Profile, rules: &[Resolved<'_>], arch: Arch) {
    let (entries, last) = entries(rules, arch);
    let mut next = first;
    for group in entries.chunk_by(|a, b| a.number == b.number) {
        let Some(number) = group.first().map(|entry| entry.number) else { continue };
        if number > next {
            push(ranges, next, Target::Return(profile.default_action));
        }
        push(ranges, number, target(group, rules, arch));
        next = number + 1;
    }
    push(ranges, next, Target::Return(profile.default_action));
    if let Some(last) = last.filter(|_| !profile.default_action.is_permissive()) {
        // What is named is below; only what the profile says nothing about can have come before.
        ranges.pop_if(|(first, _)| *first > last);
        push(ranges, last + 1, Target::Return(Action::Errno(ENOSYS)));
    }
}

/// Adds a range, unless the one before is the same.
fn push(ranges: &mut Vec<Range>, first: u32, target: Target) {
    if ranges.last().is_none_or(|(_, before)| *before != target) {
        ranges.push((first, target));
    }
}

/// The rules by number, in the order of the profile; and the highest number that any rule names.
fn entries(rules: &[Resolved<'_>], arch: Arch) -> (Vec<Entry>, Option<u32>) {
    let mut entries = Vec::with_capacity(rules.iter().map(|rule| rule.rows.len()).sum());
    let mut last = None;
    for (index, rule) in rules.iter().enumerate() {
        let direct = rule.rows.iter().filter_map(|row| row.number(arch)).map(|number| (number, None));
        let through = rule.rule.names.iter().filter(|_| arch == Arch::X86);
        let through = through.filter_map(|name| syscalls::multiplexer(name));
        for (number, through) in direct.chain(through.map(|(number, argument)| (number, Some(argument)))) {
            last = last.max(Some(number));
            if rule.counts {
                entries.push(Entry { number, rule: index, through });
            }
        }
    }
    entries.sort_unstable();
    entries.dedup();
    (entries, last)
}

/// What becomes of one number. A rule that always holds goes before those that may.
fn target(group: &[Entry], rules: &[Resolved<'_>], arch: Arch) -> Target {
    let rule = |entry: &Entry| rules.get(entry.rule);
    let always = group
        .iter()
        .filter(|entry| entry.through.is_none())
        .filter_map(rule)
        .find(|rule| rule.clauses.is_empty());
    match always {
        Some(rule) => Target::Return(rule.rule.action),
        None => Target::Ask(arch, group.iter().map(|entry| (entry.rule, entry.through)).collect()),
    }
}

/// Writes the search among ranges, of which there is one at least.
fn write_search(to: &mut Assembler, profile: &Profile, rules: &[Resolved<'_>], ranges: &[Range]) -> Label {
    let (below, above) = ranges.split_at(ranges.len() / 2);
    match (below, above) {
        ([], []) => to.give_back(BAD_ARCHITECTURE.value()),
        ([], [(_, target), ..]) => write_target(to, profile, rules, target),
        (_, []) => write_search(to, profile, rules, below),
        (_, [(first, _), ..]) => {
            let yes = write_search(to, profile, rules, above);
            let no = write_search(to, profile, rules, below);
            to.jump(Test::GreaterEqual, *first, Branch { yes, no })
        }
    }
}

fn write_target(to: &mut Assembler, profile: &Profile, rules: &[Resolved<'_>], target: &Target) -> Label {
    let (arch, asked) = match target {
        Target::Return(action) => return to.give_back(action.value()),
        Target::Ask(arch, asked) => (*arch, asked),
    };
    let mut next = to.give_back(profile.default_action.value());
    for (index, through) in asked.iter().rev() {
        let Some(rule) = rules.get(*index) else { continue };
        let always: &[Condition] = &[];
        let alternatives = if rule.clauses.is_empty() { vec![always] } else { rule.clauses.clone() };
        for clause in alternatives.into_iter().rev() {
            if to.is_too_long() {
                return next;
            }
            next = write_clause(to, arch, rule.rule.action, (clause, *through), next);
        }
    }
    next
}

/// Writes conditions that hold together. Of a call through another one the first argument says which it is, and no
/// condition can be about it.
fn write_clause(
    to: &mut Assembler,
    arch: Arch,
    action: Action,
    (clause, through): (&[Condition], Option<u32>),
    otherwise: Label,
) -> Label {
    let mut then = to.give_back(action.value());
    for condition in clause.iter().rev().filter(|condition| through.is_none() || condition.index != 0) {
        then = condition::write(to, arch, condition, Branch { yes: then, no: otherwise });
    }
    match through {
        None => then,
        Some(argument) => {
            let which = Condition { index: 0, operator: Operator::Equal, value: u64::from(argument) };
            condition::write(to, arch, &which, Branch { yes: then, no: otherwise })
        }
    }
}
