//! `--memory`, `--cpus` and the other limits of what a container uses.

use std::str::FromStr;

use super::{DeviceRequest, Invalid, RuleRequest, Size};

/// What a container may use.
#[derive(Debug, Clone, Default)]
pub struct ResourceOptions {
    /// The most memory.
    pub memory: Option<Size>,
    /// The most memory and swap together.
    pub memory_swap: Option<SwapLimit>,
    /// The memory that is left to it when others need some.
    pub memory_reservation: Option<Size>,
    /// How many CPUs' time.
    pub cpus: Option<Cpus>,
    /// The share of CPU time among others.
    pub cpu_shares: Option<u64>,
    /// Which CPUs.
    pub cpuset_cpus: Option<String>,
    /// Which memory nodes.
    pub cpuset_mems: Option<String>,
    /// How many processes; -1 and 0 for any number.
    pub pids_limit: Option<i64>,
    /// The weight among others that use the same disks.
    pub blkio_weight: Option<u16>,
    /// Devices of the host.
    pub devices: Vec<DeviceRequest>,
    /// Rules for devices.
    pub device_rules: Vec<RuleRequest>,
}

/// A limit of memory and swap together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwapLimit {
    /// None.
    Unlimited,
    /// This much.
    Limited(Size),
}

impl FromStr for SwapLimit {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "-1" => Ok(Self::Unlimited),
            text => text.parse().map(Self::Limited),
        }
    }
}

/// A number of CPUs, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpus(u32);

impl Cpus {
    /// The time in each tenth of a second, in microseconds: `0.5` is half of it.
    pub fn quota(self) -> i64 {
        i64::from(self.0) * 100
    }
}

impl FromStr for Cpus {
    type Err = Invalid;

    /// A decimal number of at most three places, from 0.01 on.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let form = || {
            Invalid::new(format!("{text:?} is not a number of CPUs"))
                .with_hint("write a number from 0.01 on with at most three places, such as 1.5")
        };
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(places) || places.len() > 3 || whole.len() + places.len() == 0 {
            return Err(form());
        }
        let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok() };
        let thousandths = number(&format!("{places:0<3}")).ok_or_else(form)?;
        let whole = number(whole).and_then(|whole| whole.checked_mul(1000)).ok_or_else(form)?;
        match whole.checked_add(thousandths) {
            Some(cpus) if cpus >= 10 => Ok(Self(cpus)),
            _ => Err(form()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_cpus_are_time() {
        let known = [
            ("1", 100_000),
            ("0.5", 50_000),
            ("1.5", 150_000),
            (".25", 25_000),
            ("0.01", 1000),
            ("2.", 200_000),
        ];
        for (text, quota) in known {
            assert_eq!(text.parse::<Cpus>().unwrap().quota(), quota, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_cpus_is_refused() {
        for text in
            ["", ".", "0", "0.001", "-1", "1e3", "1.2345", "1,5", "+1", "5000000", "1.2.3", "99999999999"]
        {
            assert!(text.parse::<Cpus>().is_err(), "{text}");
        }
    }

    #[test]
    fn swap_has_a_word_for_no_limit() {
        assert_eq!("-1".parse(), Ok(SwapLimit::Unlimited));
        assert_eq!("1g".parse(), Ok(SwapLimit::Limited(Size::from_bytes(1 << 30))));
        assert!("-2".parse::<SwapLimit>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Cpus>();
            let _ = text.parse::<SwapLimit>();
        }
    }
}
