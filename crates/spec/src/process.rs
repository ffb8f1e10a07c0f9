//! The `process` section.

use std::path::PathBuf;

use holm_credentials::CapabilitySet;
use oci_spec::runtime as oci;

use crate::{Attributes, Error};

/// Who the process is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Its uid, in the container.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
    /// Its additional groups.
    pub additional_gids: Vec<u32>,
    /// Its umask.
    pub umask: Option<u32>,
}

/// One resource limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceLimit {
    /// The name, such as `RLIMIT_NOFILE`.
    pub resource: holm_credentials::Resource,
    /// The limits.
    pub limit: holm_credentials::Rlimit,
}

/// The five sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// What exec can never get back.
    pub bounding: CapabilitySet,
    /// What counts.
    pub effective: CapabilitySet,
    /// What file capabilities may add.
    pub inheritable: CapabilitySet,
    /// What may be made effective.
    pub permitted: CapabilitySet,
    /// What survives the exec of a plain program.
    pub ambient: CapabilitySet,
}

/// The `process` section, checked.
#[derive(Debug, Clone)]
pub struct Process {
    /// A terminal of its own.
    pub terminal: bool,
    /// Its size, rows and columns.
    pub console_size: Option<(u16, u16)>,
    /// Who it is.
    pub user: User,
    /// The program and its arguments.
    pub args: Vec<String>,
    /// `NAME=VALUE`.
    pub env: Vec<String>,
    /// Where it starts.
    pub cwd: PathBuf,
    /// Its capabilities; none given leaves none.
    pub capabilities: Capabilities,
    /// Its limits.
    pub rlimits: Vec<ResourceLimit>,
    /// exec never adds privileges.
    pub no_new_privileges: bool,
    /// How it runs.
    pub attributes: Attributes,
}

impl Process {
    /// Checks a `process` section, of config.json or of an exec.
    ///
    /// # Errors
    ///
    /// With the JSON path of what is wrong.
    pub fn check(process: &oci::Process) -> Result<Self, Error> {
        let args = process.args().clone().unwrap_or_default();
        if args.first().is_none_or(String::is_empty) {
            return Err(Error::invalid("process.args", "empty", "a program, and its arguments"));
        }
        let env = process.env().clone().unwrap_or_default();
        no_nul("process.args", &args)?;
        no_nul("process.env", &env)?;
        if !process.cwd().is_absolute() {
            return Err(Error::invalid("process.cwd", format!("{:?}", process.cwd()), "an absolute path"));
        }
        Ok(Self {
            terminal: process.terminal().unwrap_or(false),
            console_size: process.console_size().map(console_size).transpose()?,
            user: user(process.user())?,
            cwd: process.cwd().clone(),
            capabilities: process
                .capabilities()
                .as_ref()
                .map_or(Ok(Capabilities::default()), capabilities)?,
            rlimits: rlimits(process.rlimits().as_deref().unwrap_or_default())?,
            no_new_privileges: process.no_new_privileges().unwrap_or(false),
            attributes: Attributes::check(process)?,
            args,
            env,
        })
    }
}

/// The most additional groups that a process can have (NGROUPS_MAX).
const MOST_GROUPS: usize = 65536;

fn no_nul(field: &str, strings: &[String]) -> Result<(), Error> {
    match strings.iter().position(|text| text.contains('\0')) {
        Some(index) => {
            Err(Error::invalid(format!("{field}[{index}]"), "with a NUL in it", "text without NUL"))
        }
        None => Ok(()),
    }
}

fn console_size(size: oci::Box) -> Result<(u16, u16), Error> {
    let number = |field: &str, value: u64| {
        u16::try_from(value)
            .map_err(|_| Error::invalid(format!("process.consoleSize.{field}"), value, "0 to 65535"))
    };
    Ok((number("height", size.height())?, number("width", size.width())?))
}

fn user(user: &oci::User) -> Result<User, Error> {
    // -1 means "leave it" to setresuid(2) and is no id.
    let id = |field: &str, id: u32| match id {
        u32::MAX => Err(Error::invalid(format!("process.user.{field}"), id, "0 to 4294967294")),
        id => Ok(id),
    };
    let groups = user.additional_gids().clone().unwrap_or_default();
    groups.iter().try_for_each(|group| id("additionalGids", *group).map(drop))?;
    if groups.len() > MOST_GROUPS {
        let found = format!("of {} groups", groups.len());
        return Err(Error::invalid(
            "process.user.additionalGids",
            found,
            "at most 65536 groups (setgroups(2))",
        ));
    }
    if user.umask().is_some_and(|umask| umask > 0o777) {
        return Err(Error::invalid("process.user.umask", user.umask().unwrap_or(0), "0 to 0777"));
    }
    Ok(User {
        uid: id("uid", user.uid())?,
        gid: id("gid", user.gid())?,
        additional_gids: groups,
        umask: user.umask(),
    })
}

fn capabilities(sets: &oci::LinuxCapabilities) -> Result<Capabilities, Error> {
    Ok(Capabilities {
        bounding: capability_set("bounding", sets.bounding())?,
        effective: capability_set("effective", sets.effective())?,
        inheritable: capability_set("inheritable", sets.inheritable())?,
        permitted: capability_set("permitted", sets.permitted())?,
        ambient: capability_set("ambient", sets.ambient())?,
    })
}

fn capability_set(name: &str, set: &Option<oci::Capabilities>) -> Result<CapabilitySet, Error> {
    let mut result = CapabilitySet::default();
    for capability in set.iter().flatten() {
        let word = capability.to_string();
        let capability = word.parse().map_err(|_| {
            Error::invalid(format!("process.capabilities.{name}"), &word, "the names of capabilities(7)")
        })?;
        result.insert(capability);
    }
    Ok(result)
}

fn rlimits(limits: &[oci::PosixRlimit]) -> Result<Vec<ResourceLimit>, Error> {
    let mut result: Vec<ResourceLimit> = Vec::with_capacity(limits.len());
    for (index, limit) in limits.iter().enumerate() {
        let field = |name: &str| format!("process.rlimits[{index}].{name}");
        let word = limit.typ().to_string();
        let resource =
            word.parse().map_err(|_| Error::invalid(field("type"), &word, "the names of setrlimit(2)"))?;
        if limit.soft() > limit.hard() {
            return Err(Error::invalid(field("soft"), limit.soft(), "not more than hard"));
        }
        if result.iter().any(|other| other.resource == resource) {
            return Err(Error::invalid(field("type"), word, "each resource once"));
        }
        let limit = holm_credentials::Rlimit { soft: limit.soft(), hard: limit.hard() };
        result.push(ResourceLimit { resource, limit });
    }
    Ok(result)
}
