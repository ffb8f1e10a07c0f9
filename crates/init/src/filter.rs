//! How a filter of system calls is handed to the init: a file that has this head, the instructions, and the message that goes
//! to the agent together with the filter's listener.

/// What stands before the instructions. Numbers are those of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Flags of seccomp(2).
    pub flags: u32,
    /// How many instructions there are.
    pub instructions: u16,
    /// How many bytes the message has.
    pub message: u32,
}

impl Head {
    /// How many bytes it has: instructions begin at a multiple of their size.
    pub const LENGTH: usize = 16;
    /// How many bytes an instruction has.
    const INSTRUCTION: usize = 8;

    /// The head as bytes.
    pub fn bytes(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let words = [self.flags, u32::from(self.instructions), self.message];
        let from = words.iter().flat_map(|word| word.to_ne_bytes());
        bytes.iter_mut().zip(from).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Understands it; `None` when it is none.
    pub fn parse(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?));
        Some(Self { flags: word(0)?, instructions: u16::try_from(word(4)?).ok()?, message: word(8)? })
    }

    /// Where the message begins.
    pub fn message_at(&self) -> usize {
        Self::LENGTH + Self::INSTRUCTION * usize::from(self.instructions)
    }

    /// How long it is.
    pub fn message_length(&self) -> usize {
        usize::try_from(self.message).unwrap_or(0)
    }

    /// How many bytes all of it has.
    pub fn total(&self) -> usize {
        self.message_at().saturating_add(self.message_length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let head = Head { flags: 5, instructions: 4096, message: 300 };
        assert_eq!(Head::parse(&head.bytes()), Some(head));
        assert_eq!((head.message_at(), head.total()), (16 + 4096 * 8, 16 + 4096 * 8 + 300));
    }

    #[test]
    fn more_instructions_than_a_program_can_have_are_refused() {
        let mut bytes = Head { flags: 0, instructions: u16::MAX, message: 0 }.bytes();
        bytes[6] = 1;
        bytes[5] = 255;
        assert_eq!(Head::parse(&bytes), None);
    }
}
