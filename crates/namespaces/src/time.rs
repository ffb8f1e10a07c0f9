//! The offsets of a time namespace.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::str::FromStr;

use holm_sys::Context;
use serde::{Deserialize, Serialize};

/// By how much a clock is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TimeOffset {
    /// Seconds, which may be negative.
    pub seconds: i64,
    /// Nanoseconds, added to that; below 1,000,000,000.
    pub nanoseconds: u32,
}

/// The offsets of both clocks (time_namespaces(7)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TimeOffsets {
    /// Of `CLOCK_MONOTONIC` and its like.
    pub monotonic: Option<TimeOffset>,
    /// Of `CLOCK_BOOTTIME` and its like, and of what uptime(1) says.
    pub boottime: Option<TimeOffset>,
}

/// Text that gives no offsets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} gives no clock offset; one looks like monotonic=+3600 or boottime=-60.5")]
pub struct OffsetError {
    /// The text.
    pub text: String,
}

impl TimeOffsets {
    /// Writes the offsets for the namespace that the caller has just made: /proc/self/timens_offsets takes them until the
    /// first process is in it.
    ///
    /// # Errors
    ///
    /// `ERANGE` when a clock would go below zero or beyond 146 years; `EACCES` when a process is in it already.
    pub fn write(&self) -> holm_sys::Result<()> {
        if *self == Self::default() {
            return Ok(());
        }
        let file = File::options().write(true).open("/proc/self/timens_offsets");
        self.write_to(file.call(|| "open(\"/proc/self/timens_offsets\", O_WRONLY)")?)
    }

    /// The same into a file that was opened before: that of a process that is closed to others (`PR_SET_DUMPABLE`)
    /// belongs to root, and can no longer be opened by anybody else.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn write_to(&self, mut file: File) -> holm_sys::Result<()> {
        let text = self.to_string().replace(", ", "\n");
        let written = if text.is_empty() { Ok(()) } else { file.write_all(text.as_bytes()) };
        written.call(|| format!("write(\"/proc/self/timens_offsets\", {text:?})"))
    }
}

impl fmt::Display for TimeOffsets {
    /// `monotonic 3600 0, boottime -60 0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clocks = [("monotonic", self.monotonic), ("boottime", self.boottime)];
        let given = clocks.iter().filter_map(|(name, offset)| offset.map(|offset| (name, offset)));
        for (index, (name, offset)) in given.enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {} {}", offset.seconds, offset.nanoseconds)?;
        }
        Ok(())
    }
}

impl FromStr for TimeOffsets {
    type Err = OffsetError;

    /// `monotonic=+3600,boottime=-60.5`.
    fn from_str(text: &str) -> Result<Self, OffsetError> {
        let mut offsets = Self::default();
        for part in text.split(',') {
            let error = || OffsetError { text: part.to_owned() };
            let (clock, offset) = part.split_once('=').ok_or_else(error)?;
            let slot = match clock {
                "monotonic" => &mut offsets.monotonic,
                "boottime" => &mut offsets.boottime,
                _ => return Err(error()),
            };
            if slot.replace(parse_offset(offset).ok_or_else(error)?).is_some() {
                return Err(error());
            }
        }
        Ok(offsets)
    }
}

/// The kernel adds the nanoseconds, so a negative number with a fraction borrows a second.
fn parse_offset(text: &str) -> Option<TimeOffset> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanoseconds: u32 = format!("{fraction:0<9}").parse().ok()?;
    match (negative, nanoseconds) {
        (false, nanoseconds) => Some(TimeOffset { seconds, nanoseconds }),
        (true, 0) => Some(TimeOffset { seconds: -seconds, nanoseconds: 0 }),
        (true, nanoseconds) => {
            Some(TimeOffset { seconds: (-seconds).checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_with_signs_and_fractions() {
        let offsets: TimeOffsets = "monotonic=+3600,boottime=-60.5".parse().unwrap();
        assert_eq!(offsets.monotonic, Some(TimeOffset { seconds: 3600, nanoseconds: 0 }));
        assert_eq!(offsets.boottime, Some(TimeOffset { seconds: -61, nanoseconds: 500_000_000 }));
        assert_eq!(offsets.to_string(), "monotonic 3600 0, boottime -61 500000000");
    }

    #[test]
    fn what_is_no_offset_is_refused() {
        for text in [
            "",
            "monotonic",
            "monotonic=",
            "realtime=1",
            "monotonic=1,monotonic=2",
            "boottime=1e3",
            "boottime=--1",
            "boottime=99999999999999999999",
            "boottime=0.1234567890",
        ] {
            assert!(text.parse::<TimeOffsets>().is_err(), "{text:?}");
        }
    }
}
