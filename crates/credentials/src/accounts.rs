//! Names of users in the text of an accounts file (passwd(5)).

/// The name of the user with this number, as the first line has it that does.
pub fn name_of(accounts: &str, uid: u32) -> Option<&str> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let accounts = "root:x:0:0::/root:/bin/sh\nbroken\nalice:x:1000:1000::/:/bin/sh\nbob:x:1000:1::/:\n";
        assert_eq!(name_of(accounts, 1000), Some("alice"));
        assert_eq!(name_of(accounts, 1), None);
    }
}
