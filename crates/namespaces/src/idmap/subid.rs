//! /etc/subuid and /etc/subgid: which ids an ordinary user may map (subuid(5)).

use crate::IdMap;

/// A range of ids that belongs to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub start: u32,
    /// How many.
    pub count: u32,
}

/// The ranges that the text of such a file gives to a user, who is named by name or by uid. A line that is not of the
/// form `name:start:count` is passed over, as newuidmap(1) does.
pub fn ranges(text: &str, name: &str, uid: u32) -> Vec<Range> {
    let number = uid.to_string();
    let range = |line: &str| {
        let mut fields = line.trim().split(':');
        let (owner, start, count) =
            (fields.next()?, fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let ours = (owner == name || owner == number) && fields.next().is_none() && count > 0;
        ours.then_some(Range { start, count })
    };
    text.lines().filter_map(range).collect()
}

/// An id that a user may not map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("id {id} of the host is not this user's to map")]
pub struct NotAllowed {
    /// The id.
    pub id: u32,
}

/// Checks that a user who is `own` and has `ranges` may write `map`, as newuidmap(1) will check it.
///
/// # Errors
///
/// With the first id that is not covered.
pub fn check(map: &IdMap, own: u32, ranges: &[Range]) -> Result<(), NotAllowed> {
    for mapping in map.mappings() {
        let mut id = mapping.host;
        let end = mapping.host.saturating_add(mapping.size);
        while id < end {
            let cover = ranges.iter().find_map(|range| {
                let last = range.start.saturating_add(range.count);
                (range.start <= id && id < last).then_some(last)
            });
            id = match cover {
                Some(last) => last,
                None if id == own => id + 1,
                None => return Err(NotAllowed { id }),
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mapping;

    const TEXT: &str = "root:1:2\nalice:100000:65536\n# comment\nbad:line\n1000:300000:10\nalice:x:1\n";

    #[test]
    fn ranges_are_found_by_name_and_by_uid() {
        let expected = [Range { start: 100_000, count: 65536 }, Range { start: 300_000, count: 10 }];
        assert_eq!(ranges(TEXT, "alice", 1000), expected);
        assert!(ranges(TEXT, "bob", 1001).is_empty());
    }

    #[test]
    fn the_first_id_that_is_not_covered_is_named() {
        let map = IdMap::new(vec![
            Mapping { container: 0, host: 1000, size: 1 },
            Mapping { container: 1, host: 100_000, size: 65537 },
        ]);
        let own = ranges(TEXT, "alice", 1000);
        assert_eq!(check(&map.unwrap(), 1000, &own), Err(NotAllowed { id: 165_536 }));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", uid: u32) {
            let _ = ranges(&text, "alice", uid);
        }
    }
}
