//! Numbers of processes that come from texts.

use rustix::process::Pid;

/// The process of this number. There are none below 1, though the kernel writes 0 for one that is out of sight, and -1 in
/// the fdinfo of a pidfd for one that has been waited for; kill(2) takes such a number for several processes.
pub fn pid_of_number(number: i32) -> Option<Pid> {
    if number > 0 { Pid::from_raw(number) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_below_one_is_no_process() {
        assert_eq!(pid_of_number(1), Some(Pid::INIT));
        for number in [0, -1, i32::MIN] {
            assert_eq!(pid_of_number(number), None);
        }
    }
}
