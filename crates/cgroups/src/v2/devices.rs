//! The devices of version 2: a program that the kernel runs at each open and mknod (BPF_PROG_TYPE_CGROUP_DEVICE).

use std::os::fd::AsFd;

use holm_sys::{self as sys, BpfInstruction};

use crate::Result;
use crate::directory::Directory;
use crate::resources::{Access, DevicePolicy, DeviceType, Exception};

/// `linux/bpf.h`: BPF_DEVCG_ACC_*, BPF_DEVCG_DEV_*.
const MKNOD: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;
const BLOCK: i32 = 1;
const CHAR: i32 = 2;

/// Where the program keeps what it is asked about.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// Compiles a policy, loads and attaches it in the place of what was attached before.
pub(crate) fn set(directory: &Directory, policy: &DevicePolicy) -> Result<()> {
    let group = directory.open_group()?;
    let program = sys::load_device_program(&compile(policy))?;
    Ok(sys::attach_device_program(group.as_fd(), program.as_fd())?)
}

/// The program: one block for each exception, that answers or goes on to the next, and the answer for the rest.
pub(crate) fn compile(policy: &DevicePolicy) -> Vec<BpfInstruction> {
    let mut program = vec![
        // struct bpf_cgroup_dev_ctx { u32 access_type; u32 major; u32 minor; }, access_type = (access << 16) | kind.
        BpfInstruction::load_word(KIND, CONTEXT, 0),
        BpfInstruction::and(KIND, 0xffff),
        BpfInstruction::load_word(ACCESS, CONTEXT, 0),
        BpfInstruction::shift_right(ACCESS, 16),
        BpfInstruction::load_word(MAJOR, CONTEXT, 4),
        BpfInstruction::load_word(MINOR, CONTEXT, 8),
    ];
    let answer = i32::from(!policy.default_allow());
    for exception in policy.exceptions() {
        program.extend(block(exception, answer));
    }
    program.push(BpfInstruction::set(ANSWER, i32::from(policy.default_allow())));
    program.push(BpfInstruction::exit());
    program
}

/// What the block jumps over is all that follows in it.
fn block(exception: &Exception, answer: i32) -> Vec<BpfInstruction> {
    let mut tests: Vec<Vec<BpfInstruction>> = Vec::new();
    let kind = match exception.kind {
        DeviceType::Block => Some(BLOCK),
        DeviceType::Char => Some(CHAR),
        DeviceType::All => None,
    };
    tests.extend(kind.map(|kind| vec![BpfInstruction::jump_unless_equal(KIND, kind)]));
    tests.extend(access_test(exception.access, answer == 1));
    for (register, half) in [(MAJOR, exception.major), (MINOR, exception.minor)] {
        // The numbers are compared as words of 32 bits: the sign has no meaning.
        tests.extend(half.map(|half| vec![BpfInstruction::jump_unless_equal(register, half.cast_signed())]));
    }
    let mut block: Vec<BpfInstruction> = tests.into_iter().flatten().collect();
    block.push(BpfInstruction::set(ANSWER, answer));
    block.push(BpfInstruction::exit());
    let length = block.len();
    for (at, instruction) in block.iter_mut().enumerate() {
        instruction.jump_over(length - at - 1);
    }
    block
}

