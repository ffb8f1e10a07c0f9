//! /etc/passwd and /etc/group of an image, and the user that is looked for in them. Three parts: the user, and the two files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [user, passwd, group] = holm_fuzz::parts(bytes);
    let user = String::from_utf8_lossy(user);
    if let Ok(found) = holm_image::lookup(passwd, group, &user) {
        assert!(found.uid != u32::MAX && found.gid != u32::MAX, "{found:?} is nobody's number");
    }
});
