//! `--cap-add` and `--cap-drop`.

use std::str::FromStr;

use oci_spec::runtime::Capability;

use super::Invalid;

/// One capability, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CapabilityChoice {
    /// Every one that the kernel has.
    All,
    /// This one.
    One(Capability),
}

impl FromStr for CapabilityChoice {
    type Err = Invalid;

    /// A name of capabilities(7) in either case, with or without `CAP_`, or `ALL`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let upper = text.to_ascii_uppercase();
        if upper == "ALL" {
            return Ok(Self::All);
        }
        upper.strip_prefix("CAP_").unwrap_or(&upper).parse().map(Self::One).map_err(|_| {
            Invalid::new(format!("{text:?} is not a capability"))
                .with_hint("take a name of capabilities(7), such as NET_ADMIN or CAP_NET_ADMIN, or ALL")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_every_form() {
        for text in ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin"] {
            assert_eq!(
                text.parse::<CapabilityChoice>().unwrap(),
                CapabilityChoice::One(Capability::NetAdmin)
            );
        }
        assert_eq!("all".parse::<CapabilityChoice>().unwrap(), CapabilityChoice::All);
        for text in ["", "CAP_", "CAP_ALL", "CAP_CAP_CHOWN", "NET-ADMIN", "SYSADMIN"] {
            assert!(text.parse::<CapabilityChoice>().is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<CapabilityChoice>();
        }
    }
}
