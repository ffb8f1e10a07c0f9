//! `--uidmap` and `--gidmap`.

use std::str::FromStr;

use holm_namespaces::Mapping;

use super::Invalid;

/// A line of an id map, as `CONTAINER:HOST:SIZE`; the size is 1 when it is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapLine(pub Mapping);

impl FromStr for MapLine {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(format!("{text:?} is not a mapping of ids"))
                .with_hint("write CONTAINER:HOST:SIZE, such as 0:100000:65536")
        };
        let number =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
        let mut parts = text.split(':');
        let mut next = || parts.next().map(number);
        let (container, host, size) = (next(), next(), next());
        let (Some(Some(container)), Some(Some(host)), None | Some(Some(1..))) = (container, host, size)
        else {
            return Err(invalid());
        };
        let size = size.flatten().unwrap_or(1);
        let fits = |first: u32| first.checked_add(size).is_some();
        if parts.next().is_some() || !fits(container) || !fits(host) {
            return Err(invalid());
        }
        Ok(Self(Mapping { container, host, size }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_or_two() {
        let read = |text: &str| text.parse::<MapLine>().unwrap().0;
        assert_eq!(read("0:100000:65536"), Mapping { container: 0, host: 100_000, size: 65536 });
        assert_eq!(read("0:1000"), Mapping { container: 0, host: 1000, size: 1 });
    }

    #[test]
    fn what_is_no_mapping_is_refused() {
        for text in [
            "",
            "0",
            "0:",
            "0:1:",
            "0:1:0",
            "0:1:-1",
            "a:1:1",
            "0:1:1:1",
            "1:4294967295:2",
            "+0:1:1",
            "0:4294967296:1",
        ] {
            assert!(text.parse::<MapLine>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<MapLine>();
        }
    }
}
