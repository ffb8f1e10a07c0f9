//! Lines of `schemata`: `L3:0=7f0;1=1f`, for each resource what each of its domains may use.

/// The first line of `wanted` that a group with `text` does not have. The kernel writes zeros ahead of numbers, and has lines and
/// domains that nobody asked for.
pub(super) fn difference<'a>(text: &str, wanted: &'a [String]) -> Option<&'a str> {
    let wanted = wanted.iter().flat_map(|lines| lines.lines());
    wanted.filter(|line| !line.trim().is_empty()).find(|line| !has(text, line))
}

fn has(text: &str, line: &str) -> bool {
    let Some((resource, domains)) = line.split_once(':') else { return false };
    let resource = resource.trim();
    let own = text.lines().filter_map(|line| line.split_once(':'));
    let own: Vec<_> = own.filter(|(name, _)| name.trim() == resource).map(|(_, domains)| domains).collect();
    pairs(domains).all(|(domain, value)| {
        let mut same = own.iter().flat_map(|domains| pairs(domains)).filter(|(other, _)| *other == domain);
        same.any(|(_, other)| is_same(resource, other, value))
    })
}

fn pairs(domains: &str) -> impl Iterator<Item = (&str, &str)> {
    let trimmed = domains.split(';').map(str::trim).filter(|text| !text.is_empty());
    trimmed.map(|text| {
        let (domain, value) = text.split_once('=').unwrap_or((text, ""));
        (domain.trim(), value.trim())
    })
}

/// Bandwidth is decimal, bits of a cache are hexadecimal.
fn is_same(resource: &str, one: &str, other: &str) -> bool {
    let radix = if resource.contains("MB") { 10 } else { 16 };
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), radix).ok();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "    MB:0= 20;1= 70\n    L3:0=007f0;1=0001f\nL2:0=f;1=f\n";

    fn differs(wanted: &[&str]) -> Option<String> {
        let wanted: Vec<String> = wanted.iter().map(|line| (*line).to_owned()).collect();
        difference(TEXT, &wanted).map(str::to_owned)
    }

    #[test]
    fn zeros_spaces_and_what_nobody_asked_for_make_no_difference() {
        assert_eq!(differs(&["L3:0=7f0;1=1f", "MB:1=70"]), None);
        assert_eq!(differs(&["L3:1=0x1f\nMB:0=20", "L2: 0 = f ; "]), None);
        assert_eq!(differs(&[]), None);
    }

    #[test]
    fn another_value_domain_or_resource_does() {
        for line in ["L3:0=7f1", "L3:2=7f0", "L3CODE:0=7f0", "MB:0=32", "MB:0=", "L3", "L3:0"] {
            assert_eq!(differs(&["MB:0=20", line]).as_deref(), Some(line));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", line in "\\PC*") {
            let _ = difference(&text, &[line]);
        }
    }
}
