//! Doors for the targets in `fuzz/`, which are compiled with `--cfg fuzzing`.

use crate::systemd::fuzzing;

/// Reads what came over the bus.
pub fn message(bytes: &[u8]) {
    fuzzing::message(bytes);
}

/// Reads a text as each of the files of a group.
pub fn files(text: &str) {
    let _ = crate::file::pids(text).count();
    crate::stats::fuzzing::numbers(text);
    crate::rdt::fuzzing::schemata(text);
}

/// Looks for resctrl.
pub fn mountinfo(text: &[u8]) {
    let _ = crate::layout::find_resctrl(text);
}
