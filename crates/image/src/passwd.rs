//! Users and groups as passwd(5) and group(5) list them: from `USER[:GROUP]` to numbers.
//!
//! Pure: the files are given as text, which comes from an image and is not trusted to be well formed.

/// Whom a process runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
    /// The other groups, without duplicates, in the order of the group file; empty if a group was asked for.
    pub additional_gids: Vec<u32>,
    /// The home directory, if the user is listed and has one.
    pub home: Option<String>,
    /// The name, if the user is listed.
    pub name: Option<String>,
}

/// Why a user cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserError {
    /// Neither a name nor a number.
    #[error("cannot run as {text:?}: {part:?} is neither a name nor a number below 4294967295")]
    Malformed {
        /// What was asked for.
        text: String,
        /// The part of it that is wrong.
        part: String,
    },
    /// No such user.
    #[error("cannot run as {text:?}: the container's /etc/passwd has no user {name:?}")]
    NoUser {
        /// What was asked for.
        text: String,
        /// The name that is not listed.
        name: String,
    },
    /// No such group.
    #[error("cannot run as {text:?}: the container's /etc/group has no group {name:?}")]
    NoGroup {
        /// What was asked for.
        text: String,
        /// The name that is not listed.
        name: String,
    },
}

impl UserError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { .. } => Some("write USER[:GROUP], each as a name or a decimal number".into()),
            Self::NoUser { .. } | Self::NoGroup { .. } => Some("a number does not need to be listed".into()),
        }
    }
}

/// A user or group as it was asked for.
enum Wanted<'a> {
    Id(u32),
    Name(&'a str),
}

/// Finds `user`, written `USER[:GROUP]`, in the text of `/etc/passwd` and `/etc/group`.
///
/// Nothing is user 0. Digits alone are always a number and never a name; a number need not be listed, and has group 0
/// then. The additional groups are those that list the user, unless a group is given.
///
/// # Errors
///
/// A [`UserError`]. Signs, leading zeros, numbers with other characters behind them and numbers from 4294967295 on are
/// refused rather than guessed at.
pub fn lookup(passwd: &[u8], group: &[u8], user: &str) -> Result<User, UserError> {
    let (user_part, group_part) = user.split_once(':').map_or((user, ""), |(user, group)| (user, group));
    let wanted = if user_part.is_empty() { Wanted::Id(0) } else { parse(user, user_part)? };
    let mut found = match (&wanted, entry(passwd, &wanted)) {
        (_, Some(found)) => found,
        (Wanted::Id(uid), None) => User { uid: *uid, ..User::default() },
        (Wanted::Name(name), None) => {
            return Err(UserError::NoUser { text: user.to_owned(), name: (*name).to_owned() });
        }
    };
    if group_part.is_empty() {
        found.additional_gids = found.name.as_deref().map_or_else(Vec::new, |name| groups_of(group, name));
        return Ok(found);
    }
    found.gid = match parse(user, group_part)? {
        Wanted::Id(gid) => gid,
        Wanted::Name(name) => lines(group)
            .find(|fields| fields.first() == Some(&name))
            .and_then(|fields| id(fields.get(2)?))
            .ok_or_else(|| UserError::NoGroup { text: user.to_owned(), name: name.to_owned() })?,
    };
    Ok(found)
}

fn parse<'a>(text: &str, part: &'a str) -> Result<Wanted<'a>, UserError> {
    let malformed = || UserError::Malformed { text: text.to_owned(), part: part.to_owned() };
    if part.starts_with(|first: char| first.is_ascii_digit()) {
        return id(part).map(Wanted::Id).ok_or_else(malformed);
    }
    let is_name = !part.starts_with(['-', '+'])
        && !part.contains(|each: char| {
            each.is_whitespace() || each.is_control() || matches!(each, ':' | ',' | '/')
        });
    is_name.then_some(Wanted::Name(part)).ok_or_else(malformed)
}

/// A decimal number without sign or leading zeros; the highest one means "none" to the kernel.
fn id(digits: &str) -> Option<u32> {
    let plain =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|id| plain && *id != u32::MAX)
}

