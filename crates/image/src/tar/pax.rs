//! Extended headers as pax writes them: records of `LENGTH KEY=VALUE\n`.

use super::sparse::PaxSparse;

/// The longest extended header that is read, in bytes. Linux bounds one attribute to 64 KiB and a name to 4 KiB.
pub(super) const LONGEST: u64 = 1 << 20;

/// What extended headers say of the entry that follows.
#[derive(Default)]
pub(super) struct Pax {
    pub(super) name: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i128>,
    pub(super) gid: Option<i128>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: PaxSparse,
}

impl Pax {
    /// Takes the records of one extended header; `Err` says what is wrong with them.
    pub(super) fn extend(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        // Some programs fill the block up with zeros within the promised length.
        while records.first().is_some_and(|first| *first != 0) {
            let (key, value, rest) = record(records).ok_or("a malformed extended record")?;
            self.set(key, value)?;
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.retain(|(known, _)| known != name);
            self.xattrs.push((name.to_vec(), value.to_vec()));
            return Ok(());
        }
        if let Some(key) = key.strip_prefix(b"GNU.sparse.") {
            return self.sparse.set(key, value);
        }
        // An empty value takes an earlier record back.
        let given = !value.is_empty();
        match key {
            b"path" => self.name = given.then(|| value.to_vec()),
            b"linkpath" => self.link = given.then(|| value.to_vec()),
            b"size" => self.size = given.then(|| decimal(value)).transpose()?,
            b"uid" => self.uid = given.then(|| decimal(value).map(i128::from)).transpose()?,
            b"gid" => self.gid = given.then(|| decimal(value).map(i128::from)).transpose()?,
            b"mtime" => self.mtime = given.then(|| time(value)).transpose()?,
            _ => {}
        }
        Ok(())
    }
}

/// Key, value and what follows of the first record.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(records.get(..space)?).ok()?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = record.split_at_checked(equals)?;
    (!key.is_empty()).then_some((key, value.get(1..)?, rest))
}

/// A number without sign, in decimal.
pub(super) fn decimal(digits: &[u8]) -> Result<u64, &'static str> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    if text.starts_with('+') {
        return Err("a number with a sign");
    }
    text.parse().map_err(|_| "a number that is none or too large")
}

/// Seconds since 1970 and nanoseconds, of a decimal fraction that may be negative.
fn time(value: &[u8]) -> Result<(i64, u32), &'static str> {
    const WRONG: &str = "a time that is none";
    let (negative, digits) = value.strip_prefix(b"-").map_or((false, value), |digits| (true, digits));
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next().ok_or(WRONG)?)?).map_err(|_| WRONG)?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return Err(WRONG);
    }
    let digits = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    Ok(match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_hold_newlines_and_equal_signs() {
        let mut pax = Pax::default();
        pax.extend(b"28 SCHILY.xattr.user.x=a\nb=\n18 path=some/name\n").unwrap();
        assert_eq!(pax.xattrs, [(b"user.x".to_vec(), b"a\nb=".to_vec())]);
        assert_eq!(pax.name.as_deref(), Some(&b"some/name"[..]));
    }

    #[test]
    fn times_have_nanoseconds_and_may_lie_before_1970() {
        assert_eq!(time(b"1350244992.023960108"), Ok((1_350_244_992, 23_960_108)));
        assert_eq!(time(b"12"), Ok((12, 0)));
        assert_eq!(time(b"1.5"), Ok((1, 500_000_000)));
        assert_eq!(time(b"-1.25"), Ok((-2, 750_000_000)));
        assert_eq!(time(b"1.0000000019"), Ok((1, 1)));
        assert!(time(b"1.x").is_err() && time(b"").is_err() && time(b"--1").is_err());
    }

    #[test]
    fn malformed_records_are_refused() {
        for records in
            [&b"9 a=b\n"[..], b"x a=b\n", b"6 a=b\r", b"5 =b\n", b"99999999999999999999999 a=b\n", b"0 a=b\n"]
        {
            assert!(Pax::default().extend(records).is_err(), "{records:?}");
        }
        assert!(Pax::default().extend(b"10 size=-1\n").is_err());
    }
}
