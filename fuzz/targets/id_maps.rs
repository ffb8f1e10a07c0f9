//! Maps of ids, and the ranges of /etc/subuid.
#![no_main]

use holm_namespaces::idmap::{IdMap, Mapping, subid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<(u32, u32, u32)>, u32, String)| {
    let (mappings, id, text) = input;
    let ranges = subid::ranges(&text, "daemon", id);
    let mappings = mappings.into_iter().map(|(container, host, size)| Mapping { container, host, size });
    let Ok(map) = IdMap::new(mappings.collect()) else { return };
    if let Some(host) = map.to_host(id) {
        assert_eq!(map.to_container(host), Some(id));
    }
    let _ = (map.to_string(), subid::check(&map, id, &ranges));
});
