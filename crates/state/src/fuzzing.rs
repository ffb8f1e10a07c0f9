//! Doors for the targets in `fuzz/`, which are compiled with `--cfg fuzzing`.

/// The parent and the start time in a text of /proc/PID/stat.
pub fn stat(text: &str) -> Option<(i32, u64)> {
    crate::process::Stat::parse(text).map(|stat| (stat.parent, stat.start_time))
}
