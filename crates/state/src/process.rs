//! A process that cannot be mistaken for a later one with the same pid.

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
        let (_, start_time) = stat(pid.as_raw_nonzero().get())?;
        Some(Self { pid: pid.as_raw_nonzero().get(), start_time })
    }

    /// The first child of this process; `None` when it has none (or the kernel lacks CONFIG_PROC_CHILDREN).
    pub fn first_child(self) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid)).ok()?;
        let first = text.split_ascii_whitespace().next()?.parse().ok()?;
        Self::of(Pid::from_raw(first)?)
    }

    /// The pid.
    pub fn pid(self) -> Option<Pid> {
        Pid::from_raw(self.pid)
    }

    /// Whether this very process still runs; a zombie does not.
    pub fn is_alive(self) -> bool {
        stat(self.pid)
            .is_some_and(|(state, start_time)| start_time == self.start_time && !matches!(state, 'Z' | 'X'))
    }
}

/// The state and the start time of a process.
fn stat(pid: i32) -> Option<(char, u64)> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&String::from_utf8_lossy(&text))
}

/// The name in the second field may hold anything, parentheses too; what follows the last one does not.
fn parse_stat(text: &str) -> Option<(char, u64)> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // `state` is field 3, so field 22 is the nineteenth after it.
    let start_time = fields.nth(18)?.parse().ok()?;
    Some((state, start_time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let text = "7 (a) R 1 (b)) S 1 7 7 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        assert_eq!(parse_stat(text), Some(('S', 4242)));
    }

    #[test]
    fn this_process_is_alive_and_another_with_its_pid_is_not() {
        let own = ProcessId::of(rustix::process::getpid()).unwrap();
        assert!(own.is_alive());
        assert!(!ProcessId { start_time: own.start_time + 1, ..own }.is_alive());
    }
}