/// The fields of the lines that are text.
fn lines(content: &[u8]) -> impl Iterator<Item = Vec<&str>> {
    content
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.trim_end_matches('\r').split(':').collect())
}

fn entry(passwd: &[u8], wanted: &Wanted) -> Option<User> {
    lines(passwd).find_map(|fields| {
        let (name, uid) = (*fields.first()?, id(fields.get(2)?)?);
        let matches = match wanted {
            Wanted::Id(wanted) => *wanted == uid,
            Wanted::Name(wanted) => *wanted == name,
        };
        let home = fields.get(5).filter(|home| !home.is_empty()).map(|home| (*home).to_owned());
        let gid = id(fields.get(3)?)?;
        let listed = !name.is_empty() && matches;
        listed.then(|| User { uid, gid, home, name: Some(name.to_owned()), additional_gids: Vec::new() })
    })
}

/// The groups that list `user` as a member.
fn groups_of(group: &[u8], user: &str) -> Vec<u32> {
    let mut gids = Vec::new();
    for fields in lines(group) {
        let is_member = fields.get(3).is_some_and(|members| members.split(',').any(|member| member == user));
        if let Some(gid) = fields.get(2).and_then(|digits| id(digits)).filter(|_| is_member)
            && !gids.contains(&gid)
        {
            gids.push(gid);
        }
    }
    gids
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n\xff\xfe broken\n# www:x:1:1::/:\n\
        www:x:33:34:www:/var/www:/bin/sh\nnohome:x:50:50:::\nbad:x:-1:0::/:\n7:x:0:0::/evil:/\n";
    const GROUP: &[u8] = b"root:x:0:\nwww:x:34:\nextra:x:100:www,other\nmore:x:101:other,www\nextra2:x:100:www\nbad:x:1x:www\n";

    fn found(user: &str) -> User {
        lookup(PASSWD, GROUP, user).unwrap()
    }

    #[test]
    fn nothing_is_root() {
        assert_eq!((found("").uid, found("").gid, found("").home.as_deref()), (0, 0, Some("/root")));
        assert_eq!(lookup(b"", b"", "").unwrap(), User::default());
    }

    #[test]
    fn a_name_brings_its_groups_and_home() {
        let www = found("www");
        assert_eq!((www.uid, www.gid, &www.additional_gids[..]), (33, 34, &[100, 101][..]));
        assert_eq!(www.home.as_deref(), Some("/var/www"));
        assert_eq!(found("33"), www);
        assert_eq!(found("nohome").home, None);
        assert_eq!(found("www:"), www);
    }

    #[test]
    fn a_given_group_replaces_all_others() {
        for user in ["www:extra", "www:100", "33:100", "33:extra"] {
            assert_eq!(
                (found(user).uid, found(user).gid, found(user).additional_gids),
                (33, 100, vec![]),
                "{user}"
            );
        }
    }

    #[test]
    fn a_number_need_not_be_listed_and_is_never_a_name() {
        assert_eq!(found("4242"), User { uid: 4242, ..User::default() });
        assert_eq!(found("4294967294:4294967294").gid, 4_294_967_294);
        assert_eq!((found("7").uid, found("7").home), (7, None));
    }

    #[test]
    fn what_is_neither_name_nor_number_is_refused() {
        for user in [
            "-1",
            "1x",
            "+1",
            " 1",
            "1 ",
            "01",
            "4294967295",
            "99999999999",
            "0x0",
            "1:-1",
            "1:1:1",
            "a\nb",
            "a/b",
            "www:34x",
        ] {
            assert!(matches!(lookup(PASSWD, GROUP, user), Err(UserError::Malformed { .. })), "{user:?}");
        }
        assert!(matches!(lookup(PASSWD, GROUP, "nobody"), Err(UserError::NoUser { .. })));
        assert!(matches!(lookup(PASSWD, GROUP, "bad"), Err(UserError::NoUser { .. })));
        assert!(matches!(lookup(PASSWD, GROUP, "www:nogroup"), Err(UserError::NoGroup { .. })));
        assert!(matches!(lookup(PASSWD, GROUP, "www:bad"), Err(UserError::NoGroup { .. })));
    }
}
