//! Where each namespace comes from, with names and pids turned into the files that the runtime opens.

use std::path::PathBuf;

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType};

use crate::options::{ContainerName, NamespaceMode, NamespaceOptions};
use crate::userns::UserNamespace;
use crate::{Error, Result};

/// Where one namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A new one.
    New,
    /// That of the caller.
    Host,
    /// The one that this file keeps.
    Join(PathBuf),
}

/// Where the namespaces of a container come from; the mount namespace is always a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespaces {
    /// Network.
    pub network: Choice,
    /// PID.
    pub pid: Choice,
    /// IPC.
    pub ipc: Choice,
    /// UTS.
    pub uts: Choice,
    /// Cgroup.
    pub cgroup: Choice,
    /// Time.
    pub time: Choice,
    /// User.
    pub user: Choice,
}

impl Namespaces {
    /// Turns names into pids with `pid_of`, and pids into files.
    ///
    /// # Errors
    ///
    /// When a container does not run, or options contradict each other.
    pub fn resolve(
        options: &NamespaceOptions,
        user: &UserNamespace,
        pid_of: &dyn Fn(&ContainerName) -> Result<u32>,
    ) -> Result<Self> {
        let choose = |mode: &NamespaceMode, kind: &str| -> Result<Choice> {
            let of_pid = |pid: u32| Choice::Join(PathBuf::from(format!("/proc/{pid}/ns/{kind}")));
            Ok(match mode {
                NamespaceMode::Private => Choice::New,
                NamespaceMode::Host => Choice::Host,
                NamespaceMode::Container(name) => of_pid(pid_of(name)?),
                NamespaceMode::Process(pid) => of_pid(*pid),
                NamespaceMode::File(path) => Choice::Join(path.clone()),
            })
        };
        let resolved = Self {
            network: choose(&options.network, "net")?,
            pid: choose(&options.pid, "pid")?,
            ipc: choose(&options.ipc, "ipc")?,
            uts: choose(&options.uts, "uts")?,
            cgroup: choose(&options.cgroup, "cgroup")?,
            time: choose(&options.time.mode, "time")?,
            user: match user {
                UserNamespace::Host => Choice::Host,
                UserNamespace::New(_) => Choice::New,
                UserNamespace::Join(mode) => choose(mode, "user")?,
            },
        };
        resolved.check_names(options)?;
        Ok(resolved)
    }

    /// The names of a host belong to a UTS namespace of the container's own.
    fn check_names(&self, options: &NamespaceOptions) -> Result<()> {
        let named = options.hostname.is_some() || options.domainname.is_some();
        if named && self.uts != Choice::New {
            return Err(Error::new(
                "--hostname and --domainname go with a UTS namespace of the container's own",
            )
            .with_cause("setting them here would change them for everybody who is in that namespace")
            .with_hint("leave --uts out, or the names"));
        }
        Ok(())
    }

    /// Each with its kind; the mount namespace too.
    fn by_kind(&self) -> [(LinuxNamespaceType, &Choice); 8] {
        use LinuxNamespaceType as Type;
        [
            (Type::User, &self.user),
            (Type::Mount, &Choice::New),
            (Type::Pid, &self.pid),
            (Type::Network, &self.network),
            (Type::Ipc, &self.ipc),
            (Type::Uts, &self.uts),
            (Type::Cgroup, &self.cgroup),
            (Type::Time, &self.time),
        ]
    }

    /// In the words of the specification: what is not in the list is shared with the caller.
    pub(super) fn to_list(&self) -> Vec<LinuxNamespace> {
        let listed = self.by_kind().into_iter().filter(|(_, choice)| **choice != Choice::Host);
        listed
            .map(|(kind, choice)| {
                let mut namespace = LinuxNamespace::default();
                namespace.set_typ(kind);
                if let Choice::Join(path) = choice {
                    namespace.set_path(Some(path.clone()));
                }
                namespace
            })
            .collect()
    }
}
