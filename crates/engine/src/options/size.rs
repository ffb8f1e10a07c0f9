//! Sizes in bytes, as Docker writes them: `64m`, `2g`, `512`.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// A number of bytes, never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// `bytes` bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Size {
    /// In bytes, which tmpfs(5) takes as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Size {
    type Err = Invalid;

    /// Digits and one of `b`, `k`, `m`, `g`, `t` in powers of 1024, in either case; `kb` and `kib` are taken for `k`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let shift = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(not_a_size(text)),
        };
        let number: u64 = digits.parse().map_err(|_| not_a_size(text))?;
        match number.checked_mul(1 << shift) {
            Some(0) => {
                Err(Invalid::new("a size of nothing holds nothing")
                    .with_hint("write a size such as 64m or 2g"))
            }
            Some(bytes) if i64::try_from(bytes).is_ok() => Ok(Self(bytes)),
            _ => Err(Invalid::new(format!("{text:?} is more than any file system holds"))),
        }
    }
}

fn not_a_size(text: &str) -> Invalid {
    Invalid::new(format!("{text:?} is not a size"))
        .with_hint("write digits and one of b, k, m, g: 64m is 64 times 1024 times 1024 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_powers_of_1024() {
        for (text, bytes) in [("512", 512), ("1k", 1024), ("64m", 64 << 20), ("2G", 2 << 30), ("3KiB", 3072)]
        {
            assert_eq!(text.parse::<Size>().unwrap().bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "m", "-1", "1.5g", "1x", "0", "0m", "99999999999t", "18446744073709551616", "1 m", "+1"]
        {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Size>();
        }

        #[test]
        fn what_is_printed_is_read(bytes in 1..i64::MAX as u64) {
            assert_eq!(Size(bytes).to_string().parse::<Size>().unwrap(), Size(bytes));
        }
    }
}
