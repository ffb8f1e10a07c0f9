//! Conditions on arguments as instructions: two halves of 32 bits each, as BPF has no more.

use crate::assemble::{Assembler, Branch, Label, Test};
use crate::{Arch, Condition, Operator};

/// Where the arguments begin in `struct seccomp_data`.
const ARGUMENTS: u32 = 16;

/// Writes the test of a condition.
pub(crate) fn write(to: &mut Assembler, arch: Arch, condition: &Condition, branch: Branch) -> Label {
    let halves = Halves::of(condition.index);
    match condition.operator {
        Operator::Equal => equal(to, arch, halves, (u64::MAX, condition.value), branch),
        Operator::NotEqual => equal(to, arch, halves, (u64::MAX, condition.value), branch.swapped()),
        Operator::MaskedEqual(mask) => equal(to, arch, halves, (mask, condition.value), branch),
        Operator::Greater => ordered(to, arch, halves, (Test::Greater, condition.value), branch),
        Operator::GreaterEqual => ordered(to, arch, halves, (Test::GreaterEqual, condition.value), branch),
        Operator::LessEqual => ordered(to, arch, halves, (Test::Greater, condition.value), branch.swapped()),
        Operator::Less => ordered(to, arch, halves, (Test::GreaterEqual, condition.value), branch.swapped()),
    }
}

/// Where the halves of an argument are. All architectures of this crate are little-endian.
#[derive(Debug, Clone, Copy)]
struct Halves {
    low: u32,
    high: u32,
}

impl Halves {
    fn of(index: u8) -> Self {
        let low = ARGUMENTS + 8 * u32::from(index);
        Self { low, high: low + 4 }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
const fn split(value: u64) -> (u32, u32) {
    ((value >> 32) as u32, value as u32)
}

fn equal(to: &mut Assembler, arch: Arch, halves: Halves, (mask, value): (u64, u64), branch: Branch) -> Label {
    let (high_mask, low_mask) = split(mask);
    let (high, low) = split(value);
    let low = equal_half(to, halves.low, (low_mask, low), branch);
    if !arch.is_wide() {
        return low;
    }
    equal_half(to, halves.high, (high_mask, high), Branch { yes: low, no: branch.no })
}

fn equal_half(to: &mut Assembler, offset: u32, (mask, value): (u32, u32), branch: Branch) -> Label {
    match (value & !mask, mask) {
        (0, 0) => return branch.yes,
        (0, _) => {}
        // Bits that are masked away are never there.
        _ => return branch.no,
    }
    let compared = to.jump(Test::Equal, value, branch);
    let masked = if mask == u32::MAX { compared } else { to.mask(mask, compared) };
    to.load(offset, masked)
}

/// Greater, or greater or equal: the lower halves count where the upper ones are equal.
fn ordered(
    to: &mut Assembler,
    arch: Arch,
    halves: Halves,
    (test, value): (Test, u64),
    branch: Branch,
) -> Label {
    let (high, low) = split(value);
    let compared = to.jump(test, low, branch);
    let lower = to.load(halves.low, compared);
    if !arch.is_wide() {
        return lower;
    }
    let same = to.jump(Test::Equal, high, Branch { yes: lower, no: branch.no });
    let above = to.jump(Test::Greater, high, Branch { yes: branch.yes, no: same });
    to.load(halves.high, above)
}
