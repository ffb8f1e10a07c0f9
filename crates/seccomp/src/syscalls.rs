//! The numbers of the system calls, by name and architecture.

mod table;

use crate::Arch;

/// An architecture does not have a call.
const NONE: u32 = u32::MAX;

/// What is set in each number of x32.
pub(crate) const X32_BIT: u32 = 0x4000_0000;

/// One name.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    numbers: [u32; 5],
}

impl Row {
    /// Its number.
    pub(crate) fn number(&self, arch: Arch) -> Option<u32> {
        let [x86_64, x86, x32, aarch64, arm] = self.numbers;
        let number = match arch {
            Arch::X86_64 => x86_64,
            Arch::X86 => x86,
            Arch::X32 if x32 == NONE => NONE,
            Arch::X32 => x32 | X32_BIT,
            Arch::Aarch64 => aarch64,
            Arch::Arm => arm,
        };
        (number != NONE).then_some(number)
    }
}

/// What is known of a name.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    let index = table::TABLE.binary_search_by(|row| row.name.cmp(name)).ok()?;
    table::TABLE.get(index)
}

/// The call that x86 has for others, its number, and its first argument for `name`.
pub(crate) fn multiplexer(name: &str) -> Option<(u32, u32)> {
    const SOCKETCALL: u32 = 102;
    const IPC: u32 = 117;
    let among = |list: &[(&str, u32)]| {
        let index = list.binary_search_by(|(other, _)| (*other).cmp(name)).ok()?;
        list.get(index).map(|(_, argument)| *argument)
    };
    let socket = among(table::SOCKETCALL).map(|argument| (SOCKETCALL, argument));
    socket.or_else(|| among(table::IPC).map(|argument| (IPC, argument)))
}

/// Whether any architecture has a call of this name.
pub fn is_known(name: &str) -> bool {
    find(name).is_some() || multiplexer(name).is_some()
}

/// The number of a system call.
pub fn number(name: &str, arch: Arch) -> Option<u32> {
    find(name)?.number(arch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order_for_the_search() {
        assert!(table::TABLE.is_sorted_by(|a, b| a.name < b.name));
        assert!(table::SOCKETCALL.is_sorted_by(|a, b| a.0 < b.0));
        assert!(table::IPC.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn no_number_is_given_twice() {
        for arch in Arch::ALL {
            let mut numbers: Vec<_> = table::TABLE.iter().filter_map(|row| row.number(arch)).collect();
            numbers.sort_unstable();
            assert!(numbers.is_sorted_by(|a, b| a < b), "{arch:?}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_library_that_this_is_built_with() {
        let known = [
            ("read", libc_number(0, 63)),
            ("execve", libc_number(59, 221)),
            ("seccomp", libc_number(317, 277)),
            ("openat2", 437),
        ];
        for (name, expected) in known {
            let native = Arch::native().unwrap();
            assert_eq!(number(name, native), Some(expected), "{name}");
        }
        assert_eq!(number("read", Arch::X32), Some(X32_BIT));
        assert_eq!(number("open", Arch::Aarch64), None);
        assert_eq!(number("set_tls", Arch::Arm), Some(0xf0005));
    }

    fn libc_number(x86_64: u32, aarch64: u32) -> u32 {
        if cfg!(target_arch = "x86_64") { x86_64 } else { aarch64 }
    }
}
