//! Plans and steps for people.

use std::fmt;

use holm_mounts::MountAttr;

use crate::{
    FilterTime, IdMapWriter, Idmap, Inherits, Lsm, MountChange, Plan, RootEntry, RootSource, Step, Who,
};

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Parent => "parent",
            Self::Between => "between",
            Self::Child => "child",
        })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (phase, steps) in self.phases() {
            if phase == crate::Phase::Adopt {
                writeln!(
                    f,
                    "          parent   clone3: one process in new namespaces: {}",
                    self.clone.namespaces
                )?;
            }
            for (index, step) in steps.iter().enumerate() {
                writeln!(f, "{:>7}.  {:<8} {step}", self.number(phase, index), phase.who())?;
            }
            if phase == crate::Phase::Privileges {
                self.write_command(f)?;
            }
        }
        Ok(())
    }
}

impl Plan {
    fn write_command(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            None => Ok(()),
            Some(command) if command.init => {
                writeln!(f, "          child    stay as init (PID 1), with {:?} as its child", command.args)
            }
            Some(command) => writeln!(f, "          child    execute {:?}", command.args),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateCgroup { path } => write!(f, "create cgroup {path}"),
            Self::StartUnit { scope, .. } => write!(f, "have systemd start {}", scope.unit),
            Self::SetLimits { resources } => write!(f, "limit {}", resources.controllers().join(", ")),
            Self::AllowDevices { policy } => write!(f, "allow devices: {policy}"),
            Self::DelegateCgroup { uid } => write!(f, "give the cgroup to uid {uid}"),
            Self::MakeRdtGroup { group } => {
                write!(f, "have the resctrl group {}", group.directory().display())
            }
            Self::EnterRdtGroup => f.write_str("enter the resctrl group"),
            Self::RemoveRdtGroup => f.write_str("remove the resctrl group, as far as it was made"),
            Self::EnterCgroup => f.write_str("enter the cgroup"),
            Self::RemoveCgroup => f.write_str("remove the cgroup"),
            Self::JoinNamespace { kind, path } => write!(f, "join the {kind} namespace {}", path.display()),
            Self::JoinProcess { kinds } => write!(f, "join the container's namespaces {kinds}"),
            Self::WriteIdMaps { uids, gids, writer } => write_maps(f, uids, gids, *writer),
            Self::MoveNetDevice { device, name, .. } if device == name => {
                write!(f, "move the network device {device} into the container")
            }
            Self::MoveNetDevice { device, name, .. } => {
                write!(f, "move the network device {device} into the container, as {name}")
            }
            Self::TakeIds { ids: Some((uid, gid)) } => write!(f, "take uid {uid} and gid {gid}"),
            Self::TakeIds { ids: None } => f.write_str("take ids of the joined user namespace"),
            Self::UnshareCgroup => f.write_str("make a cgroup namespace"),
            Self::UnshareTime { offsets } => write!(f, "make a time namespace, {offsets}"),
            Self::SetHostname { name } => write!(f, "set the hostname {name}"),
            Self::SetDomainname { name } => write!(f, "set the domain name {name}"),
            Self::LoopbackUp => f.write_str("bring up the loopback device"),
            Self::WriteSysctl { path, value } => write!(f, "set /proc/sys/{} to {value}", path.display()),
            Self::OpenTerminal { .. } => f.write_str("open a terminal"),
            Self::EnterRoot { by } => f.write_str(match by {
                RootEntry::Pivot => "make the root /, and leave the host's",
                RootEntry::Move => "move the root onto /, and leave the host's",
                RootEntry::Chroot => "make the root /, in the mount namespace of others",
            }),
            Self::RunHook { kind, hook } => {
                write!(f, "run the hook hooks.{kind}[{}] {}", hook.index, hook.path.display())
            }
            _ => self.fmt_mounts(f),
        }
    }
}

