//! Rules for devices as systemd has them: a policy, and what is allowed beside it (systemd.resource-control(5)).

use super::Property;
use super::bus::value::Value;
use crate::{DevicePolicy, DeviceType, Exception};

/// Nothing but what is listed, where all rules can be said so; otherwise systemd leaves it to the rules that Holm sets by
/// itself, which hold beside those of systemd.
pub(super) fn properties(policy: &DevicePolicy) -> Vec<Property> {
    let numbers = std::fs::read_to_string("/proc/devices").unwrap_or_default();
    let allowed: Option<Vec<Value>> =
        policy.exceptions().iter().map(|exception| entry(exception, &numbers)).collect();
    match allowed.filter(|_| !policy.default_allow()) {
        Some(allowed) => properties_of("strict", allowed),
        None => properties_of("auto", Vec::new()),
    }
}

/// The list is emptied before it is filled: what is set is added to what was there.
fn properties_of(policy: &str, allowed: Vec<Value>) -> Vec<Property> {
    let list = |entries| Property::new("DeviceAllow", Value::Array("(ss)".into(), entries));
    let mut properties = vec![Property::new("DevicePolicy", Value::text(policy)), list(Vec::new())];
    if !allowed.is_empty() {
        properties.push(list(allowed));
    }
    properties
}

/// One device by its number, or all that have the major number by the name of their driver.
fn entry(exception: &Exception, numbers: &str) -> Option<Value> {
    let kind = match exception.kind {
        DeviceType::Char => "char",
        DeviceType::Block => "block",
        DeviceType::All => return None,
    };
    let device = match (exception.major, exception.minor) {
        (None, None) => format!("{kind}-*"),
        (None, Some(_)) => return None,
        (Some(major), None) => format!("{kind}-{}", driver(numbers, kind, major)?),
        (Some(major), Some(minor)) => format!("/dev/{kind}/{major}:{minor}"),
    };
    Some(Value::Struct(vec![Value::Text(device), Value::Text(exception.access.to_string())]))
}

/// The name in /proc/devices; a driver that has several numbers there would allow more than was asked for.
fn driver<'a>(numbers: &'a str, kind: &str, major: u32) -> Option<&'a str> {
    let (chars, blocks) = numbers.split_once("Block devices:")?;
    let section = if kind == "char" { chars } else { blocks };
    let lines = || section.lines().filter_map(|line| line.trim().split_once(' '));
    let (_, name) = lines().find(|(number, _)| number.parse() == Ok(major))?;
    (lines().filter(|(_, other)| *other == name).count() == 1).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, DeviceRule};

    const NUMBERS: &str = "Character devices:\n  1 mem\n  4 tty\n136 pts\n 10 misc\n\nBlock devices:\n  8 sd\n 65 sd\n  7 loop\n";

    #[test]
    fn devices_are_named_as_systemd_reads_them() {
        let named = |kind, major, minor| {
            let exception = Exception { kind, major, minor, access: Access::ALL };
            entry(&exception, NUMBERS).map(|value| match value {
                Value::Struct(pair) => pair[0].as_text().unwrap().to_owned(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(named(DeviceType::Char, Some(1), Some(3)).as_deref(), Some("/dev/char/1:3"));
        assert_eq!(named(DeviceType::Char, Some(136), None).as_deref(), Some("char-pts"));
        assert_eq!(named(DeviceType::Block, Some(7), None).as_deref(), Some("block-loop"));
        assert_eq!(named(DeviceType::Block, None, None).as_deref(), Some("block-*"));
        // Two numbers have the name sd; nothing has 99; a minor number alone has no name.
        assert_eq!(named(DeviceType::Block, Some(8), None), None);
        assert_eq!(named(DeviceType::Char, Some(99), None), None);
        assert_eq!(named(DeviceType::Char, None, Some(1)), None);
    }

    #[test]
    fn what_cannot_be_said_is_left_to_the_own_rules() {
        let mut policy = DevicePolicy::nothing();
        let strict = properties(&policy);
        assert_eq!(strict[0], Property::new("DevicePolicy", Value::text("strict")));
        assert_eq!(strict.len(), 2);
        let all =
            DeviceRule { allow: true, kind: DeviceType::All, major: None, minor: None, access: Access::ALL };
        policy.apply(&all).unwrap();
        assert_eq!(properties(&policy)[0], Property::new("DevicePolicy", Value::text("auto")));
    }
}
