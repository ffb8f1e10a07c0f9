//! The first process of a container.
//!
//! Whoever has made a container executes [`PROGRAM`] as its last act, with [`Orders`] and the command. It waits for
//! the start, runs the command, and stays above it where an init is wanted: it hands signals on and reaps orphans. It
//! is a program of its own for three reasons: it takes a few pages of memory, where a process that has made a container
//! keeps what it made it with; it starts without a library that sets itself up; and what a container can reach as
//! `/proc/self/exe` is a copy of it, and not the program on the host that made the container (CVE-2019-5736).
//!
//! It is in `program/`, built by `build.rs`; what both sides must know is here.

mod filter;
mod orders;
mod refusal;

pub use filter::Head as FilterHead;
pub use orders::{Flags, Orders, TITLE};
pub use refusal::{Call, EXECUTING, Refusal};

/// The program: a static ELF file for this build's target, needing nothing of the place where it runs.
///
/// Its arguments are [`TITLE`], [`Orders`] as text, the path of the command's program, and the command's own arguments,
/// the first of which is its name; its environment is the command's.
pub static PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/holm-init"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_small_and_an_elf_file() {
        assert_eq!(PROGRAM.get(..4), Some(b"\x7fELF".as_slice()));
        assert!(PROGRAM.len() < 32 << 10, "{} bytes", PROGRAM.len());
    }
}
