//! `linux.intelRdt`: what of the caches and of the memory's bandwidth the container gets.

use oci_spec::runtime as oci;

use crate::Error;

/// Directories of resctrl that are no classes of service.
const TAKEN: [&str; 3] = ["info", "mon_data", "mon_groups"];

/// The section, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntelRdt {
    /// The class of service.
    pub class: RdtClass,
    /// `l3CacheSchema` and `memBwSchema`, in lines: what a new class gets, and one that is there must have.
    pub agreed: Vec<String>,
    /// `schemata`: what any class gets.
    pub given: Vec<String>,
    /// Whether the container is counted alone (`enableMonitoring`).
    pub monitored: bool,
}

/// Which class of service it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RdtClass {
    /// One of the container's own, with its id.
    Own,
    /// The one that every process is born in.
    Default,
    /// The one with this name.
    Named(String),
}

impl IntelRdt {
    pub(crate) fn check(section: &oci::LinuxIntelRdt) -> Result<Self, Error> {
        let class = match section.clos_id().as_deref() {
            None | Some("") => RdtClass::Own,
            Some("/") => RdtClass::Default,
            Some(name) => RdtClass::Named(check_name(name)?),
        };
        let lines = section.schemata().iter().flatten().flat_map(|text| text.lines());
        Ok(Self {
            class,
            agreed: rdt_lines(section.l3_cache_schema().as_deref(), section.mem_bw_schema().as_deref())?,
            given: lines.filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
            monitored: section.enable_monitoring().unwrap_or(false),
        })
    }
}

/// The lines of `schemata` that a schema of the L3 cache and one of the memory's bandwidth are together: the second one is
/// in the place of such lines in the first.
///
/// # Errors
///
/// When the second one is not of bandwidth, or has more than one line.
pub fn rdt_lines(cache: Option<&str>, bandwidth: Option<&str>) -> Result<Vec<String>, Error> {
    let bandwidth = bandwidth.filter(|text| !text.is_empty());
    if let Some(text) = bandwidth.filter(|text| !text.starts_with("MB:") || text.contains('\n')) {
        let allowed = "one line that begins with MB:, as in MB:0=20;1=70";
        return Err(Error::invalid("linux.intelRdt.memBwSchema", format!("{text:?}"), allowed));
    }
    let replaced = |line: &&str| bandwidth.is_some() && line.trim_start().starts_with("MB:");
    let lines = cache.unwrap_or_default().lines().filter(|line| !line.trim().is_empty() && !replaced(line));
    Ok(lines.chain(bandwidth).map(str::to_owned).collect())
}

fn check_name(name: &str) -> Result<String, Error> {
    let bad = name.contains(['/', '\n', '\0']) || name == "." || name == ".." || TAKEN.contains(&name);
    if bad || name.len() > 255 {
        let allowed = "the name of a directory of resctrl; / for the class that every process is born in";
        return Err(Error::invalid("linux.intelRdt.closID", format!("{name:?}"), allowed));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn check(section: Value) -> Result<IntelRdt, String> {
        let section: oci::LinuxIntelRdt = serde_json::from_value(section).unwrap();
        IntelRdt::check(&section).map_err(|error| error.to_string())
    }

    #[test]
    fn a_section_of_every_member() {
        let checked = check(json!({
            "closID": "gold", "schemata": ["L3:0=7f0;1=1f", "L2:0=f\nMB:0=30"], "l3CacheSchema": "L3:0=f\nMB:0=10\nL2:0=3",
            "memBwSchema": "MB:0=20", "enableMonitoring": true,
        }))
        .unwrap();
        assert_eq!(checked.class, RdtClass::Named("gold".into()));
        assert_eq!(checked.agreed, ["L3:0=f", "L2:0=3", "MB:0=20"]);
        assert_eq!(checked.given, ["L3:0=7f0;1=1f", "L2:0=f", "MB:0=30"]);
        assert!(checked.monitored);
    }

    #[test]
    fn what_is_not_said() {
        let checked = check(json!({})).unwrap();
        let empty = IntelRdt { class: RdtClass::Own, agreed: vec![], given: vec![], monitored: false };
        assert_eq!(checked, empty);
        assert_eq!(check(json!({ "closID": "", "memBwSchema": "" })).unwrap(), empty);
        assert_eq!(check(json!({ "closID": "/" })).unwrap().class, RdtClass::Default);
        assert_eq!(check(json!({ "l3CacheSchema": "L3:0=f\nMB:0=1" })).unwrap().agreed, ["L3:0=f", "MB:0=1"]);
    }

    #[test]
    fn names_and_schemas_that_cannot_be() {
        for name in ["a/b", "..", ".", "info", "mon_groups", "a\nb", "/a"] {
            assert!(
                check(json!({ "closID": name })).unwrap_err().contains("linux.intelRdt.closID"),
                "{name:?}"
            );
        }
        for schema in ["L3:0=f", "MB:0=1\nL3:0=f", " MB:0=1"] {
            let error = check(json!({ "memBwSchema": schema })).unwrap_err();
            assert!(error.contains("linux.intelRdt.memBwSchema"), "{error}");
        }
    }
}
