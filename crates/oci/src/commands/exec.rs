//! exec.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use clap::Args;
use holm_cgroups::SubGroup;
use holm_runtime::{Because, Error, ExecRequest, Observer, Result};
use oci_spec::runtime::{Capability, LinuxCapabilities, Process, Spec, User};

use super::Bench;
use super::handles::Handles;
use crate::attended::exec_process;

#[derive(Debug, Args)]
pub(super) struct Exec {
    /// A file with the process as JSON, as in the configuration
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["cwd", "env", "user", "tty", "cap", "additional_gids", "apparmor", "process_label"])]
    process: Option<PathBuf>,

    #[command(flatten)]
    handles: Handles,

    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,

    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// The working directory
    #[arg(long, value_name = "DIRECTORY")]
    cwd: Option<PathBuf>,

    /// A variable of its environment, beside those of the container's process
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Who it is
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<Ids>,

    /// Further groups
    #[arg(short = 'g', long, value_name = "GID", value_delimiter = ',')]
    additional_gids: Vec<u32>,

    /// A capability, beside those of the container's process
    #[arg(short, long, value_name = "NAME")]
    cap: Vec<String>,

    /// No exec in it adds privileges
    #[arg(long)]
    no_new_privs: bool,

    /// A cgroup below the container's that it is in
    #[arg(long, value_name = "[CONTROLLERS:]PATH")]
    cgroup: Vec<SubGroup>,

    /// Also in a paused container: it begins when that goes on
    #[arg(long)]
    ignore_paused: bool,

    /// The AppArmor profile
    #[arg(long, value_name = "PROFILE")]
    apparmor: Option<String>,

    /// The SELinux label
    #[arg(long, value_name = "LABEL")]
    process_label: Option<String>,

    /// The container
    id: String,

    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "process")]
    command: Vec<String>,
}

/// A uid, and a gid where one is said: numbers, as nothing else is known outside of the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ids {
    uid: u32,
    gid: Option<u32>,
}

impl std::str::FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let id = digits.then(|| text.parse().ok()).flatten().filter(|id| *id != u32::MAX);
            id.ok_or_else(|| format!("{text:?} is not an id: take a number below 4294967295"))
        };
        match text.split_once(':') {
            Some((uid, gid)) => Ok(Self { uid: number(uid)?, gid: Some(number(gid)?) }),
            None => Ok(Self { uid: number(text)?, gid: None }),
        }
    }
}

impl Exec {
    pub(super) fn preserved(&self) -> u32 {
        self.handles.preserve_fds
    }

    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        let process = match &self.process {
            Some(path) => read_process(path, bench.narrator)?,
            None => self.of_container(&holm_runtime::config(&bench.root, &self.id)?, bench.narrator),
        };
        let terminal = process.terminal().unwrap_or(false);
        if self.detach && terminal && self.handles.console_socket.is_none() {
            return Err(Error::new("cannot run a process with a terminal and leave it alone")
                .with_cause("nobody takes the terminal")
                .with_hint("give --console-socket, or do without --tty or --detach"));
        }
        let request = ExecRequest {
            console_socket: self.handles.console_socket.as_deref(),
            pid_file: self.handles.pid_file.as_deref(),
            pidfd_socket: self.handles.pidfd_socket.as_deref(),
            preserved: bench.inherited,
            cgroups: &self.cgroup,
            ignore_paused: self.ignore_paused,
            die_with_parent: !self.detach,
            ..ExecRequest::new(&self.id, &process)
        };
        if !self.detach {
            return exec_process(&bench.root, &request, bench.narrator);
        }
        let _left_alone: OwnedFd = holm_runtime::exec(&bench.root, &request, bench.narrator)?.pidfd;
        Ok(0)
    }

    /// As the container's own process, but for what is said.
    fn of_container(&self, config: &Spec, observer: &mut dyn Observer) -> Process {
        let mut process = config.process().clone().unwrap_or_default();
        process.set_args(Some(self.command.clone()));
        process.set_command_line(None);
        process.set_terminal(Some(self.tty));
        if !self.tty {
            process.set_console_size(None);
        }
        if let Some(cwd) = &self.cwd {
            process.set_cwd(cwd.clone());
        }
        let mut environment = process.env().clone().unwrap_or_default();
        self.env.iter().for_each(|variable| set(&mut environment, variable));
        process.set_env(Some(environment));
        self.set_user(&mut process);
        add_capabilities(&mut process, &capabilities(&self.cap, observer));
        if self.apparmor.is_some() {
            process.set_apparmor_profile(self.apparmor.clone());
        }
        if self.process_label.is_some() {
            process.set_selinux_label(self.process_label.clone());
        }
        if self.no_new_privs {
            process.set_no_new_privileges(Some(true));
        }
        process
    }

    fn set_user(&self, process: &mut Process) {
        let mut user: User = process.user().clone();
        if let Some(ids) = self.user {
            user.set_uid(ids.uid);
            if let Some(gid) = ids.gid {
                user.set_gid(gid);
            }
        }
        if !self.additional_gids.is_empty() {
            let mut groups = user.additional_gids().clone().unwrap_or_default();
            groups.extend(&self.additional_gids);
            user.set_additional_gids(Some(groups));
        }
        process.set_user(user);
    }
}

