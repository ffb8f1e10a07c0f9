//! The table against the headers of the C library, where it has them.

use std::collections::BTreeMap;

use holm_seccomp::{Arch, number};

/// Names and numbers of a header of <asm/>.
fn header(name: &str) -> Option<BTreeMap<String, u32>> {
    let text = std::fs::read_to_string(format!("/usr/include/x86_64-linux-gnu/asm/{name}")).ok()?;
    let line = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        let number = number.trim_matches(['(', ')']);
        let number = match number.strip_prefix("__X32_SYSCALL_BIT + ") {
            Some(number) => number.parse::<u32>().ok()? + 0x4000_0000,
            None => number.parse().ok()?,
        };
        Some((name.to_owned(), number))
    };
    Some(text.lines().filter_map(line).collect())
}

#[test]
fn they_are_those_of_the_headers() {
    for (arch, name) in
        [(Arch::X86_64, "unistd_64.h"), (Arch::X86, "unistd_32.h"), (Arch::X32, "unistd_x32.h")]
    {
        let Some(known) = header(name) else {
            holm_testing::announce_omission(&format!("there is no <asm/{name}> here"));
            continue;
        };
        assert!(known.len() > 300, "{name} was read");
        for (name, expected) in known {
            assert_eq!(number(&name, arch), Some(expected), "{name} of {arch:?}");
        }
    }
}
