//! madvise(2): giving back pages that will not be needed.

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
