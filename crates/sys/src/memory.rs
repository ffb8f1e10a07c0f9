//! What this process keeps in its own memory: pages that it will not need, arguments that are not for others.

use crate::Result;
use crate::error::Context;

unsafe extern "C" {
    static __executable_start: u8;
    static etext: u8;
}

/// Drops the pages of this program's own text from the page tables, as madvise(2) with `MADV_DONTNEED`: they come
/// back from the page cache when they are run again. For a process that has done all its work and only waits, such
/// as an init.
///
/// # Errors
///
/// What madvise(2) says.
pub fn release_file_pages() -> Result<()> {
    let page = rustix::param::page_size();
    let start = (&raw const __executable_start).addr().next_multiple_of(page);
    let end = (&raw const etext).addr() / page * page;
    if end <= start {
        return Ok(());
    }
    // SAFETY: both symbols are set by the linker and bound this program's text, which is a private read-only mapping
    // of a file: dropped pages are read again from it with the same content, so no byte changes for anyone.
    let result = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
    if result == 0 {
        return Ok(());
    }
    Err(crate::Error::from_io("madvise(text, MADV_DONTNEED)", &std::io::Error::last_os_error()))
}

/// Writes `title` over the arguments of this process, where ps(1) reads them (`/proc/PID/cmdline`), and gives its
/// thread the same name (`/proc/PID/comm`, of which the kernel keeps 15 bytes). The arguments that the process was
/// started with are gone from there, and its environment is empty (`/proc/PID/environ`); a title longer than the
/// arguments were is cut.
///
/// For a process that stays on in a place where its first arguments and its environment are nobody's business, such as
/// an init. `std::env` finds nothing afterwards.
///
/// # Errors
///
/// What open(2) or read(2) says of /proc/self/stat; `EINVAL` when that is no procfs.
pub fn set_process_title(title: &str) -> Result<()> {
    rustix::thread::set_name(&std::ffi::CString::new(title).unwrap_or_default())
        .call(|| "prctl(PR_SET_NAME)")?;
    let stat = std::fs::read_to_string("/proc/self/stat").call(|| "read(\"/proc/self/stat\")")?;
    let invalid = || crate::Error::new("read(\"/proc/self/stat\")", crate::Errno::INVAL);
    let addresses = Addresses::parse(&stat).ok_or_else(invalid)?;
    addresses.overwrite(title.as_bytes());
    Ok(())
}

/// Where the kernel has put the strings of a process, on its stack.
#[derive(Debug, PartialEq, Eq)]
struct Addresses {
    arguments: std::ops::Range<usize>,
    environment: std::ops::Range<usize>,
}

impl Addresses {
    /// Fields 48 to 51 of proc_pid_stat(5), counted after the name, which may itself have spaces and parentheses in it.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut addresses = fields.split_ascii_whitespace().skip(48 - 3).map(str::parse);
        let mut range = || Some(addresses.next()?.ok()?..addresses.next()?.ok()?);
        let (arguments, environment): (std::ops::Range<usize>, std::ops::Range<usize>) = (range()?, range()?);
        // Zero stands for what this process may not see.
        let seen = arguments.start != 0 && !arguments.is_empty() && environment.start >= arguments.end;
        seen.then_some(Self { arguments, environment })
    }

    fn overwrite(&self, title: &[u8]) {
        // One byte less, so that the last one stays NUL: without it the kernel takes the environment for more arguments.
        let title = title.get(..self.arguments.len() - 1).unwrap_or(title);
        // SAFETY: the kernel says that the strings of the process's arguments and of its environment are in these ranges,
        // writable parts of the stack that stay mapped for the whole life of the process. Rust copies strings out of them
        // when they are asked for, and keeps no reference into them; a C string read there by somebody else still ends, with
        // the NUL bytes that are left.
        unsafe {
            std::ptr::write_bytes(self.arguments.start as *mut u8, 0, self.arguments.len());
            std::ptr::write_bytes(self.environment.start as *mut u8, 0, self.environment.len());
            std::ptr::copy_nonoverlapping(title.as_ptr(), self.arguments.start as *mut u8, title.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_found_behind_a_hostile_name() {
        let numbers = (3..=52).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        let found = Addresses { arguments: 48..49, environment: 50..51 };
        assert_eq!(Addresses::parse(&format!("7 (a) b (c) {numbers}")), Some(found));
        assert_eq!(Addresses::parse("7 (a) R 1"), None);
        assert_eq!(Addresses::parse(""), None);
    }

    #[test]
    fn this_process_has_arguments() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(Addresses::parse(&stat).is_some());
    }
}