/// Allowed is who asks for nothing but what the exception has; denied is already who asks for some of it.
fn access_test(access: Access, allows: bool) -> Option<Vec<BpfInstruction>> {
    let bits = [(access.mknod, MKNOD), (access.read, READ), (access.write, WRITE)];
    let mask = bits.iter().filter(|(there, _)| *there).map(|(_, bit)| bit).sum::<i32>();
    if access == Access::ALL {
        return None;
    }
    let copied = [BpfInstruction::copy(CONTEXT, ACCESS), BpfInstruction::and(CONTEXT, mask)];
    let jump = if allows {
        BpfInstruction::jump_unless_same(CONTEXT, ACCESS)
    } else {
        BpfInstruction::jump_if_equal(CONTEXT, 0)
    };
    Some(copied.into_iter().chain([jump]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceRule;
    use proptest::prelude::*;

    /// Runs a program as the kernel does, for what the programs here are made of.
    fn run(program: &[BpfInstruction], access: i32, kind: i32, number: (u32, u32)) -> u64 {
        let context = [(access << 16) | kind, number.0.cast_signed(), number.1.cast_signed()];
        let mut registers = [0_u64; 11];
        let mut at = 0;
        for _ in 0..=program.len() {
            let instruction = program[at];
            let (to, from) = instruction.registers();
            let value = u64::from(instruction.immediate.cast_unsigned());
            let jump = usize::try_from(instruction.offset.max(0)).unwrap();
            at += 1;
            match instruction.code {
                0x61 => registers[to] = u64::from(context[jump / 4].cast_unsigned()),
                0x54 => registers[to] &= value,
                0x74 => registers[to] >>= value,
                0xb4 => registers[to] = value,
                0xbc => registers[to] = registers[from],
                0x56 if registers[to] != value => at += jump,
                0x16 if registers[to] == value => at += jump,
                0x5e if registers[to] != registers[from] => at += jump,
                0x56 | 0x16 | 0x5e => {}
                0x95 => return registers[0],
                other => panic!("an instruction {other:#x}"),
            }
        }
        panic!("a program without an end")
    }

    /// What the kernel's version 1 answers (security/device_cgroup.c).
    fn expected(policy: &DevicePolicy, access: i32, kind: i32, number: (u32, u32)) -> bool {
        let kinds = if kind == BLOCK { DeviceType::Block } else { DeviceType::Char };
        let hit = policy.exceptions().iter().any(|exception| {
            let bits = [
                (exception.access.mknod, MKNOD),
                (exception.access.read, READ),
                (exception.access.write, WRITE),
            ];
            let mask: i32 = bits.iter().filter(|(there, _)| *there).map(|(_, bit)| bit).sum();
            let accesses = if policy.default_allow() { access & mask != 0 } else { access & mask == access };
            exception.kind == kinds
                && exception.major.is_none_or(|major| major == number.0)
                && exception.minor.is_none_or(|minor| minor == number.1)
                && accesses
        });
        hit != policy.default_allow()
    }

    #[test]
    fn the_usual_devices_are_allowed_and_a_disk_is_not() {
        let program = compile(&DevicePolicy::of_container(&[]).unwrap());
        let asks = [
            (READ | WRITE, CHAR, (1, 3), 1),
            (READ, CHAR, (136, 77), 1),
            (MKNOD, BLOCK, (8, 0), 1),
            (READ, BLOCK, (8, 0), 0),
            (READ | MKNOD, BLOCK, (8, 0), 0),
            (READ, BLOCK, (1, 3), 0),
            (WRITE, CHAR, (10, 229), 0),
        ];
        for (access, kind, number, answer) in asks {
            assert_eq!(run(&program, access, kind, number), answer, "{access} {kind} {number:?}");
        }
    }

    #[test]
    fn a_number_with_its_highest_bit_is_one_number() {
        let rule = DeviceRule {
            allow: true,
            kind: DeviceType::Char,
            major: Some(u32::MAX),
            minor: None,
            access: Access::ALL,
        };
        let mut policy = DevicePolicy::nothing();
        policy.apply(&rule).unwrap();
        assert_eq!(run(&compile(&policy), READ, CHAR, (u32::MAX, 0)), 1);
        assert_eq!(run(&compile(&policy), READ, CHAR, (u32::MAX - 1, 0)), 0);
    }

    fn any_rule() -> impl Strategy<Value = DeviceRule> {
        let half = || prop_oneof![Just(None), (0_u32..3).prop_map(Some)];
        let kind = prop_oneof![1 => Just(DeviceType::All), 4 => Just(DeviceType::Block), 4 => Just(DeviceType::Char)];
        (any::<bool>(), kind, half(), half(), any::<[bool; 3]>()).prop_map(
            |(allow, kind, major, minor, access)| {
                let access =
                    Access { read: access[0], write: access[1], mknod: access[2] || access == [false; 3] };
                DeviceRule { allow, kind, major, minor, access }
            },
        )
    }

    proptest! {
        #[test]
        fn both_versions_answer_alike(
            rules in prop::collection::vec(any_rule(), 0..8),
            asks in prop::collection::vec((1_i32..8, 1_i32..3, (0_u32..4, 0_u32..4)), 1..20),
        ) {
            let mut policy = DevicePolicy::nothing();
            for rule in &rules {
                let _ = policy.apply(rule);
            }
            let program = compile(&policy);
            for (access, kind, number) in asks {
                let answer = run(&program, access, kind, number) == 1;
                prop_assert_eq!(answer, expected(&policy, access, kind, number), "{} {} {} {:?}", policy, access, kind, number);
            }
        }
    }
}