/// An ambient capability needs to be inheritable as well, which a container's are only where its process says so.
fn add_capabilities(process: &mut Process, added: &[Capability]) {
    if added.is_empty() {
        return;
    }
    let mut sets: LinuxCapabilities = process.capabilities().clone().unwrap_or_else(empty);
    let with = |set: &Option<oci_spec::runtime::Capabilities>| {
        let mut set = set.clone().unwrap_or_default();
        set.extend(added);
        Some(set)
    };
    let (bounding, effective, permitted) =
        (with(sets.bounding()), with(sets.effective()), with(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    if sets.inheritable().as_ref().is_some_and(|set| !set.is_empty()) {
        let ambient = with(sets.ambient());
        sets.set_ambient(ambient);
    }
    process.set_capabilities(Some(sets));
}

/// The library's own default is not empty.
fn empty() -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(None).set_effective(None).set_inheritable(None).set_permitted(None).set_ambient(None);
    sets
}

/// Sets `NAME=VALUE`; programs would find the first of two, and it is the last that was said.
fn set(environment: &mut Vec<String>, variable: &str) {
    let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    environment.retain(|known| name(known) != name(variable));
    environment.push(variable.to_owned());
}

/// By their names in capabilities(7), with or without `CAP_`; one that nobody knows is passed over, as runc does.
fn capabilities(names: &[String], observer: &mut dyn Observer) -> Vec<Capability> {
    let mut known = |text: &String| {
        let upper = text.to_ascii_uppercase();
        let capability = upper.strip_prefix("CAP_").unwrap_or(&upper).parse().ok();
        if capability.is_none() {
            observer.note(&format!("{text:?} is not a capability, and is left out"));
        }
        capability
    };
    names.iter().filter_map(&mut known).collect()
}

fn read_process(path: &Path, observer: &mut dyn Observer) -> Result<Process> {
    let failed = || format!("cannot read the process {}", path.display());
    let text = holm_spec::read_text(path).because(failed)?;
    let (process, notes) = holm_spec::read_process(&text).because(failed)?;
    notes.iter().for_each(|note| observer.note(note));
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_numbers() {
        assert_eq!("1000".parse(), Ok(Ids { uid: 1000, gid: None }));
        assert_eq!("0:5".parse(), Ok(Ids { uid: 0, gid: Some(5) }));
        for text in ["", "-1", "root", "1:", ":1", "4294967295", "1:2:3", "+1"] {
            assert!(text.parse::<Ids>().is_err(), "{text}");
        }
    }
}
