//! What the kernel answers over netlink.
#![no_main]

use holm_network::{Said, read_messages};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for message in read_messages(bytes) {
        if let Said::Address(address) = message.said {
            let _ = (address.is_lasting(), address.is_v6(), address.to_string());
        }
    }
});
