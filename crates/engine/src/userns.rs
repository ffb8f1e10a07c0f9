//! Which ids exist in a container, and which ids of the host they are.
//!
//! [`decide`] is a pure function of what was asked for and what the caller may have. For an ordinary user `auto`
//! makes uid 0 of the container the caller's own id, and the ids from 1 on those that /etc/subuid gives the caller;
//! without them the single id is all there is. For root, `auto` takes ids that belong to nobody.

use holm_namespaces::idmap::subid::{Range, check};
use holm_namespaces::{IdMap, IdMapError, Mapping};

use crate::options::{Account, ContainerName, NamespaceMode, NamespaceOptions, UserMode, UserSpec};
use crate::{Error, Result};

/// How many ids a container has when they are there to be had: 0 to 65535, with `nobody` at 65534.
const ORDINARY_SIZE: u32 = 65536;
/// Where the ids of root's containers are when /etc/subuid says nothing: above those of systemd's containers
/// (0x80000 to 0x6fffffff) and below 2^31, in 4096 slots of 65536.
const UNCLAIMED: Range = Range { start: 0x7000_0000, count: 0x1000_0000 };

/// The ids that the caller may map.
#[derive(Debug, Clone, Default)]
pub struct IdFacts {
    /// Its effective uid.
    pub uid: u32,
    /// Its effective gid.
    pub gid: u32,
    /// What it is called in /etc/subuid; its uid when it has no name.
    pub name: String,
    /// Its ranges in /etc/subuid.
    pub subuids: Vec<Range>,
    /// Its ranges in /etc/subgid.
    pub subgids: Vec<Range>,
    /// Whether newuidmap(1) and newgidmap(1) are there.
    pub programs: bool,
    /// The first ids of the host that could be given to it: behind all that the two files give to anybody.
    pub unclaimed: u32,
}

/// The first id that is suggested: below are the users of the machine itself (login.defs(5), `SUB_UID_MIN`).
const FIRST_SUBORDINATE: u32 = 100_000;

/// The first id behind all the ranges that `texts`, those of /etc/subuid and /etc/subgid, give to anybody.
pub(crate) fn first_unclaimed(texts: &[&str]) -> u32 {
    let end = |line: &str| {
        let mut fields = line.split(':').skip(1).map(|field| field.trim().parse::<u32>().ok());
        Some(fields.next()??.saturating_add(fields.next()??))
    };
    let ends = texts.iter().flat_map(|text| text.lines()).filter_map(end);
    ends.max().map_or(FIRST_SUBORDINATE, |end| end.max(FIRST_SUBORDINATE))
}

/// How root gives the caller ids that are nobody's; usermod(8) knows users by name alone.
fn give_ids(facts: &IdFacts) -> String {
    let first = facts.unclaimed.max(FIRST_SUBORDINATE);
    if facts.name.parse::<u32>().is_ok() {
        return format!("as root: add the line {}:{first}:{ORDINARY_SIZE} to both", facts.name);
    }
    let last = first.saturating_add(ORDINARY_SIZE - 1);
    format!("as root: usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {}", facts.name)
}

/// Where the user namespace of a container comes from, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserNamespace {
    /// It has that of the caller.
    Host,
    /// A new one, with these maps.
    New(IdMaps),
    /// An existing one.
    Join(NamespaceMode),
}

/// The two maps of a user namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMaps {
    /// Of uids.
    pub uid: IdMap,
    /// Of gids.
    pub gid: IdMap,
}

/// What was decided, and what the caller should know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The namespace.
    pub namespace: UserNamespace,
    /// A note for the caller.
    pub note: Option<String>,
}

impl IdMaps {
    /// Checks the ranges of both.
    ///
    /// # Errors
    ///
    /// With what the kernel would refuse.
    pub fn new(uid: Vec<Mapping>, gid: Vec<Mapping>) -> std::result::Result<Self, IdMapError> {
        Ok(Self { uid: IdMap::new(uid)?, gid: IdMap::new(gid)? })
    }

    /// A number that is the same for the same maps.
    pub fn fingerprint(&self) -> u32 {
        hash(&format!("{}/{}", self.uid, self.gid))
    }

    /// Whether there is but one uid and one gid: the kernel lets everybody map the own ones, and denies setgroups(2).
    pub fn is_single(&self) -> bool {
        [&self.uid, &self.gid].iter().all(|map| matches!(map.mappings(), [Mapping { size: 1, .. }]))
    }
}

/// Whether [`decide`] will look at more of the facts than the ids: finding them out takes three files.
pub fn needs_ranges(options: &NamespaceOptions, uid: u32) -> bool {
    let said = !options.uid_map.is_empty() || !options.gid_map.is_empty();
    match options.user {
        UserMode::Auto => true,
        UserMode::Default => said || uid != 0,
        UserMode::Host | UserMode::Identity | UserMode::Join(_) => said,
    }
}

