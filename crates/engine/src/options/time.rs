//! `--time`: where the time namespace comes from, or how far its clocks are from the caller's.

use std::str::FromStr;

use holm_namespaces::{OffsetError, TimeOffsets};

use super::{Invalid, NamespaceMode};

/// The time namespace of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeMode {
    /// Where it comes from.
    pub mode: NamespaceMode,
    /// How far the clocks of a new one are from the caller's.
    pub offsets: Option<TimeOffsets>,
}

impl FromStr for TimeMode {
    type Err = Invalid;

    /// A mode as of every namespace, or the offsets of a private one: `monotonic=+3600,boottime=-60.5`, in seconds.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        if !text.contains('=') {
            return Ok(Self { mode: text.parse()?, offsets: None });
        }
        let offsets = text.parse().map_err(|error: OffsetError| {
            let hint = if error.text.starts_with("realtime") {
                "the clock of the day is the same everywhere; those of a namespace are monotonic and boottime"
            } else {
                "give each clock once: monotonic=+3600,boottime=-60"
            };
            Invalid::new(error.to_string()).with_hint(hint)
        })?;
        Ok(Self { mode: NamespaceMode::Private, offsets: Some(offsets) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holm_namespaces::TimeOffset;

    #[test]
    fn offsets_are_those_of_a_private_namespace() {
        let time: TimeMode = "monotonic=+3600,boottime=-60".parse().unwrap();
        let offsets = time.offsets.unwrap();
        assert_eq!(time.mode, NamespaceMode::Private);
        assert_eq!(offsets.monotonic, Some(TimeOffset { seconds: 3600, nanoseconds: 0 }));
        assert_eq!(offsets.boottime, Some(TimeOffset { seconds: -60, nanoseconds: 0 }));
    }

    #[test]
    fn modes_as_for_the_others() {
        assert_eq!("host".parse::<TimeMode>().unwrap().mode, NamespaceMode::Host);
        assert_eq!("private".parse::<TimeMode>().unwrap(), TimeMode::default());
    }

    #[test]
    fn what_is_no_offset_is_refused_with_a_way_out() {
        for text in ["", "monotonic=", "monotonic=x", "monotonic=1,monotonic=2", "=1", "monotonic=--1"] {
            assert!(text.parse::<TimeMode>().is_err(), "{text}");
        }
        assert!("realtime=1".parse::<TimeMode>().unwrap_err().hint().unwrap().contains("same everywhere"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<TimeMode>();
        }
    }
}
