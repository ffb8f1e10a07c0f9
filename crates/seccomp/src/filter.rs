//! Programs, and putting a thread under one.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use holm_sys::{SeccompFilterFlags, seccomp_set_mode_filter};
use serde::{Deserialize, Serialize};

use crate::{Instruction, MOST_INSTRUCTIONS};

/// How many bytes an instruction has.
const BYTES: usize = 8;

/// A program of classic BPF. As text it is hexadecimal, eight bytes to an instruction as the kernel of a little-endian machine
/// reads them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Program(Vec<Instruction>);

/// A text that is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a BPF program in hexadecimal")]
pub struct Malformed;

impl Program {
    pub(crate) fn new(instructions: Vec<Instruction>) -> Self {
        Self(instructions)
    }

    /// Its instructions.
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// As the kernel reads them.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(bytes).collect()
    }
}

fn bytes(instruction: &Instruction) -> [u8; BYTES] {
    let [a, b] = instruction.code.to_le_bytes();
    let [e, f, g, h] = instruction.k.to_le_bytes();
    [a, b, instruction.jt, instruction.jf, e, f, g, h]
}

impl From<Program> for String {
    fn from(program: Program) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value)).map_or('0', |digit| char::from(*digit));
        // A record is written several times in a start: room for all of it is made once.
        let mut text = Self::with_capacity(program.0.len() * 2 * BYTES);
        for byte in program.0.iter().flat_map(bytes) {
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
        text
    }
}

impl TryFrom<String> for Program {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        let digits = text.as_bytes().chunks_exact(2 * BYTES);
        if !digits.remainder().is_empty() || digits.len() == 0 || digits.len() > MOST_INSTRUCTIONS {
            return Err(Malformed);
        }
        digits.map(instruction).collect::<Option<_>>().map(Self).ok_or(Malformed)
    }
}

fn instruction(digits: &[u8]) -> Option<Instruction> {
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    let [a, b, jt, jf, e, f, g, h] = bytes;
    Some(Instruction { code: u16::from_le_bytes([a, b]), jt, jf, k: u32::from_le_bytes([e, f, g, h]) })
}

/// How a filter is loaded (`SECCOMP_FILTER_FLAG_*`). There is none for `TSYNC`: who loads has one thread, which the
/// flag would say nothing about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flags {
    /// `LOG`: all actions but `Allow` are logged.
    pub log: bool,
    /// `SPEC_ALLOW`: speculative store bypass is not mitigated because of the filter.
    pub spec_allow: bool,
    /// `WAIT_KILLABLE_RECV` (since Linux 5.19): who waits for a listener is woken by a fatal signal alone. Without a
    /// listener it means nothing.
    pub wait_killable: bool,
}

/// Who decides about what a filter notifies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The socket on which it listens.
    pub path: PathBuf,
    /// What it is told besides.
    pub metadata: String,
}

/// A program, and how it is loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The program.
    pub program: Program,
    /// How it is loaded.
    pub flags: Flags,
    /// Who hears of what it notifies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<Listener>,
}

impl Filter {
    /// The flags as seccomp(2) takes them.
    pub fn bits(&self) -> SeccompFilterFlags {
        let listens = self.listener.is_some();
        let flags = [
            (self.flags.log, SeccompFilterFlags::LOG),
            (self.flags.spec_allow, SeccompFilterFlags::SPEC_ALLOW),
            (listens, SeccompFilterFlags::NEW_LISTENER),
            // The kernel refuses it without a listener.
            (listens && self.flags.wait_killable, SeccompFilterFlags::WAIT_KILLABLE_RECV),
        ];
        flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag).collect()
    }

    /// Puts the calling thread under the filter, for good. The descriptor of its listener comes back where it has one.
    ///
    /// # Errors
    ///
    /// `EACCES` without CAP_SYS_ADMIN in the user namespace and without no_new_privs; `EINVAL` for a flag that the kernel does
    /// not have; `EBUSY` for a second listener.
    pub fn load(&self) -> holm_sys::Result<Option<OwnedFd>> {
        seccomp_set_mode_filter(self.bits(), self.program.instructions())
    }
}