/// Decides.
///
/// # Errors
///
/// When the caller may not have the ids that were asked for, or what was asked for contradicts itself.
pub fn decide(
    options: &NamespaceOptions,
    user: Option<&UserSpec>,
    name: &ContainerName,
    facts: &IdFacts,
) -> Result<Decision> {
    let plain = |namespace| Ok(Decision { namespace, note: None });
    if !options.uid_map.is_empty() || !options.gid_map.is_empty() {
        return said(options, facts).and_then(|maps| plain(UserNamespace::New(maps)));
    }
    match (&options.user, facts.uid) {
        (UserMode::Default | UserMode::Host, 0) => plain(UserNamespace::Host),
        (UserMode::Host, _) => Err(Error::new("--userns host needs root")
            .with_cause("an ordinary user makes namespaces only in a user namespace of its own")
            .with_hint("leave it out, or take --userns identity to keep your own id")),
        (UserMode::Auto, 0) => plain(UserNamespace::New(of_root(name, facts)?)),
        (UserMode::Default, _) if theirs(options).is_some() => {
            // Namespaces of another container belong to its user namespace: they can be joined from inside it alone.
            plain(theirs(options).map_or(UserNamespace::Host, UserNamespace::Join))
        }
        (UserMode::Auto | UserMode::Default, _) => {
            let (maps, note) = of_ordinary_user(facts)?;
            Ok(Decision { namespace: UserNamespace::New(maps), note })
        }
        (UserMode::Identity, _) => identity(facts, user).and_then(|maps| plain(UserNamespace::New(maps))),
        (UserMode::Join(mode), _) => plain(UserNamespace::Join(mode.clone())),
    }
}

/// The first process or container whose namespace is joined.
fn theirs(options: &NamespaceOptions) -> Option<NamespaceMode> {
    let modes =
        [&options.network, &options.pid, &options.ipc, &options.uts, &options.cgroup, &options.time.mode];
    let is_process =
        |mode: &&&NamespaceMode| matches!(mode, NamespaceMode::Container(_) | NamespaceMode::Process(_));
    modes.iter().find(is_process).map(|mode| (*mode).clone())
}

/// The caller's own id onto itself. Root's own id is 0, so root says whose.
fn identity(facts: &IdFacts, user: Option<&UserSpec>) -> Result<IdMaps> {
    let (uid, gid) = match (facts.uid, user) {
        (0, Some(UserSpec { user: Account::Id(uid @ 1..), group: None })) => (*uid, *uid),
        (0, Some(UserSpec { user: Account::Id(uid @ 1..), group: Some(Account::Id(gid)) })) => (*uid, *gid),
        (0, _) => {
            return Err(Error::new("--userns identity is for an id that is not root's")
                .with_cause("the one id in such a container is the caller's own, which is 0, the superuser's")
                .with_hint("say which id instead: --userns identity --user UID:GID"));
        }
        (uid, _) => (uid, facts.gid),
    };
    let own = |id| vec![Mapping { container: id, host: id, size: 1 }];
    checked(own(uid), own(gid))
}

fn checked(uid: Vec<Mapping>, gid: Vec<Mapping>) -> Result<IdMaps> {
    IdMaps::new(uid, gid).map_err(|error| {
        Error::new("the ids cannot be mapped as it was asked for").with_cause(format!("a map has {error}"))
    })
}

/// All the ids that an ordinary user may have, and a note when that is but one.
///
/// # Errors
///
/// When /etc/subuid gives the user ids twice.
pub(crate) fn of_ordinary_user(facts: &IdFacts) -> Result<(IdMaps, Option<String>)> {
    let mut uid = vec![Mapping { container: 0, host: facts.uid, size: 1 }];
    let mut gid = vec![Mapping { container: 0, host: facts.gid, size: 1 }];
    let ranges = !facts.subuids.is_empty() && !facts.subgids.is_empty();
    let note = match (facts.programs, ranges) {
        (true, true) => {
            uid.extend(after_zero(&facts.subuids));
            gid.extend(after_zero(&facts.subgids));
            None
        }
        (false, _) => Some(
            "your own id is the only one in the container: newuidmap and newgidmap are missing \
             (install the package uidmap, or shadow-utils)"
                .to_owned(),
        ),
        (true, false) => Some(format!(
            "your own id is the only one in the container: /etc/subuid and /etc/subgid give you no others \
             ({})",
            give_ids(facts)
        )),
    };
    Ok((checked(uid, gid)?, note))
}

