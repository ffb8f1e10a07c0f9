//! Which devices a group may use: rules in OCI's order, folded into one answer for all that is not named and exceptions
//! from it. Both versions of the interface are written from that, so that they cannot differ.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What kind of device a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceType {
    /// Every device, whatever its number.
    All,
    /// Block devices.
    Block,
    /// Character devices.
    Char,
}

/// What may be done with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    /// Open it for reading.
    pub read: bool,
    /// Open it for writing.
    pub write: bool,
    /// Make a node of it.
    pub mknod: bool,
}

impl Access {
    /// Everything.
    pub const ALL: Self = Self { read: true, write: true, mknod: true };
    /// Making a node.
    pub const MKNOD: Self = Self { read: false, write: false, mknod: true };

    /// Reads letters out of `rwm`; `None` when there are others.
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self::default(), |access, letter| match letter {
            'r' => Some(Self { read: true, ..access }),
            'w' => Some(Self { write: true, ..access }),
            'm' => Some(Self { mknod: true, ..access }),
            _ => None,
        })
    }

    /// True when nothing may be done.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn or(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            write: self.write || other.write,
            mknod: self.mknod || other.mknod,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            read: self.read && !other.read,
            write: self.write && !other.write,
            mknod: self.mknod && !other.mknod,
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(self.read, "r"), (self.write, "w"), (self.mknod, "m")];
        letters.iter().filter(|(there, _)| *there).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// A rule of `linux.resources.devices`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// Whether it allows or denies.
    pub allow: bool,
    /// Which devices.
    pub kind: DeviceType,
    /// The first half of their number; `None` is any.
    pub major: Option<u32>,
    /// The second half.
    pub minor: Option<u32>,
    /// What is allowed or denied.
    pub access: Access,
}

/// Devices that are not treated as the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Which kind: never [`DeviceType::All`].
    pub kind: DeviceType,
    /// The first half of their number; `None` is any.
    pub major: Option<u32>,
    /// The second half.
    pub minor: Option<u32>,
    /// What is treated in the other way.
    pub access: Access,
}

impl Exception {
    fn covers(&self, kind: DeviceType, major: Option<u32>, minor: Option<u32>) -> bool {
        (self.kind, self.major, self.minor) == (kind, major, minor)
    }

    /// Whether there is a device that is of both.
    fn meets(&self, rule: &DeviceRule) -> bool {
        let meet = |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
        self.kind == rule.kind && meet(self.major, rule.major) && meet(self.minor, rule.minor)
    }

    /// Whether all of its devices are of the rule too.
    fn is_within(&self, rule: &DeviceRule) -> bool {
        let within = |one: Option<u32>, of: Option<u32>| of.is_none() || one == of;
        self.kind == rule.kind && within(self.major, rule.major) && within(self.minor, rule.minor)
    }
}

impl fmt::Display for Exception {
    /// As devices.allow and devices.deny take it: `c 1:3 rwm`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |half: Option<u32>| half.map_or("*".to_owned(), |half| half.to_string());
        let kind = match self.kind {
            DeviceType::All => "a",
            DeviceType::Block => "b",
            DeviceType::Char => "c",
        };
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

/// Rules, folded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DevicePolicy {
    default_allow: bool,
    exceptions: Vec<Exception>,
}

/// What every container may use: major, minor, which runc and crun allow too.
const USUAL: [(Option<u32>, Option<u32>, Access); 9] = [
    (Some(1), Some(3), Access::ALL),
    (Some(1), Some(5), Access::ALL),
    (Some(1), Some(7), Access::ALL),
    (Some(1), Some(8), Access::ALL),
    (Some(1), Some(9), Access::ALL),
    (Some(5), Some(0), Access::ALL),
    (Some(5), Some(1), Access::ALL),
    (Some(5), Some(2), Access::ALL),
    (Some(136), None, Access::ALL),
];

impl DevicePolicy {
    /// Nothing is allowed.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The rules of a container in their order, and then the devices that every container has: null, zero, full, random,
    /// urandom, tty, console, ptmx, the terminals of devpts, and making nodes of any kind.
    ///
    /// # Errors
    ///
    /// As of [`DevicePolicy::apply`].
    pub fn of_container(rules: &[DeviceRule]) -> Result<Self> {
        let mut policy = Self::nothing();
        rules.iter().try_for_each(|rule| policy.apply(rule))?;
        let nodes = [DeviceType::Char, DeviceType::Block].map(|kind| (kind, None, None, Access::MKNOD));
        let usual = USUAL.map(|(major, minor, access)| (DeviceType::Char, major, minor, access));
        for (kind, major, minor, access) in nodes.into_iter().chain(usual) {
            policy.apply(&DeviceRule { allow: true, kind, major, minor, access })?;
        }
        Ok(policy)
    }

