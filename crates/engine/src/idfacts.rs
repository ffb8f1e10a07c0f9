//! Finding out which ids the caller may map.

use holm_namespaces::idmap::IdMapper;
use holm_namespaces::idmap::subid::{Range, ranges};

use crate::caller::Caller;
use crate::userns::{IdFacts, first_unclaimed};

/// The owner of ids for the containers of root, beside root itself; Podman has it too.
const CONTAINERS: &str = "containers";

/// Reads /etc/passwd, /etc/subuid and /etc/subgid, and looks for newuidmap(1). A file that is not there says nothing.
pub(crate) fn probe(caller: &Caller) -> IdFacts {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let accounts = read("/etc/passwd");
    let name = holm_credentials::name_of(&accounts, caller.uid);
    let name = name.map_or_else(|| caller.uid.to_string(), str::to_owned);
    let of_file = |text: &str| {
        let own = ranges(text, &name, caller.uid);
        let fallback = || if caller.is_root() { ranges(text, CONTAINERS, caller.uid) } else { Vec::new() };
        if own.is_empty() { fallback() } else { own }
    };
    let (uids, gids) = (read("/etc/subuid"), read("/etc/subgid"));
    let (subuids, subgids): (Vec<Range>, Vec<Range>) = (of_file(&uids), of_file(&gids));
    let unclaimed = first_unclaimed(&[&uids, &gids]);
    let programs = IdMapper::find().is_some();
    IdFacts { uid: caller.uid, gid: caller.gid, subuids, subgids, programs, unclaimed, name }
}

/// The facts that are known without reading anything.
pub(crate) fn known(caller: &Caller) -> IdFacts {
    IdFacts { uid: caller.uid, gid: caller.gid, ..IdFacts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_has_facts() {
        let caller = crate::caller::tests::caller(4_000_000_000);
        let facts = probe(&caller);
        assert_eq!((facts.uid, facts.name.as_str()), (4_000_000_000, "4000000000"));
        assert!(facts.subuids.is_empty());
    }
}
