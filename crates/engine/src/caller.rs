//! Who calls, from where, with what: the facts that a configuration depends on, found out once.

use std::collections::HashSet;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Capability;
use rustix::process::{getegid, geteuid};

use crate::{Because, Result};

/// The caller of Holm.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Its effective uid.
    pub uid: u32,
    /// Its effective gid.
    pub gid: u32,
    /// It is in the first user namespace, where uid 0 is the machine's root.
    pub initial: bool,
    /// The gids that exist in its user namespace.
    pub gids: Vec<Range<u64>>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its environment, as far as it is text.
    pub environment: Vec<(String, String)>,
    /// Its bounding set.
    pub bounding: HashSet<Capability>,
    /// The capabilities that the kernel knows.
    pub known: HashSet<Capability>,
    /// Whether standard input and output are both terminals.
    pub on_terminal: bool,
    /// Whether there is a place for POSIX message queues, /dev/mqueue.
    pub has_mqueue: bool,
}

impl Caller {
    /// Finds the facts out.
    ///
    /// # Errors
    ///
    /// When the working directory is gone, or the capabilities cannot be read.
    pub fn probe() -> Result<Self> {
        use rustix::stdio::{stdin, stdout};
        use rustix::termios::isatty;
        let text =
            |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
        let (bounding, known) = capabilities()?;
        Ok(Self {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            initial: holm_namespaces::own_user_namespace_is_initial()
                .because(|| "cannot find out the user namespace of this process")?,
            gids: ids_of(
                &std::fs::read_to_string("/proc/self/gid_map")
                    .because(|| "cannot read the map of the own gids")?,
            ),
            cwd: std::env::current_dir().because(|| "cannot find the working directory")?,
            environment: std::env::vars_os().filter_map(text).collect(),
            bounding,
            known,
            on_terminal: isatty(stdin()) && isatty(stdout()),
            has_mqueue: Path::new("/dev/mqueue").is_dir(),
        })
    }

    /// A variable of its environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether it has a gid to give.
    pub fn has_gid(&self, gid: u32) -> bool {
        self.gids.iter().any(|ids| ids.contains(&u64::from(gid)))
    }

    /// Whether there is but one id in its user namespace.
    pub fn has_single_id(&self) -> bool {
        self.gids.iter().map(|ids| ids.end - ids.start).sum::<u64>() == 1
    }

    /// Whether it is the machine's root, and not that of some user namespace.
    pub fn is_machine_root(&self) -> bool {
        self.is_root() && self.initial
    }

    /// Whether it is root.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }
}

/// The ids inside of a map of the kernel's, whose lines are `INSIDE OUTSIDE SIZE` (user_namespaces(7)).
fn ids_of(map: &str) -> Vec<Range<u64>> {
    let ids = |line: &str| {
        let mut fields = line.split_whitespace();
        let first: u64 = fields.next()?.parse().ok()?;
        let size: u64 = fields.nth(1)?.parse().ok()?;
        Some(first..first.saturating_add(size))
    };
    map.lines().filter_map(ids).collect()
}

/// The bounding set, and all that the kernel knows.
fn capabilities() -> Result<(HashSet<Capability>, HashSet<Capability>)> {
    let failed = || "cannot find out the capabilities of this process";
    let own = holm_credentials::current().because(failed)?;
    let known = holm_credentials::known().because(failed)?;
    Ok((translate(own.bounding), translate(known)))
}

/// Into the words of the specification's library, which go without `CAP_`.
fn translate(set: holm_credentials::CapabilitySet) -> HashSet<Capability> {
    let name = |capability: holm_credentials::Capability| {
        let name = capability.to_string();
        name.strip_prefix("CAP_").unwrap_or(&name).parse().ok()
    };
    set.iter().filter_map(name).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A caller for tests of what is pure.
    pub(crate) fn caller(uid: u32) -> Caller {
        let all: HashSet<Capability> = ["CHOWN", "KILL", "SETUID", "NET_ADMIN", "SYS_ADMIN"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let environment =
            [("PATH", "/caller/bin"), ("TERM", "tester"), ("LANG", "C.UTF-8"), ("HOME", "/home/caller")];
        Caller {
            uid,
            gid: uid,
            initial: true,
            gids: ids_of("0 0 4294967295"),
            cwd: "/work/here".into(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            bounding: all.clone(),
            known: all,
            on_terminal: false,
            has_mqueue: true,
        }
    }

    #[test]
    fn the_ids_of_a_user_namespace_are_known() {
        let mut nested = caller(0);
        assert!(nested.is_machine_root() && nested.has_gid(5) && !nested.has_single_id());
        (nested.initial, nested.gids) = (false, ids_of("         0       1000          1\n"));
        assert!(!nested.is_machine_root() && nested.has_single_id());
        assert!(nested.has_gid(0) && !nested.has_gid(5));
        nested.gids = ids_of("0 1000 1\n1 200000 65536\n");
        assert!(nested.has_gid(65536) && !nested.has_gid(65537) && !nested.has_single_id());
    }

    #[test]
    fn this_process_has_facts() {
        let caller = Caller::probe().unwrap();
        assert!(caller.cwd.is_absolute());
        assert!(caller.known.contains(&Capability::Chown));
        assert!(caller.bounding.is_subset(&caller.known));
    }
}