    /// Whether what is no exception may be used.
    pub fn default_allow(&self) -> bool {
        self.default_allow
    }

    /// What is treated in the other way.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// Adds a rule after those that are there. One for all devices replaces them.
    ///
    /// # Errors
    ///
    /// [`Error::HoleInRule`] for a rule that takes a part out of an earlier one with a wildcard: version 1 would pass over
    /// it without a word.
    pub fn apply(&mut self, rule: &DeviceRule) -> Result<()> {
        if rule.kind == DeviceType::All {
            *self = Self { default_allow: rule.allow, exceptions: Vec::new() };
            return Ok(());
        }
        if rule.allow == self.default_allow { self.remove(rule) } else { self.add(rule) }
    }

    fn add(&mut self, rule: &DeviceRule) -> Result<()> {
        let same = self.exceptions.iter_mut().find(|other| other.covers(rule.kind, rule.major, rule.minor));
        match same {
            Some(same) => same.access = same.access.or(rule.access),
            None => self.exceptions.push(Exception {
                kind: rule.kind,
                major: rule.major,
                minor: rule.minor,
                access: rule.access,
            }),
        }
        Ok(())
    }

    fn remove(&mut self, rule: &DeviceRule) -> Result<()> {
        // An allowed device that a wildcard of denials has in it, or the other way round; or two that cross.
        let left = |other: &&Exception| {
            other.meets(rule) && !other.is_within(rule) && other.access.without(rule.access) != other.access
        };
        if let Some(left) = self.exceptions.iter().find(left) {
            return Err(Error::HoleInRule { rule: rule.to_string(), wider: left.to_string() });
        }
        for other in self.exceptions.iter_mut().filter(|other| other.is_within(rule)) {
            other.access = other.access.without(rule.access);
        }
        self.exceptions.retain(|other| !other.access.is_empty());
        Ok(())
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, major, minor, access, .. } = *self;
        write!(
            f,
            "{} {}",
            if self.allow { "allow" } else { "deny" },
            Exception { kind, major, minor, access }
        )
    }
}

