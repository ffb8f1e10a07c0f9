//! The cgroups path as systemd has it: `SLICE:PREFIX:NAME`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// UNIT_NAME_MAX of systemd.
const LONGEST: usize = 255;

/// A unit of systemd for one container: its name, and the slice that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    slice: String,
    name: String,
}

impl Unit {
    /// Reads `SLICE:PREFIX:NAME`. Without a slice, `default_slice` is taken. The unit is `PREFIX-NAME.scope`,
    /// `NAME.scope` without a prefix, and `NAME` where that is a slice already.
    ///
    /// # Errors
    ///
    /// [`Error::Path`] for another form, and for names that systemd does not take.
    pub fn parse(path: &str, default_slice: &str) -> Result<Self> {
        let refused = |problem| Error::Path { path: path.to_owned(), problem };
        let parts: Vec<&str> = path.split(':').collect();
        let [slice, prefix, name] = parts.as_slice() else {
            return Err(refused("systemd wants SLICE:PREFIX:NAME here"));
        };
        if name.is_empty() {
            return Err(refused("it names no unit"));
        }
        let slice = if slice.is_empty() { default_slice } else { slice };
        let unit = match (*prefix, name.ends_with(".slice")) {
            (_, true) => (*name).to_owned(),
            ("", false) => format!("{name}.scope"),
            (prefix, false) => format!("{prefix}-{name}.scope"),
        };
        problem_of_slice(slice)
            .or_else(|| problem_of_unit(&unit))
            .map_or(Ok(()), |problem| Err(refused(problem)))?;
        Ok(Self { slice: slice.to_owned(), name: unit })
    }

    /// The unit's name, such as `runc-NAME.scope`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The slice, such as `system.slice`.
    pub fn slice(&self) -> &str {
        &self.slice
    }

    /// True for a slice, which has no processes of its own.
    pub fn is_slice(&self) -> bool {
        self.name.ends_with(".slice")
    }

    /// Where it is below the root of its systemd: `a-b.slice` is in `a.slice`.
    pub fn path(&self) -> String {
        let own = if self.is_slice() { expanded(&self.name) } else { format!("/{}", self.name) };
        // A slice's own name says where it is.
        if self.is_slice() { own } else { expanded(&self.slice) + &own }
    }
}

/// `a-b.slice` is `/a.slice/a-b.slice`; `-.slice` is the root, and nothing.
fn expanded(slice: &str) -> String {
    let name = slice.strip_suffix(".slice").unwrap_or(slice);
    let ends = name.match_indices('-').map(|(index, _)| index).filter(|index| *index > 0).chain([name.len()]);
    ends.filter_map(|end| name.get(..end))
        .filter(|name| *name != "-")
        .fold(String::new(), |path, name| format!("{path}/{name}.slice"))
}

fn problem_of_slice(slice: &str) -> Option<&'static str> {
    let Some(name) = slice.strip_suffix(".slice") else {
        return Some("the name of a slice ends with .slice");
    };
    if name != "-" && name.split('-').any(str::is_empty) {
        return Some("the slice has an empty name between its dashes");
    }
    problem_of_unit(slice)
}

fn problem_of_unit(unit: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    if unit.len() > LONGEST {
        Some("the name of a unit has 255 bytes at the utmost")
    } else if !unit.bytes().all(allowed) {
        Some("the name of a unit has letters, digits and :-_.\\@ alone")
    } else {
        None
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.slice)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_where_runc_has_them() {
        for (path, unit, below) in [
            ("system.slice:docker:abc", "docker-abc.scope", "/system.slice/docker-abc.scope"),
            (":libpod:abc", "libpod-abc.scope", "/user.slice/libpod-abc.scope"),
            ("machine.slice::abc", "abc.scope", "/machine.slice/abc.scope"),
            ("-.slice:a:b", "a-b.scope", "/a-b.scope"),
            (
                "kubepods-besteffort-podx.slice:cri-containerd:c",
                "cri-containerd-c.scope",
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podx.slice/cri-containerd-c.scope",
            ),
            ("a.slice:x:a-b.slice", "a-b.slice", "/a.slice/a-b.slice"),
        ] {
            let parsed = Unit::parse(path, "user.slice").unwrap();
            assert_eq!((parsed.name(), parsed.path().as_str()), (unit, below), "{path}");
        }
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        let long = format!(":a:{}", "b".repeat(260));
        for path in [
            "",
            "/holm/a",
            "a",
            "a:b",
            "a:b:c:d",
            "::",
            "a:b:",
            "system:a:b",
            "a--b.slice:x:y",
            "-a.slice:x:y",
            "a-.slice:x:y",
            ".slice:x:y",
            "a/b.slice:x:y",
            "a.slice:../x:y",
            "a.slice:x:y z",
            "a.slice:x:ü",
            &long,
        ] {
            assert!(Unit::parse(path, "user.slice").is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn no_unit_leaves_its_slice(path in "[a-c./:@ -]{0,12}(.slice)?:[a-c./-]{0,3}:[a-c./-]{0,5}(.slice)?") {
            if let Ok(unit) = Unit::parse(&path, "user.slice") {
                let path = unit.path();
                prop_assert!(path.starts_with('/') && path.ends_with(unit.name()), "{}", path);
                prop_assert!(path.split('/').skip(1).all(|name| !name.is_empty() && name != "." && name != ".."));
            }
        }
    }
}
