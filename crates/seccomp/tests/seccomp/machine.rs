//! Classic BPF as the kernel runs it for a filter, with the kernel's checks (`seccomp_check_filter`).

use holm_seccomp::Instruction;

/// `struct seccomp_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u32,
    pub(crate) audit: u32,
    pub(crate) arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let half = |value: u64, high: bool| {
            u32::try_from(if high { value >> 32 } else { value & 0xffff_ffff }).unwrap()
        };
        match offset {
            0 => self.number,
            4 => self.audit,
            16..64 if offset.is_multiple_of(4) => {
                half(self.arguments[usize::try_from((offset - 16) / 8).unwrap()], offset % 8 == 4)
            }
            _ => panic!("a load of {offset}"),
        }
    }
}

/// What the program answers, and after how many instructions.
pub(crate) fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let (mut accumulator, mut at, mut steps) = (0_u32, 0, 0);
    loop {
        let instruction = program.get(at).expect("the program does not run past its end");
        steps += 1;
        at += 1;
        let holds = match instruction.code {
            0x20 => {
                accumulator = call.word(instruction.k);
                continue;
            }
            0x54 => {
                accumulator &= instruction.k;
                continue;
            }
            0x05 => {
                at += usize::try_from(instruction.k).unwrap();
                continue;
            }
            0x06 => return (instruction.k, steps),
            0x15 => accumulator == instruction.k,
            0x25 => accumulator > instruction.k,
            0x35 => accumulator >= instruction.k,
            0x45 => accumulator & instruction.k != 0,
            other => panic!("an instruction {other:#x}"),
        };
        at += usize::from(if holds { instruction.jt } else { instruction.jf });
    }
}
