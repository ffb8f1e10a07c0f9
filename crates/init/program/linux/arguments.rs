//! The stack that the kernel starts the init with: its arguments and its environment.

use core::arch::global_asm;

use super::{Errno, call, number};

// The first instructions: the stack, as the kernel has laid it out, is the argument; the frame that calls is the last.
#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {entry}",
    "ud2",
    entry = sym entry
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "and sp, x0, #-16",
    "b {entry}",
    entry = sym entry
);

/// # Safety
///
/// `stack` is the stack of a process that has just been executed.
unsafe extern "C" fn entry(stack: *const usize) -> ! {
    // SAFETY: the kernel puts the number of arguments on top of the stack, which is live for the whole process.
    let count = unsafe { stack.read() };
    // SAFETY: behind it are as many pointers to arguments and a null pointer, on the same stack.
    let words = unsafe { stack.add(1) }.cast::<*mut u8>();
    crate::life::run(&Arguments { count, words })
}

/// The arguments and the environment of this program, where the kernel has put them.
pub(crate) struct Arguments {
    count: usize,
    words: *const *mut u8,
}

impl Arguments {
    /// The argument `index`.
    pub(crate) fn word(&self, index: usize) -> Option<&[u8]> {
        // SAFETY: there are `count` pointers, to strings that end in NUL and live as long as the process.
        (index < self.count).then(|| unsafe { text(*self.words.add(index)) })
    }

    /// Becomes the program at `path`, with the arguments from `index` on.
    pub(crate) fn execute(&self, path: Path<'_>, index: usize) -> Errno {
        if index > self.count {
            return Errno::NOENT;
        }
        // SAFETY: the pointers up to `count` are arguments, the one there is null, and behind it are those of the
        // environment, with a null pointer at their end: both are arrays that execve(2) takes.
        let (argv, envp) = unsafe { (self.words.add(index), self.environment()) };
        let arguments = [path.0.as_ptr().expose_provenance(), argv.expose_provenance(), envp.expose_provenance(), 0, 0, 0];
        // SAFETY: a path has a NUL; execve(2) changes nothing of this process unless it succeeds.
        unsafe { call(number::EXECVE, arguments) }.err().unwrap_or(Errno(0))
    }

    /// The argument `index` as a path.
    pub(crate) fn path(&self, index: usize) -> Option<Path<'_>> {
        let word = self.word(index)?;
        // SAFETY: the string of an argument has its NUL right behind it.
        Some(Path(unsafe { core::slice::from_raw_parts(word.as_ptr(), word.len() + 1) }))
    }

    /// What stands behind `name`, which ends in `=`, in the environment.
    pub(crate) fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        // SAFETY: by the layout, a null pointer ends the environment; the strings live as long as the process.
        let mut variables = unsafe { strings(self.environment()) }.map(|start| unsafe { text(start) });
        variables.find_map(|variable| variable.strip_prefix(name))
    }

    /// # Safety
    ///
    /// As the kernel has laid them out: `count` pointers and a null pointer stand before those of the environment.
    unsafe fn environment(&self) -> *const *mut u8 {
        // SAFETY: by the layout.
        unsafe { self.words.add(self.count + 1) }
    }

    /// Writes zeroes over every argument but the first, and over the environment: /proc/PID/cmdline shows the first
    /// alone, and /proc/PID/environ nothing.
    pub(crate) fn forget_all_but_first(&self) {
        // SAFETY: by the layout, a null pointer ends the arguments, of which there is one at least, and the environment.
        let all = unsafe { strings(self.words.add(1)).chain(strings(self.environment())) };
        // SAFETY: the strings are on this process's stack, which is writable, and nothing refers to them any more.
        all.for_each(|start| unsafe { clear(start) });
    }
}

/// A path as the kernel takes it: bytes with a NUL among them.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a>(&'a [u8]);

impl<'a> Path<'a> {
    /// The bytes up to the first NUL.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        bytes.contains(&0).then_some(Self(bytes))
    }
}

/// The pointers from `first` on, up to the null pointer.
///
/// # Safety
///
/// `first` points to an array that ends with a null pointer, and lives as long as the process.
unsafe fn strings(mut first: *const *mut u8) -> impl Iterator<Item = *mut u8> {
    core::iter::from_fn(move || {
        // SAFETY: the null pointer was not passed.
        let string = unsafe { *first };
        if string.is_null() {
            return None;
        }
        // SAFETY: the null pointer stands behind this one at the latest.
        first = unsafe { first.add(1) };
        Some(string)
    })
}

/// # Safety
///
/// `string` ends in NUL, and lives and stays as it is as long as the result is used.
unsafe fn text<'a>(string: *const u8) -> &'a [u8] {
    // SAFETY: by the contract.
    unsafe { core::slice::from_raw_parts(string, length(string)) }
}

/// # Safety
///
/// `string` ends in NUL.
unsafe fn length(string: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: everything up to the NUL belongs to the string. Volatile, so that no strlen(3) is called for it.
    while unsafe { string.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// # Safety
///
/// `string` ends in NUL and is writable, and nobody reads it meanwhile.
unsafe fn clear(mut string: *mut u8) {
    // SAFETY: as in `length`; the NUL at the end is not passed.
    unsafe {
        while string.read_volatile() != 0 {
            string.write_volatile(0);
            string = string.add(1);
        }
    }
}
