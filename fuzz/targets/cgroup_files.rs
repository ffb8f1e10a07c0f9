//! The files of control groups and of resctrl.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    holm_cgroups::fuzzing::files(&text);
    if let Ok(path) = holm_cgroups::CgroupPath::parse(&text) {
        let inside = path.to_string().split('/').all(|name| !matches!(name, "." | ".."));
        assert!(inside, "{path}");
    }
});
