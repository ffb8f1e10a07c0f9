//! What the superuser of a container may do.

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities};

use crate::options::{CapabilityChoice, SecurityOptions};
use crate::userns::UserNamespace;
use crate::{Error, Result};

/// Those that Docker gives by default.
const DEFAULT: [Capability; 14] = [
    Capability::AuditWrite,
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fowner,
    Capability::Fsetid,
    Capability::Kill,
    Capability::Mknod,
    Capability::NetBindService,
    Capability::NetRaw,
    Capability::Setfcap,
    Capability::Setgid,
    Capability::Setpcap,
    Capability::Setuid,
    Capability::SysChroot,
];

/// The sets of a process that runs as `uid`, out of those that can be had: all that the kernel knows in a new user
/// namespace, the caller's bounding set outside of one.
///
/// # Errors
///
/// When one that was asked for by name cannot be had.
pub(crate) fn sets(
    options: &SecurityOptions,
    uid: u32,
    available: &HashSet<Capability>,
) -> Result<LinuxCapabilities> {
    let granted = granted(options, available)?;
    let mut sets = LinuxCapabilities::default();
    // What exec does for a user who is not root: nothing but the bounding set remains (capabilities(7)).
    let effective = if uid == 0 { granted.clone() } else { HashSet::new() };
    sets.set_permitted(Some(effective.clone())).set_effective(Some(effective));
    sets.set_bounding(Some(granted)).set_inheritable(None).set_ambient(None);
    Ok(sets)
}

/// What is available in the container's user namespace.
pub(crate) fn available(
    namespace: &UserNamespace,
    bounding: &HashSet<Capability>,
    known: &HashSet<Capability>,
) -> HashSet<Capability> {
    match namespace {
        UserNamespace::Host => bounding.clone(),
        UserNamespace::New(_) | UserNamespace::Join(_) => known.clone(),
    }
}

fn granted(options: &SecurityOptions, available: &HashSet<Capability>) -> Result<HashSet<Capability>> {
    let all_dropped = options.cap_drop.contains(&CapabilityChoice::All);
    let all_added = options.cap_add.contains(&CapabilityChoice::All);
    if all_added && all_dropped {
        return Err(Error::new("--cap-add ALL and --cap-drop ALL contradict each other")
            .with_hint("take --cap-drop ALL with each capability that is to stay: --cap-add NAME"));
    }
    // As with Docker, those that are added by name are added to what is left after all were dropped.
    let mut granted: HashSet<Capability> = match (all_dropped, all_added || options.privileged) {
        (true, _) => HashSet::new(),
        (false, true) => available.clone(),
        (false, false) => DEFAULT.into_iter().filter(|capability| available.contains(capability)).collect(),
    };
    for choice in &options.cap_add {
        let CapabilityChoice::One(capability) = choice else { continue };
        if !available.contains(capability) {
            return Err(Error::new(format!("--cap-add {capability} cannot be given"))
                .with_cause("it is not in the bounding set of the caller, or the kernel does not know it"));
        }
        granted.insert(*capability);
    }
    for choice in &options.cap_drop {
        if let CapabilityChoice::One(capability) = choice {
            granted.remove(capability);
        }
    }
    Ok(granted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> HashSet<Capability> {
        DEFAULT.into_iter().chain([Capability::NetAdmin, Capability::SysAdmin]).collect()
    }

    fn bounding(add: &[&str], drop: &[&str], privileged: bool) -> HashSet<Capability> {
        let read = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect();
        let options = SecurityOptions {
            privileged,
            cap_add: read(add),
            cap_drop: read(drop),
            ..SecurityOptions::default()
        };
        sets(&options, 0, &all()).unwrap().bounding().clone().unwrap()
    }

    #[test]
    fn docker_s_defaults_with_changes() {
        assert_eq!(bounding(&[], &[], false).len(), 14);
        assert!(bounding(&["NET_ADMIN"], &[], false).contains(&Capability::NetAdmin));
        assert!(!bounding(&[], &["CHOWN"], false).contains(&Capability::Chown));
        assert_eq!(bounding(&["KILL"], &["ALL"], false), HashSet::from([Capability::Kill]));
        assert_eq!(bounding(&["ALL"], &["SYS_ADMIN"], false).len(), 15);
        assert_eq!(bounding(&[], &[], true), all());
    }

    #[test]
    fn all_that_is_dropped_is_gone_however_it_came() {
        assert!(bounding(&[], &["ALL"], true).is_empty());
        assert_eq!(bounding(&["CHOWN"], &["ALL"], true), HashSet::from([Capability::Chown]));
        let both = SecurityOptions {
            cap_add: vec![CapabilityChoice::All],
            cap_drop: vec![CapabilityChoice::All],
            ..SecurityOptions::default()
        };
        assert!(sets(&both, 0, &all()).is_err());
    }

    #[test]
    fn who_is_not_root_has_nothing_but_the_bounding_set() {
        let sets = sets(&SecurityOptions::default(), 1000, &all()).unwrap();
        assert!(sets.effective().as_ref().unwrap().is_empty());
        assert!(sets.permitted().as_ref().unwrap().is_empty());
        assert!(sets.ambient().is_none() && sets.inheritable().is_none());
        assert_eq!(sets.bounding().as_ref().unwrap().len(), 14);
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name_and_passed_over_in_all() {
        let few = HashSet::from([Capability::Chown]);
        let options =
            SecurityOptions { cap_add: vec!["SYS_TIME".parse().unwrap()], ..SecurityOptions::default() };
        assert!(sets(&options, 0, &few).is_err());
        let options = SecurityOptions { cap_add: vec!["ALL".parse().unwrap()], ..SecurityOptions::default() };
        assert_eq!(sets(&options, 0, &few).unwrap().bounding(), &Some(few));
    }
}
