//! Finding out about the host, once.

use std::ffi::OsStr;
use std::path::Path;

use holm_cgroups::{Layout, delegated, may_make_beside};
use holm_credentials::CapabilitySet;
use holm_namespaces::idmap::{IdMapper, setgroups_denied};
use holm_namespaces::{Kind, Kinds, Namespace, own_user_namespace_is_initial};
use holm_plan::{CgroupFacts, HostFacts, LsmFacts};
use holm_spec::{NamespaceChoice, Process, Spec};
use rustix::process::{getegid, geteuid, getpid};

use crate::create::parent::system;
use crate::error::Error;

/// Finds out what a plan depends on. Reads a handful of files of /proc, and makes nothing.
///
/// # Errors
///
/// When there is no /proc.
pub fn probe() -> Result<HostFacts, Error> {
    let own = holm_credentials::current().map_err(|error| system("find out the own capabilities", error))?;
    let layout = Layout::probe().map_err(|error| system("find out the layout of the cgroups", error))?;
    let euid = geteuid().as_raw();
    let machine_root = is_machine_root(euid, own.permitted);
    let delegated = delegated(&layout).contains(&true);
    Ok(HostFacts {
        euid,
        egid: getegid().as_raw(),
        permitted: own.permitted,
        bounding: own.bounding,
        known: holm_credentials::known()
            .map_err(|error| system("find out the kernel's capabilities", error))?,
        kinds: kinds(),
        joined_own: Kinds::default(),
        id_map_programs: euid != 0 && IdMapper::find().is_some(),
        groups_denied: setgroups_denied(getpid()),
        kcore: rustix::fs::access("/proc/kcore", rustix::fs::Access::EXISTS).is_ok(),
        lsm: LsmFacts::default(),
        resctrl: None,
        cgroups: CgroupFacts {
            writable: machine_root || delegated,
            delegated,
            beside: may_make_beside(&layout),
            device_rules: machine_root,
            layout,
        },
    })
}

/// As [`probe`], with what a plan for `spec` depends on besides.
///
/// # Errors
///
/// As there.
pub(crate) fn probe_for(spec: &Spec) -> Result<HostFacts, Error> {
    let labelled = spec.linux.mount_label.is_some() || spec.process.as_ref().is_some_and(is_labelled);
    let resctrl = spec.linux.intel_rdt.as_ref().map(|_| holm_cgroups::find_resctrl()).transpose();
    let resctrl = resctrl.map_err(|error| system("find out where resctrl is mounted", error))?.flatten();
    Ok(HostFacts { joined_own: joined_own(spec), lsm: lsm(labelled), resctrl, ..probe()? })
}

/// The same for a process of an exec.
///
/// # Errors
///
/// As there.
pub(crate) fn probe_for_process(process: &Process) -> Result<HostFacts, Error> {
    Ok(HostFacts { lsm: lsm(is_labelled(process)), ..probe()? })
}

fn is_labelled(process: &Process) -> bool {
    process.attributes.apparmor_profile.is_some() || process.attributes.selinux_label.is_some()
}

/// Who asks for no label need not know.
fn lsm(wanted: bool) -> LsmFacts {
    const SELINUX_MAGIC: u64 = 0xf97c_ff8c;
    if !wanted {
        return LsmFacts::default();
    }
    let apparmor = std::fs::read("/sys/module/apparmor/parameters/enabled");
    let selinux = rustix::fs::statfs("/sys/fs/selinux").ok().and_then(|stat| u64::try_from(stat.f_type).ok());
    LsmFacts {
        apparmor: apparmor.is_ok_and(|answer| answer.starts_with(b"Y")),
        selinux: selinux == Some(SELINUX_MAGIC),
    }
}

/// What cannot be opened is not known to be the caller's; joining it will say why.
fn joined_own(spec: &Spec) -> Kinds {
    let own = |kind: Kind, path: &Path| {
        let id = |namespace: Result<Namespace, _>| namespace.and_then(|namespace| namespace.id()).ok();
        id(Namespace::open_as(path, kind)).is_some_and(|other| Some(other) == id(Namespace::of_self(kind)))
    };
    let joined = spec.linux.namespaces.iter().filter_map(|(kind, choice)| match choice {
        NamespaceChoice::Join(path) if own(*kind, path) => Some(*kind),
        _ => None,
    });
    joined.collect()
}

/// A kernel without one of the kinds does not have its link in /proc/self/ns.
fn kinds() -> Kinds {
    let links = std::fs::read_dir("/proc/self/ns").into_iter().flatten().flatten();
    let kind = |link: &OsStr| Kind::ALL.into_iter().find(|kind| link == kind.proc_name());
    links.filter_map(|link| kind(&link.file_name())).collect()
}

/// The machine's root makes cgroups wherever they are mounted, and says which devices may be used in them; others where
/// they are delegated.
fn is_machine_root(euid: u32, permitted: CapabilitySet) -> bool {
    let administrator = euid == 0 && permitted.contains(holm_credentials::Capability::SysAdmin);
    administrator && own_user_namespace_is_initial().unwrap_or(false)
}
