//! create, run.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use holm_plan::Plan;
use holm_runtime::{CreateRequest, Error, Observer, Result};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};

use super::handles::Handles;
use super::{Bench, json};
use crate::attended::run_bundle;
use crate::output::answer;

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// A numbered list.
    Text,
    /// For machines.
    Json,
}

impl PlanFormat {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn print(self, plan: &Plan) -> Result<()> {
        match self {
            Self::Text => answer(plan),
            Self::Json => answer(json(plan)?),
        }
    }
}

// What create and run take both. No documentation: clap would tell it in place of that of the command.
#[derive(Debug, Args)]
struct Common {
    /// The directory of the bundle
    #[arg(short, long, value_name = "PATH", default_value = ".")]
    bundle: PathBuf,

    /// The file with the configuration, from the bundle on [default: config.json]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    handles: Handles,

    /// Move the root onto / in place of pivot_root(2), for a root in a ramfs: less sure a border
    #[arg(long)]
    no_pivot: bool,

    /// Leave the container in the session keyring of the caller
    #[arg(long)]
    no_new_keyring: bool,

    /// Print what would be done, step by step, and do nothing
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, require_equals = true, default_missing_value = "text")]
    dry_run: Option<PlanFormat>,

    /// The container
    id: String,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    common: Common,

    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,

    /// Do not delete it at its end
    #[arg(long)]
    keep: bool,

    /// Accepted as runc has it: Holm waits for the process by its pidfd, and never becomes a subreaper
    #[arg(long)]
    no_subreaper: bool,
}

impl Create {
    pub(super) fn preserved(&self) -> u32 {
        self.common.preserved()
    }

    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        let config = self.common.config(bench)?;
        let request = self.common.request(bench, &config);
        if let Some(format) = self.common.dry_run {
            return print_plan(&request, format);
        }
        protect(&config)?;
        if terminal(&config) && request.console_socket.is_none() {
            return Err(no_console_socket("create"));
        }
        let _left_alone: OwnedFd = holm_runtime::create(&bench.root, &request, bench.narrator)?.pidfd;
        Ok(0)
    }
}

impl Run {
    pub(super) fn preserved(&self) -> u32 {
        self.common.preserved()
    }

    pub(super) fn execute(self, bench: &mut Bench<'_>) -> Result<u8> {
        let config = self.common.config(bench)?;
        let request = CreateRequest { die_with_parent: !self.detach, ..self.common.request(bench, &config) };
        if let Some(format) = self.common.dry_run {
            return print_plan(&request, format);
        }
        protect(&config)?;
        if self.detach {
            if terminal(&config) && request.console_socket.is_none() {
                return Err(no_console_socket("run --detach"));
            }
            let _left_alone: OwnedFd = holm_runtime::run(&bench.root, &request, bench.narrator)?.pidfd;
            return Ok(0);
        }
        run_bundle(&bench.root, &request, terminal(&config), self.keep, bench.narrator)
    }
}

impl Common {
    /// Sockets that systemd has opened are handed on as well (sd_listen_fds(3)).
    fn preserved(&self) -> u32 {
        self.handles.preserve_fds.saturating_add(listen_fds())
    }

    fn config(&self, bench: &mut Bench<'_>) -> Result<Spec> {
        let (mut config, notes) = holm_spec::read_config(&self.located().config_path())?;
        notes.iter().for_each(|note| bench.narrator.note(note));
        let sockets = (3..).zip(0..listen_fds()).take_while(|(fd, _)| bench.inherited.contains(fd)).count();
        if sockets > 0
            && let Some(process) = config.process_mut()
        {
            let environment = process.env().clone().unwrap_or_default();
            process.set_env(Some(with_sockets(environment, sockets, std::env::var("LISTEN_FDNAMES").ok())));
        }
        Ok(config)
    }

    fn located(&self) -> CreateRequest<'_> {
        CreateRequest { config_file: self.config.as_deref(), ..CreateRequest::new(&self.id, &self.bundle) }
    }

    fn request<'a>(&'a self, bench: &Bench<'a>, config: &'a Spec) -> CreateRequest<'a> {
        CreateRequest {
            config: Some(config),
            console_socket: self.handles.console_socket.as_deref(),
            pid_file: self.handles.pid_file.as_deref(),
            pidfd_socket: self.handles.pidfd_socket.as_deref(),
            preserved: bench.inherited,
            no_pivot: self.no_pivot,
            keep_keyring: self.no_new_keyring,
            cgroups: bench.cgroups,
            ..self.located()
        }
    }
}

/// Puts the program out of reach, by executing it again, where a process of it can be seen from inside.
fn protect(config: &Spec) -> Result<()> {
    if is_seen_from_inside(config) { holm_runtime::protect_own_program() } else { Ok(()) }
}

/// In a new PID namespace a container has nobody who could see its maker: its first process, which makes it, is another
/// program from the moment on that others come after it, but for hooks. Whoever owns its user namespace, or has its mounts
/// to himself, may have been there before.
fn is_seen_from_inside(config: &Spec) -> bool {
    let namespaces =
        config.linux().as_ref().and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    let is_new = |namespace: &LinuxNamespace| namespace.path().is_none();
    let own_processes = namespaces.iter().any(|one| one.typ() == LinuxNamespaceType::Pid && is_new(one));
    let joins = |kind| namespaces.iter().any(|one| one.typ() == kind && !is_new(one));
    let hooks = config.hooks().as_ref().is_some_and(|hooks| {
        [hooks.create_container(), hooks.start_container()].into_iter().flatten().any(|list| !list.is_empty())
    });
    !own_processes || joins(LinuxNamespaceType::User) || joins(LinuxNamespaceType::Mount) || hooks
}

/// How many sockets systemd has opened for this process: those for another one have its pid beside them (sd_listen_fds(3)).
fn listen_fds() -> u32 {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u32>().unwrap_or(0));
    match (number("LISTEN_PID"), number("LISTEN_FDS")) {
        (Some(pid), _) if pid != std::process::id() => 0,
        (_, sockets) => sockets.unwrap_or(0),
    }
}

/// The environment of a process that has these sockets, and no others that it may have been told of before.
fn with_sockets(mut environment: Vec<String>, sockets: usize, names: Option<String>) -> Vec<String> {
    let told = [
        Some(("LISTEN_FDS", sockets.to_string())),
        Some(("LISTEN_PID", "1".to_owned())),
        names.map(|names| ("LISTEN_FDNAMES", names)),
    ];
    for (name, value) in told.into_iter().flatten() {
        environment.retain(|variable| variable.split('=').next() != Some(name));
        environment.push(format!("{name}={value}"));
    }
    environment
}

fn terminal(config: &Spec) -> bool {
    config.process().as_ref().is_some_and(|process| process.terminal().unwrap_or(false))
}

fn no_console_socket(command: &str) -> Error {
    Error::new(format!("cannot {command} a container with a terminal"))
        .with_cause("process.terminal is true, and nobody takes the terminal")
        .with_hint("give --console-socket, or set process.terminal to false")
}

fn print_plan(request: &CreateRequest<'_>, format: PlanFormat) -> Result<u8> {
    format.print(&holm_runtime::plan(request)?)?;
    Ok(0)
}
