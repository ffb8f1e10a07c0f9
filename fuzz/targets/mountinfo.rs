//! /proc/PID/mountinfo and /proc/PID/cgroup, in two parts.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = holm_mounts::parse_mountinfo(bytes);
    let [mounts, cgroups] = holm_fuzz::parts(bytes);
    let _ = holm_cgroups::Layout::parse(mounts, cgroups);
    holm_cgroups::fuzzing::mountinfo(bytes);
});
