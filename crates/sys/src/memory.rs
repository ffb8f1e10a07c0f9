//! What this process keeps in its own memory: pages that it will not need, arguments that are not for others.

use crate::Result;

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
/// started with are gone from there; a title longer than they were is cut.
///
/// For a process that stays on in a place where its first arguments are nobody's business, such as an init.
///
/// # Errors
///
/// What open(2) or read(2) says of /proc/self/stat; `EINVAL` when that is no procfs.
pub fn set_process_title(title: &str) -> Result<()> {
    use crate::error::Context;
    rustix::thread::set_name(&std::ffi::CString::new(title).unwrap_or_default())
        .call(|| "prctl(PR_SET_NAME)")?;
    let stat = std::fs::read_to_string("/proc/self/stat").call(|| "read(\"/proc/self/stat\")")?;
    let (start, end) = arguments(&stat)
        .ok_or_else(|| crate::Error::new("read(\"/proc/self/stat\")", crate::Errno::INVAL))?;
    // One byte less, so that the last one stays NUL: without it the kernel takes the environment for more arguments.
    let title = title.as_bytes().get(..end - start - 1).unwrap_or(title.as_bytes());
    // SAFETY: the kernel says that the process's argument strings are in start..end, a writable part of the stack that
    // stays mapped for the whole life of the process. Rust copies arguments out of it when they are asked for, and keeps
    // no reference into it; a C string read there by somebody else still ends, with the NUL bytes that are left.
    unsafe {
        std::ptr::write_bytes(start as *mut u8, 0, end - start);
        std::ptr::copy_nonoverlapping(title.as_ptr(), start as *mut u8, title.len());
    }
    Ok(())
}

/// Fields 48 and 49 of proc_pid_stat(5), counted after the name, which may itself have spaces and parentheses in it.
fn arguments(stat: &str) -> Option<(usize, usize)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut addresses = fields.split_ascii_whitespace().skip(48 - 3).map(str::parse);
    let (start, end): (usize, usize) = (addresses.next()?.ok()?, addresses.next()?.ok()?);
    // Zero stands for what this process may not see.
    (start != 0 && start < end).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_found_behind_a_hostile_name() {
        let numbers = (3..=52).map(|field| field.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(arguments(&format!("7 (a) b (c) {numbers}")), Some((48, 49)));
        assert_eq!(arguments("7 (a) R 1"), None);
        assert_eq!(arguments(""), None);
    }

    #[test]
    fn this_process_has_arguments() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        assert!(arguments(&stat).is_some());
    }
}
