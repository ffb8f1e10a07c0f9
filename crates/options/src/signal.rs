//! Signals by name or number.

use std::fmt;
use std::str::FromStr;

use rustix::process::Signal;

use crate::Invalid;

/// The first and last real-time signals that a program may use: glibc keeps the first two of the kernel's.
const REALTIME: std::ops::RangeInclusive<i32> = 34..=64;

/// The number of a signal, real-time ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalNumber(i32);

impl SignalNumber {
    /// `SIGTERM`.
    pub const TERM: Self = Self(Signal::TERM.as_raw());
    /// `SIGKILL`.
    pub const KILL: Self = Self(Signal::KILL.as_raw());

    /// The number.
    pub const fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for SignalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, signal)| signal.as_raw() == self.0) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "SIGRTMIN+{}", self.0 - REALTIME.start()),
        }
    }
}

impl FromStr for SignalNumber {
    type Err = Invalid;

    /// A name of signal(7) in either case, with or without `SIG`; `RTMIN+N` and `RTMAX-N`; or a number.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let named = NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| signal.as_raw());
        named.or_else(|| realtime(name)).or_else(|| numbered(text)).map(Self).ok_or_else(|| {
            Invalid::new(format!("{text:?} is not a signal"))
                .with_hint("take a name of signal(7), such as TERM or SIGTERM, or a number")
        })
    }
}

fn realtime(name: &str) -> Option<i32> {
    let offset = |digits: &str| -> Option<i32> {
        let digits = digits.get(1..).unwrap_or("0");
        if digits.starts_with('+') { None } else { digits.parse::<u8>().ok().map(i32::from) }
    };
    let number = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) if rest.is_empty() || rest.starts_with('+') => REALTIME.start() + offset(rest)?,
        (_, Some(rest)) if rest.is_empty() || rest.starts_with('-') => REALTIME.end() - offset(rest)?,
        _ => return None,
    };
    REALTIME.contains(&number).then_some(number)
}

fn numbered(text: &str) -> Option<i32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number: i32 = digits.then(|| text.parse().ok())??;
    let known = NAMES.iter().any(|(_, signal)| signal.as_raw() == number);
    (known || REALTIME.contains(&number)).then_some(number)
}

const NAMES: &[(&str, Signal)] = &[
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("ILL", Signal::ILL),
    ("TRAP", Signal::TRAP),
    ("ABRT", Signal::ABORT),
    ("IOT", Signal::ABORT),
    ("BUS", Signal::BUS),
    ("FPE", Signal::FPE),
    ("KILL", Signal::KILL),
    ("USR1", Signal::USR1),
    ("SEGV", Signal::SEGV),
    ("USR2", Signal::USR2),
    ("PIPE", Signal::PIPE),
    ("ALRM", Signal::ALARM),
    ("TERM", Signal::TERM),
    ("STKFLT", Signal::STKFLT),
    ("CHLD", Signal::CHILD),
    ("CLD", Signal::CHILD),
    ("CONT", Signal::CONT),
    ("STOP", Signal::STOP),
    ("TSTP", Signal::TSTP),
    ("TTIN", Signal::TTIN),
    ("TTOU", Signal::TTOU),
    ("URG", Signal::URG),
    ("XCPU", Signal::XCPU),
    ("XFSZ", Signal::XFSZ),
    ("VTALRM", Signal::VTALARM),
    ("PROF", Signal::PROF),
    ("WINCH", Signal::WINCH),
    ("IO", Signal::IO),
    ("POLL", Signal::IO),
    ("PWR", Signal::POWER),
    ("SYS", Signal::SYS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_and_real_time_signals() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGTERM", 15),
            ("sigterm", 15),
            ("9", 9),
            ("RTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(text.parse::<SignalNumber>().unwrap().number(), number, "{text}");
        }
        for text in
            ["", "0", "-1", "32", "65", "SIG", "TERMS", "RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMINä", "+9"]
        {
            assert!(text.parse::<SignalNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn they_print_by_name() {
        assert_eq!(SignalNumber(15).to_string(), "SIGTERM");
        assert_eq!(SignalNumber(37).to_string(), "SIGRTMIN+3");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<SignalNumber>();
        }
    }
}
