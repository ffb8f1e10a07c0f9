//! What the init is told, in its second argument.

/// The first argument, which is what ps(1) shows of the init.
pub const TITLE: &str = "holm-init";

/// What is wanted of it, one or more of the constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// Stay above the command; without it, become the command.
    pub const INIT: Self = Self(1);
    /// The command takes the terminal on its standard input for its session (with [`Flags::INIT`]).
    pub const TERMINAL: Self = Self(2);
    /// The init is killed when its parent ends.
    pub const DIE_WITH_PARENT: Self = Self(4);
    /// Another runtime has executed the init, which therefore begins at once (with [`Flags::INIT`]): the command may be
    /// a name to look for in its own `PATH`, leads a group of its own in the session that there is, and what is refused
    /// is said on standard error.
    pub const FOREIGN: Self = Self(8);
    /// The start has come in already: the descriptor is the connection.
    pub const STARTED: Self = Self(16);
    /// The command is put under a filter of system calls.
    pub const FILTERED: Self = Self(32);
    /// The filter's listener goes to an agent (with [`Flags::FILTERED`]).
    pub const AGENT: Self = Self(64);

    /// These and those.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are among these.
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}

/// What the init is told. Its text is numbers with a space between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orders {
    /// What is wanted.
    pub flags: Flags,
    /// Without [`Flags::FOREIGN`], the listening socket (`SOCK_SEQPACKET`) on which the start comes in as a connection;
    /// with [`Flags::STARTED`], that connection. Over it goes a [`crate::Refusal`] when there is one; it is closed by
    /// the command's exec.
    pub start: i32,
    /// A pidfd of the parent, with [`Flags::DIE_WITH_PARENT`].
    pub parent: i32,
    /// The file with the filter, with [`Flags::FILTERED`].
    pub filter: i32,
    /// A connection to the agent, with [`Flags::AGENT`].
    pub agent: i32,
}

impl Orders {
    /// Understands the text; `None` when it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut numbers = text.split(|byte| *byte == b' ').map(number);
        let mut next = || numbers.next().flatten();
        let orders = Self {
            flags: Flags(u32::try_from(next()?).ok()?),
            start: next()?,
            parent: next()?,
            filter: next()?,
            agent: next()?,
        };
        numbers.next().is_none().then_some(orders)
    }
}

/// A number in decimal digits, and nothing else.
pub(crate) fn number(text: &[u8]) -> Option<i32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_i32, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(i32::from(digit))
    })
}

impl core::fmt::Display for Orders {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} {} {} {} {}", self.flags.0, self.start, self.parent, self.filter, self.agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let flags = Flags::INIT.with(Flags::DIE_WITH_PARENT);
        assert!(flags.has(Flags::INIT) && !flags.has(Flags::TERMINAL));
        for (start, parent) in [(0, 0), (3, 12), (i32::MAX, 1_048_575)] {
            let orders = Orders { flags, start, parent, filter: 7, agent: 8 };
            assert_eq!(Orders::parse(orders.to_string().as_bytes()), Some(orders));
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "1",
            "1 2 3 4",
            "1 2 3 4 5 6",
            "1  2 3 4 5",
            "-1 2 3 4 5",
            "1 2 x 4 5",
            "1 2 3 4 2147483648",
            "1 2 3 4 5 ",
        ] {
            assert_eq!(Orders::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