impl Step {
    fn fmt_mounts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakeMount { path, recursive, idmap, .. } => {
                let tree = if *recursive { " and all below it" } else { "" };
                let idmap = match idmap {
                    None => "",
                    Some(Idmap { maps: None, .. }) => ", idmapped",
                    Some(Idmap { maps: Some(_), .. }) => ", idmapped by maps of its own",
                };
                write!(f, "take the mount of {}{tree}{idmap}", path.display())
            }
            Self::SeverMounts => f.write_str("sever the mounts from the host's"),
            Self::MakeRoot { path, attach: true, source, change } => {
                write!(f, "make the root on {} from {source}{change}", path.display())
            }
            Self::MakeRoot { source, change, .. } => {
                write!(f, "make the root, attached nowhere, from {source}{change}")
            }
            Self::MountOverlay { path, change } => {
                write!(f, "overlay {} of the host{change}", path.display())
            }
            Self::MountFilesystem { destination, fstype, options, change, inherits, .. } => {
                write!(f, "mount {fstype} on {}", destination.display())?;
                write_options(f, options)?;
                let copy = if *inherits == Inherits::Content { ", with a copy of what is there" } else { "" };
                write!(f, "{change}{copy}")
            }
            Self::AttachMount { slot, destination, change, .. } => {
                write!(f, "attach mount {slot} on {}{change}", destination.display())
            }
            Self::MakeDevice { device, own_mount, .. } => {
                write!(f, "make {device}{}", if *own_mount { ", a mount of its own" } else { "" })
            }
            Self::BindDevice { device } => write!(f, "bind {device}"),
            Self::MakeSymlink { path, target, .. } => {
                write!(f, "link {} to {}", path.display(), target.display())
            }
            Self::MakeDirectory { path } => write!(f, "make the directory {}", path.display()),
            Self::MaskPath { path } => write!(f, "mask {}", path.display()),
            Self::ReadonlyPath { path } => write!(f, "make {} read-only", path.display()),
            Self::Reconfigure { path, options, change } => {
                write!(f, "reconfigure the file system on {}", path.display())?;
                write_options(f, options)?;
                write!(f, "{change}")
            }
            Self::ChangeMount { path, change } => write!(f, "change the mount {}:{change}", path.display()),
            _ => self.fmt_privileges(f),
        }
    }

    fn fmt_privileges(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewKeyring => f.write_str("join a session keyring of its own"),
            Self::NewSession { terminal_owner: None } => f.write_str("start a session"),
            Self::NewSession { terminal_owner: Some(_) } => f.write_str("start a session on the terminal"),
            Self::GiveStreams { uid } => write!(f, "give the pipes of the standard streams to uid {uid}"),
            Self::SetRlimit { resource, limit } => write!(f, "limit {resource} to {limit}"),
            Self::NoNewPrivileges => f.write_str("forbid new privileges"),
            Self::DropBounding { keep } => write!(f, "bound capabilities to {keep}"),
            Self::SetIds { uid, gid, .. } => write!(f, "become uid {uid}, gid {gid}"),
            Self::SetCapabilities { sets } => write!(f, "set capabilities to {}", sets.permitted),
            Self::LoadSeccomp { filter, time } => {
                let when = match time {
                    FilterTime::WithCapability => "",
                    FilterTime::BeforeCommand => " right before the command",
                };
                let length = filter.program.instructions().len();
                write!(f, "filter system calls by {length} instructions{when}")?;
                let mut listener = filter.listener.iter();
                listener.try_for_each(|listener| write!(f, ", with {} listening", listener.path.display()))
            }
            Self::SetUmask { mask } => write!(f, "set the umask {mask:03o}"),
            Self::ChangeDirectory { path } => write!(f, "change the directory to {}", path.display()),
            Self::DieWithParent => f.write_str("die with the parent"),
            _ => self.fmt_attributes(f),
        }
    }

    fn fmt_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetOomScoreAdj { score, .. } => write!(f, "have oom_score_adj {score}"),
            Self::SetScheduling { scheduling } => {
                let (policy, nice, priority) = (&scheduling.policy, scheduling.nice, scheduling.priority);
                write!(f, "schedule by {policy}, nice {nice}, priority {priority}")
            }
            Self::SetIoPriority { class, level } => write!(f, "set the I/O priority {class} {level}"),
            Self::SetCpus { cpus } => write!(f, "run on the CPUs {cpus}"),
            Self::SetPersonality { persona } => write!(f, "set the personality {persona:#x}"),
            Self::SetMemoryPolicy { policy } => write!(f, "set the memory policy {}", policy.mode),
            Self::SetLabel { lsm, label } => write!(f, "set the label {label} of {lsm} for the command"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Lsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AppArmor => "AppArmor",
            Self::SeLinux => "SELinux",
        })
    }
}

fn write_options(f: &mut fmt::Formatter<'_>, options: &[holm_mounts::FsOption]) -> fmt::Result {
    options.iter().try_for_each(|option| {
        write!(f, " {}", option.key)?;
        option.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    })
}

fn write_maps(
    f: &mut fmt::Formatter<'_>,
    uids: &holm_namespaces::IdMap,
    gids: &holm_namespaces::IdMap,
    writer: IdMapWriter,
) -> fmt::Result {
    let by = match writer {
        IdMapWriter::Parent => "",
        IdMapWriter::Programs => " with newuidmap and newgidmap",
        IdMapWriter::OwnId => " for the own id alone",
    };
    let line = |map: &holm_namespaces::IdMap| {
        let mapping = |m: &holm_namespaces::Mapping| format!("{}:{}:{}", m.container, m.host, m.size);
        map.mappings().iter().map(mapping).collect::<Vec<_>>().join(" ")
    };
    write!(f, "map uids {} and gids {}{by}", line(uids), line(gids))
}

impl fmt::Display for RootSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { slot } => write!(f, "mount {slot}"),
            Self::Layers { lower, .. } => {
                f.write_str("an overlay over")?;
                lower.iter().try_for_each(|layer| write!(f, " {}", layer.display()))
            }
            Self::Empty { .. } => f.write_str("an empty directory"),
            Self::TakenLayers { lower, .. } => write!(f, "an overlay over mounts {lower:?}"),
        }
    }
}

impl fmt::Display for MountChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |f: &mut fmt::Formatter<'_>, sign: &str, set: MountAttr| {
            set.iter_names()
                .try_for_each(|(name, _)| write!(f, " {sign}{}", name.to_lowercase().replace('_', "")))
        };
        f.write_str(if self.exact { " exactly" } else { "" })?;
        names(f, "+", self.set)?;
        // The access times are one field: what is cleared of it is not worth a word.
        names(f, "-", self.clear - MountAttr::ATIME)?;
        names(f, "+r:", self.set_recursive)?;
        names(f, "-r:", self.clear_recursive - MountAttr::ATIME)?;
        self.propagation
            .iter()
            .try_for_each(|step| write!(f, " {}{}", if step.recursive { "r" } else { "" }, step.propagation))
    }
}