impl fmt::Display for DevicePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rest, exceptions) = if self.default_allow { ("all", "but not") } else { ("none", "but") };
        f.write_str(rest)?;
        for (index, exception) in self.exceptions.iter().enumerate() {
            let word = if index == 0 { exceptions } else { "," };
            let space = if index == 0 { " " } else { "" };
            write!(f, "{space}{word} {exception}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(allow: bool, kind: DeviceType, number: (Option<u32>, Option<u32>), access: &str) -> DeviceRule {
        let access = Access::parse(access).unwrap();
        DeviceRule { allow, kind, major: number.0, minor: number.1, access }
    }

    fn lines(policy: &DevicePolicy) -> Vec<String> {
        policy.exceptions().iter().map(ToString::to_string).collect()
    }

    const EVERYTHING: (Option<u32>, Option<u32>) = (None, None);

    #[test]
    fn without_rules_there_are_the_usual_devices_alone() {
        let policy = DevicePolicy::of_container(&[]).unwrap();
        assert!(!policy.default_allow());
        let lines = lines(&policy);
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], "c *:* m");
        assert!(lines.contains(&"c 136:* rwm".into()) && lines.contains(&"c 1:3 rwm".into()));
    }

    #[test]
    fn all_is_allowed_with_one_rule_and_the_usual_add_nothing() {
        let all = rule(true, DeviceType::All, EVERYTHING, "rwm");
        let policy = DevicePolicy::of_container(&[all]).unwrap();
        assert!(policy.default_allow() && policy.exceptions().is_empty(), "{policy}");
    }

    #[test]
    fn a_rule_for_all_forgets_those_before() {
        let rules = [
            rule(true, DeviceType::Block, (Some(8), Some(0)), "r"),
            rule(false, DeviceType::All, EVERYTHING, "rwm"),
            rule(true, DeviceType::Char, (Some(10), Some(229)), "rw"),
        ];
        let policy = DevicePolicy::of_container(&rules).unwrap();
        assert_eq!(lines(&policy)[0], "c 10:229 rw");
        assert!(!lines(&policy).iter().any(|line| line.starts_with("b 8:0")));
    }

    #[test]
    fn accesses_of_the_same_device_come_together_and_are_taken_away() {
        let fuse = (Some(10), Some(229));
        let mut policy = DevicePolicy::nothing();
        policy.apply(&rule(true, DeviceType::Char, fuse, "r")).unwrap();
        policy.apply(&rule(true, DeviceType::Char, fuse, "wm")).unwrap();
        assert_eq!(lines(&policy), ["c 10:229 rwm"]);
        policy.apply(&rule(false, DeviceType::Char, fuse, "w")).unwrap();
        assert_eq!(lines(&policy), ["c 10:229 rm"]);
        policy.apply(&rule(false, DeviceType::Char, fuse, "rm")).unwrap();
        assert!(lines(&policy).is_empty());
    }

    #[test]
    fn a_hole_in_a_wildcard_is_refused() {
        let mut policy = DevicePolicy::nothing();
        policy.apply(&rule(true, DeviceType::Char, (Some(10), None), "rw")).unwrap();
        let hole = rule(false, DeviceType::Char, (Some(10), Some(1)), "w");
        assert!(matches!(policy.apply(&hole), Err(Error::HoleInRule { .. })));
        policy.apply(&rule(false, DeviceType::Char, (Some(10), Some(1)), "m")).unwrap();
        policy.apply(&rule(false, DeviceType::Block, (Some(10), Some(1)), "w")).unwrap();
        assert_eq!(lines(&policy), ["c 10:* rw"]);
    }

    #[test]
    fn only_the_three_letters_are_an_access() {
        assert_eq!(Access::parse("rwm"), Some(Access::ALL));
        assert!(Access::parse("").unwrap().is_empty());
        assert_eq!(Access::parse("rx"), None);
    }

    fn any_rule() -> impl Strategy<Value = DeviceRule> {
        let half = || prop::option::of(0..3_u32);
        let kind = prop::sample::select(vec![
            DeviceType::All,
            DeviceType::Block,
            DeviceType::Char,
            DeviceType::Char,
        ]);
        (any::<bool>(), kind, half(), half(), "[rwm]{1,3}").prop_map(|(allow, kind, major, minor, access)| {
            // A rule for all has no numbers and all accesses.
            let all = kind == DeviceType::All;
            let access = if all { Access::ALL } else { Access::parse(&access).unwrap() };
            DeviceRule { allow, kind, major: major.filter(|_| !all), minor: minor.filter(|_| !all), access }
        })
    }

    fn allows(policy: &DevicePolicy, kind: DeviceType, number: (u32, u32), access: Access) -> bool {
        let device = DeviceRule { allow: true, kind, major: Some(number.0), minor: Some(number.1), access };
        let asked = |other: &Exception| other.access.without(access) != other.access;
        policy.exceptions().iter().any(|other| other.meets(&device) && asked(other)) != policy.default_allow()
    }

    proptest! {
        /// OCI's order: of the rules for a device the last one decides. Rules that cannot be folded are refused.
        #[test]
        fn the_last_rule_for_a_device_decides(rules in prop::collection::vec(any_rule(), 0..8)) {
            let mut policy = DevicePolicy::nothing();
            let mut taken = Vec::new();
            for rule in rules {
                if policy.apply(&rule).is_ok() {
                    taken.push(rule);
                }
            }
            for kind in [DeviceType::Block, DeviceType::Char] {
                for (major, minor) in (0..4).flat_map(|major| (0..4).map(move |minor| (major, minor))) {
                    for access in ["r", "w", "m"].map(|letter| Access::parse(letter).unwrap()) {
                        let is_for = |rule: &&DeviceRule| {
                            (rule.kind == DeviceType::All || rule.kind == kind)
                                && rule.major.is_none_or(|half| half == major)
                                && rule.minor.is_none_or(|half| half == minor)
                                && rule.access.without(access) != rule.access
                        };
                        let last = taken.iter().rev().find(is_for).is_some_and(|rule| rule.allow);
                        prop_assert_eq!(allows(&policy, kind, (major, minor), access), last, "{:?}", taken);
                    }
                }
            }
        }
    }
}
