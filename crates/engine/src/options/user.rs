//! `--user`: a user and a group, each by name or by number.

use std::fmt;
use std::str::FromStr;

use super::Invalid;

/// A user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// By number.
    Id(u32),
    /// By name, to be looked up in the container's own /etc/passwd or /etc/group.
    Name(String),
}

/// Who a command runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSpec {
    /// The user.
    pub user: Account,
    /// The group; the user's own when it is not said.
    pub group: Option<Account>,
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for UserSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.user.fmt(f)?;
        self.group.as_ref().map_or(Ok(()), |group| write!(f, ":{group}"))
    }
}

impl FromStr for UserSpec {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some((user, group)) => Ok(Self { user: account(user)?, group: Some(account(group)?) }),
            None => Ok(Self { user: account(text)?, group: None }),
        }
    }
}

/// What is all digits is a number, and must be a whole one in range: no text that was meant for one id is ever
/// taken for another.
fn account(text: &str) -> Result<Account, Invalid> {
    let invalid = || {
        Invalid::new(format!("{text:?} is neither the name of a user or group nor an id"))
            .with_hint("write USER or USER:GROUP, each a name or a number from 0 to 4294967294")
    };
    if text.is_empty() {
        return Err(invalid());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        // (uid_t) -1 means "unchanged" to the kernel (setresuid(2)), and is nobody's id.
        return match text.parse() {
            Ok(id) if id != u32::MAX => Ok(Account::Id(id)),
            _ => Err(invalid()),
        };
    }
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ':' | '/' | ',' | '=');
    if text.chars().all(allowed) && !text.starts_with(['-', '+']) {
        Ok(Account::Name(text.to_owned()))
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let read = |text: &str| text.parse::<UserSpec>().unwrap();
        assert_eq!(read("1000"), UserSpec { user: Account::Id(1000), group: None });
        assert_eq!(
            read("www-data:4"),
            UserSpec { user: Account::Name("www-data".into()), group: Some(Account::Id(4)) }
        );
    }

    #[test]
    fn what_is_nearly_a_number_is_never_root() {
        for text in [
            "",
            ":",
            "1:",
            ":1",
            " 1",
            "1 ",
            "-1",
            "+1",
            "4294967295",
            "4294967296",
            "99999999999",
            "a:b:c",
            "a b",
            "a\n",
        ] {
            assert!(text.parse::<UserSpec>().is_err(), "{text:?}");
        }
        // Not a number, so a name, which no passwd file of sane making has.
        assert_eq!("0x0".parse::<UserSpec>().unwrap().user, Account::Name("0x0".into()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<UserSpec>();
        }
    }
}
