//! What an init, and a process in a container, answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = holm_init::Refusal::parse(bytes);
    let _ = holm_spec::read_process(bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    let _ = holm_seccomp::Program::try_from(text);
});
