//! A program in the making, from its end to its beginning: then the distance of each jump is known when it is written,
//! as all jumps of BPF go forwards.

use crate::{Error, Instruction, MOST_INSTRUCTIONS, Program};

const LD_W_ABS: u16 = 0x20;
const JA: u16 = 0x05;
const JEQ: u16 = 0x15;
const JGT: u16 = 0x25;
const JGE: u16 = 0x35;
const AND: u16 = 0x54;
const RET: u16 = 0x06;

/// How far a comparison can jump.
const FARTHEST: usize = u8::MAX as usize;

/// The place of an instruction, counted from the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label(usize);

/// How the accumulator is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Test {
    Equal,
    Greater,
    GreaterEqual,
}

/// Where a comparison goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Branch {
    pub(crate) yes: Label,
    pub(crate) no: Label,
}

impl Branch {
    /// The other way round.
    pub(crate) fn swapped(self) -> Self {
        Self { yes: self.no, no: self.yes }
    }
}

/// Instructions, the last one first.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    reversed: Vec<Instruction>,
    /// The returns that are there: value and place.
    returns: Vec<(u32, Label)>,
    too_long: bool,
}

impl Assembler {
    /// Whether it has become too long, so that nothing that is written any more counts.
    pub(crate) fn is_too_long(&self) -> bool {
        self.too_long
    }

    fn push(&mut self, code: u16, k: u32, (jt, jf): (u8, u8)) -> Label {
        if self.reversed.len() < MOST_INSTRUCTIONS {
            self.reversed.push(Instruction { code, jt, jf, k });
        } else {
            self.too_long = true;
        }
        Label(self.reversed.len().saturating_sub(1))
    }

    /// How many instructions are passed over by a jump that is written next.
    fn distance(&self, to: Label) -> usize {
        self.reversed.len().saturating_sub(to.0 + 1)
    }

    /// Ends the program with this value; a return that is there already is taken.
    pub(crate) fn give_back(&mut self, value: u32) -> Label {
        let found = self.returns.iter().rev().find(|(other, _)| *other == value).map(|(_, label)| *label);
        match found {
            Some(label) if self.distance(label) <= FARTHEST / 2 => label,
            _ => self.new_return(value),
        }
    }

    fn new_return(&mut self, value: u32) -> Label {
        let label = self.push(RET, value, (0, 0));
        self.returns.push((value, label));
        label
    }

    /// Loads a word of `struct seccomp_data`.
    pub(crate) fn load(&mut self, offset: u32, then: Label) -> Label {
        self.fall_through(then);
        self.push(LD_W_ABS, offset, (0, 0))
    }

    /// Keeps the bits of the mask.
    pub(crate) fn mask(&mut self, mask: u32, then: Label) -> Label {
        self.fall_through(then);
        self.push(AND, mask, (0, 0))
    }

    /// Compares, and goes one of two ways.
    pub(crate) fn jump(&mut self, test: Test, k: u32, branch: Branch) -> Label {
        let yes = self.near(branch.yes);
        let no = self.near(branch.no);
        let code = match test {
            Test::Equal => JEQ,
            Test::Greater => JGT,
            Test::GreaterEqual => JGE,
        };
        let short = |distance: usize| u8::try_from(distance).unwrap_or(u8::MAX);
        let offsets = (short(self.distance(yes)), short(self.distance(no)));
        self.push(code, k, offsets)
    }

    /// What is written next is followed by `then`.
    fn fall_through(&mut self, then: Label) {
        if self.distance(then) > 0 {
            self.nearer(then);
        }
    }

    /// A place that a comparison reaches which is written next, or after one more instruction.
    fn near(&mut self, label: Label) -> Label {
        if self.distance(label) < FARTHEST { label } else { self.nearer(label) }
    }

    /// The same right here: a copy of a return, else a jump, which has 32 bits for its distance.
    fn nearer(&mut self, label: Label) -> Label {
        match self.reversed.get(label.0) {
            Some(Instruction { code: RET, k, .. }) => self.new_return(*k),
            _ => {
                let distance = u32::try_from(self.distance(label)).unwrap_or(u32::MAX);
                self.push(JA, distance, (0, 0))
            }
        }
    }

    /// The program, whose first instruction is the one that was written last.
    pub(crate) fn finish(mut self) -> Result<Program, Error> {
        if self.too_long {
            return Err(Error::TooLong);
        }
        self.reversed.reverse();
        Ok(Program::new(self.reversed))
    }
}
