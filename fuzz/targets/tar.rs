//! A tar archive, once as it is and once with the right sums in its headers.
#![no_main]

use holm_image::fuzzing::{read_tar, with_sums};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    read_tar(bytes);
    read_tar(&with_sums(bytes));
});
