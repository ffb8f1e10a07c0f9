//! A process that cannot be mistaken for a later one with the same pid.

use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

/// A pid with the time at which its process started, in clock ticks since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The pid, in the PID namespace of who asks.
    pub pid: i32,
    /// Field 22 of /proc/PID/stat (proc_pid_stat(5)).
    pub start_time: u64,
}

impl ProcessId {
    /// The process that has `pid` now; `None` when there is none.
    pub fn of(pid: Pid) -> Option<Self> {
        let pid = pid.as_raw_nonzero().get();
        Some(Self { pid, start_time: Stat::of(pid).ok()?.start_time })
    }

    /// The oldest living child of this process; `None` when it has none (or the kernel lacks CONFIG_PROC_CHILDREN).
    pub fn first_child(self) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid)).ok()?;
        let pids = text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok());
        let first = pids.filter_map(|pid| self.living_child(pid)).next()?;
        // What was read were the children of this very process.
        self.is_alive().then_some(first)
    }

    /// The process with `pid`, if it is a child of the one with this pid: it may be a later one meanwhile.
    fn living_child(self, pid: i32) -> Option<Self> {
        let stat = Stat::of(pid).ok().filter(|stat| stat.parent == self.pid && stat.is_alive())?;
        Some(Self { pid, start_time: stat.start_time })
    }

    /// The pid.
    pub fn pid(self) -> Option<Pid> {
        holm_sys::pid_of_number(self.pid)
    }

    /// Whether this very process still runs; a zombie does not. One that cannot be asked about, for want of descriptors
    /// or memory, is taken to: nobody is to remove what is left of it.
    pub fn is_alive(self) -> bool {
        match Stat::of(self.pid) {
            Ok(stat) => stat.start_time == self.start_time && stat.is_alive(),
            Err(error) => {
                // ESRCH: it went while it was read.
                let gone = [Errno::NOENT, Errno::SRCH].map(Errno::raw_os_error);
                !error.raw_os_error().is_some_and(|errno| gone.contains(&errno))
            }
        }
    }
}

/// What is wanted of /proc/PID/stat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    state: char,
    pub(crate) parent: i32,
    pub(crate) start_time: u64,
}

impl Stat {
    fn of(pid: i32) -> std::io::Result<Self> {
        let text = std::fs::read(format!("/proc/{pid}/stat"))?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| std::io::ErrorKind::InvalidData.into())
    }

    /// The name in the second field may hold anything, parentheses too; what follows the last one does not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // `parent` is field 4, so field 22 is the eighteenth after it.
        let start_time = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, start_time })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "7 (a) R 1 (b)) S 1 7 7 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        assert_eq!(Stat::parse(text), Some(Stat { state: 'S', parent: 1, start_time: 4242 }));
    }

    #[test]
    fn the_first_child_is_one_that_lives() {
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let own = ProcessId::of(rustix::process::getpid()).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert_eq!(own.living_child(pid).unwrap().pid, pid);
        assert_eq!(ProcessId { pid: 1, start_time: 0 }.living_child(pid), None);
        child.kill().unwrap();
        child.wait().unwrap();
        ended.wait().unwrap();
        assert_eq!(own.living_child(pid), None);
    }

    #[test]
    fn this_process_is_alive_and_another_with_its_pid_is_not() {
        let own = ProcessId::of(rustix::process::getpid()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start_time: own.start_time + 1, ..own }.is_alive());
    }
}
