//! /proc/PID/stat: its second field is what a process calls itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    holm_state::fuzzing::stat(&String::from_utf8_lossy(bytes));
    // Whatever stands in the name, the fields behind it are found.
    let name = String::from_utf8_lossy(bytes).replace(')', "(");
    let tail = "S 7 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0";
    assert_eq!(holm_state::fuzzing::stat(&format!("1 ({name}) {tail}")), Some((7, 4242)));
});