/// The ids from 1 on, as many as there are and a container has.
fn after_zero(ranges: &[Range]) -> Vec<Mapping> {
    let mut next = 1;
    let mut map = Vec::with_capacity(ranges.len());
    for range in ranges {
        let size = range.count.min(ORDINARY_SIZE - next).min(u32::MAX - range.start);
        if size > 0 {
            map.push(Mapping { container: next, host: range.start, size });
            next += size;
        }
    }
    map
}

/// A slot for each name, out of the ranges of `root` or `containers` in /etc/subuid when there are some.
fn of_root(name: &ContainerName, facts: &IdFacts) -> Result<IdMaps> {
    let pick = |ranges: &[Range]| vec![slot(if ranges.is_empty() { &[UNCLAIMED] } else { ranges }, name)];
    checked(pick(&facts.subuids), pick(&facts.subgids))
}

fn slot(ranges: &[Range], name: &ContainerName) -> Mapping {
    let slots = |range: &Range| range.count.min(u32::MAX - range.start) / ORDINARY_SIZE;
    let total = ranges.iter().fold(0_u32, |sum, range| sum.saturating_add(slots(range)));
    let mut wanted = if total == 0 { 0 } else { hash(name.as_str()) % total };
    for range in ranges {
        if wanted < slots(range) {
            return Mapping { container: 0, host: range.start + wanted * ORDINARY_SIZE, size: ORDINARY_SIZE };
        }
        wanted -= slots(range);
    }
    // Every range is smaller than a slot: the largest, as a whole.
    let largest = ranges.iter().copied().max_by_key(|range| range.count).unwrap_or(UNCLAIMED);
    Mapping {
        container: 0,
        host: largest.start,
        size: largest.count.min(ORDINARY_SIZE).min(u32::MAX - largest.start),
    }
}

/// FNV-1a: the same for the same text on every run.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The maps that were said; one that was not is the same as the other.
fn said(options: &NamespaceOptions, facts: &IdFacts) -> Result<IdMaps> {
    if !matches!(options.user, UserMode::Default | UserMode::Auto) {
        return Err(Error::new("--uidmap and --gidmap go with a user namespace of the container's own")
            .with_hint("leave --userns out, or take --userns auto"));
    }
    let or = |map: &[Mapping], other: &[Mapping]| if map.is_empty() { other.to_vec() } else { map.to_vec() };
    let maps = checked(or(&options.uid_map, &options.gid_map), or(&options.gid_map, &options.uid_map))?;
    if facts.uid != 0 {
        allowed(
            &Wish {
                option: "--uidmap",
                file: "/etc/subuid",
                map: &maps.uid,
                own: facts.uid,
                ranges: &facts.subuids,
            },
            facts,
        )?;
        allowed(
            &Wish {
                option: "--gidmap",
                file: "/etc/subgid",
                map: &maps.gid,
                own: facts.gid,
                ranges: &facts.subgids,
            },
            facts,
        )?;
    }
    Ok(maps)
}

/// One of the two maps that an ordinary user asks for.
struct Wish<'a> {
    option: &'a str,
    file: &'a str,
    map: &'a IdMap,
    own: u32,
    ranges: &'a [Range],
}

fn allowed(wish: &Wish<'_>, facts: &IdFacts) -> Result<()> {
    if let Err(refused) = check(wish.map, wish.own, wish.ranges) {
        return Err(Error::new(format!(
            "{} asks for the id {} of the host, which is not yours to map",
            wish.option, refused.id
        ))
        .with_cause(format!("{} gives {} {}", wish.file, facts.name, describe(wish.ranges)))
        .with_hint(ids_to_take(wish, facts)));
    }
    let own_alone = matches!(wish.map.mappings(), [Mapping { host, size: 1, .. }] if *host == wish.own);
    if own_alone || facts.programs {
        return Ok(());
    }
    Err(Error::new(format!("{} needs newuidmap and newgidmap", wish.option))
        .with_cause("they are not installed")
        .with_hint("install the package uidmap, or shadow-utils"))
}

/// Never the ids that were asked for: they may be root's, or somebody else's.
fn ids_to_take(wish: &Wish<'_>, facts: &IdFacts) -> String {
    match wish.ranges.first() {
        Some(range) => format!(
            "map ids of the host that are yours, such as {} 0:{}:{}",
            wish.option, range.start, range.count
        ),
        None => format!("have ids given to you that are nobody's, and map those ({})", give_ids(facts)),
    }
}

fn describe(ranges: &[Range]) -> String {
    if ranges.is_empty() {
        return "no ids".to_owned();
    }
    let last = |range: &Range| range.start.saturating_add(range.count.saturating_sub(1));
    let ids = ranges.iter().map(|range| format!("{} to {}", range.start, last(range)));
    ids.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "userns_tests.rs"]
mod tests;
