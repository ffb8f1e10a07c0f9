//! The children of this process, as proc_pid_task_children(5) lists them.

use super::{AT_FDCWD, Fd, O_CLOEXEC, Pid, as_i32, call, index, number};

/// Of /proc, open.
pub(crate) struct Children(Fd);

impl Children {
    /// `None` where there is no /proc, or a kernel without CONFIG_PROC_CHILDREN.
    pub(crate) fn open() -> Option<Self> {
        let path = c"/proc/thread-self/children";
        // SAFETY: openat(2) reads the path up to its NUL.
        let opened = unsafe { call(number::OPENAT, [AT_FDCWD, path.as_ptr().addr(), O_CLOEXEC, 0, 0, 0]) };
        opened.ok().map(|fd| Self(Fd(as_i32(fd))))
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
        let [to, room] = [text.as_mut_ptr().addr(), text.len()];
        // SAFETY: as many bytes are written at most as the slice has.
        let read = unsafe { call(number::PREAD64, [index(self.0.0), to, room, offset, 0, 0]) };
        text.get(..read.unwrap_or(0)).unwrap_or_default()
    }
}

/// The numbers that are there in full, each with a space behind it, and their length with that.
fn whole(text: &[u8]) -> (&[u8], usize) {
    let end = text.iter().rposition(|byte| *byte == b' ');
    end.map_or((&[], 0), |end| (text.get(..end).unwrap_or_default(), end + 1))
}
