//! The children of this process, as proc_pid_task_children(5) lists them.

use super::{AT_FDCWD, Fd, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, Pid, as_i32, call, index, number};

const PROC_SUPER_MAGIC: usize = 0x9fa0;

/// Of /proc, open.
pub(crate) struct Children(Fd);

impl Children {
    /// `None` where there is no /proc, or a kernel without CONFIG_PROC_CHILDREN. What is there in its place is the
    /// container's, and not read.
    pub(crate) fn open() -> Option<Self> {
        let path = c"/proc/thread-self/children".as_ptr().expose_provenance();
        let flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
        // SAFETY: openat(2) reads the path up to its NUL.
        let opened = unsafe { call(number::OPENAT, [AT_FDCWD, path, flags, 0, 0, 0]) }.ok()?;
        let fd = Fd(as_i32(opened));
        if !is_procfs(fd) {
            super::close(fd);
            return None;
        }
        Some(Self(fd))
    }

    /// Calls `act` with each child; for how many it was true. A child that comes meanwhile may be left out.
    pub(crate) fn for_each(&self, act: impl Fn(Pid) -> bool) -> usize {
        let mut count = 0;
        let mut offset = 0;
        let mut text = [0; 4096];
        loop {
            let (pids, length) = whole(self.read(&mut text, offset));
            if length == 0 {
                return count;
            }
            count += pids.split(|byte| *byte == b' ').filter_map(Pid::parse).filter(|pid| act(*pid)).count();
            offset += length;
        }
    }

    fn read<'a>(&self, text: &'a mut [u8], offset: usize) -> &'a [u8] {
        let [to, room] = [text.as_mut_ptr().expose_provenance(), text.len()];
        // SAFETY: as many bytes are written at most as the slice has.
        let read = unsafe { call(number::PREAD64, [index(self.0.0), to, room, offset, 0, 0]) };
        text.get(..read.unwrap_or(0)).unwrap_or_default()
    }
}

fn is_procfs(file: Fd) -> bool {
    // struct statfs, with room to spare; the type is the first of it.
    let mut status = [0_usize; 32];
    // SAFETY: one struct statfs of 120 bytes is written.
    let asked = unsafe {
        call(number::FSTATFS, [index(file.0), (&raw mut status).expose_provenance(), 0, 0, 0, 0])
    };
    asked.is_ok() && status.first() == Some(&PROC_SUPER_MAGIC)
}

/// The numbers that are there in full, each with a space behind it, and their length with that.
fn whole(text: &[u8]) -> (&[u8], usize) {
    let end = text.iter().rposition(|byte| *byte == b' ');
    end.map_or((&[], 0), |end| (text.get(..end).unwrap_or_default(), end + 1))
}
