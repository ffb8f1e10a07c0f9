//! What comes over a connection to D-Bus, and values as GVariant writes them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    holm_cgroups::fuzzing::message(bytes);
    let text = String::from_utf8_lossy(bytes);
    let (name, value) = text.split_once('=').unwrap_or(("CPUQuotaPerSec", &text));
    let _ = holm_cgroups::AskedProperty::parse(name, value);
});
