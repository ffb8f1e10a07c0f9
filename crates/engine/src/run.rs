//! `holm run`: from the options to the exit status.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use holm_foreground::{ConsoleSocket, Session, Signals, attend};
use holm_runtime::CreateRequest;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open};

use crate::bundle::{self, Bundle, Order};
use crate::caller::Caller;
use crate::container::{Held, Record};
use crate::launcher::{self, Launch, Launcher};
use crate::options::{RootSource, RunOptions, RuntimeChoice, registry_hint};
use crate::{Because, Engine, Error, Observer, Result};

/// How long `stop` waits when nothing is said, in seconds; as Docker has it.
const STOP_TIMEOUT: u64 = 10;

impl Engine {
    /// Runs a container in the foreground until its command ends. Answers with its exit status, 128+n for a signal.
    /// Nothing of the container is left then, nor when it failed.
    ///
    /// # Errors
    ///
    /// With the status 125 when the container could not be made, 126 when its command cannot be executed, 127 when
    /// it is not there.
    pub fn run(&self, options: &RunOptions, observer: &mut dyn Observer) -> Result<u8> {
        let runtime = match &options.runtime {
            RuntimeChoice::Own => None,
            RuntimeChoice::Other(path) => Some(find_runtime(path, &self.caller)?),
        };
        // From here on nothing ends this process before it has cleared what it has made.
        let signals = Signals::hold()?;
        let held = self.containers.hold_new(options.name.as_ref())?;
        let launcher = Launcher::of(runtime.as_deref(), &self.root, held.path());
        let order = Order { engine: self, options, held: &held, launcher: &launcher, signals: &signals };
        let result = run_held(order, observer);
        let result = result.map_err(|error| with_registry_hint(error, options));
        // Both are tried, whatever became of the command: what stays would be in the way of the next one.
        let deleted = launcher.delete(held.name().as_str(), &held.bundle());
        if runtime.is_some() {
            launcher::unmount_overlay(&held.bundle(), &held.mount_point());
        }
        let removed = held.remove();
        let status = result?;
        deleted.and(removed)?;
        Ok(status)
    }

    /// What [`Engine::run`] would do, step by step. An image is unpacked for it; nothing else stays.
    ///
    /// # Errors
    ///
    /// As [`Engine::run`] has before it makes anything.
    pub fn dry_run(&self, options: &RunOptions, observer: &mut dyn Observer) -> Result<holm_plan::Plan> {
        if let RuntimeChoice::Other(path) = &options.runtime {
            return Err(Error::new("there is no plan to show")
                .with_cause(format!("what {} does, it alone knows", path.display()))
                .with_hint("leave --runtime out to see what Holm itself does"));
        }
        let signals = Signals::hold()?;
        let held = self.containers.hold_new(options.name.as_ref())?;
        let launcher = Launcher::Own(&self.root);
        let order = Order { engine: self, options, held: &held, launcher: &launcher, signals: &signals };
        let bundle = bundle::prepare(order, observer);
        let plan = bundle.and_then(|bundle| plan_of(held.name().as_str(), &bundle.path));
        held.remove()?;
        plan
    }
}

fn plan_of(id: &str, bundle: &Path) -> Result<holm_plan::Plan> {
    holm_runtime::plan(&CreateRequest { die_with_parent: true, ..CreateRequest::new(id, bundle) })
}

fn run_held(order: Order<'_>, observer: &mut dyn Observer) -> Result<u8> {
    let Order { options, held, launcher, .. } = order;
    let bundle = bundle::prepare(order, observer)?;
    held.record(&record(options, held, &bundle, launcher.program()))?;
    if !bundle.terminal && !bundle.interactive {
        close_input()?;
    }
    let console = bundle.terminal.then(|| ConsoleSocket::bind(held.directory())).transpose()?;
    let id = held.name().as_str();
    let launch = Launch {
        id,
        bundle: &bundle.path,
        config: &bundle.config,
        console_socket: console.as_ref().map(ConsoleSocket::path),
    };
    let container = launcher.run(&launch, observer)?;
    let terminal = console.map(ConsoleSocket::receive).transpose()?;
    let session = Session { process: container.pidfd.as_fd(), terminal, interactive: bundle.interactive };
    attend(session, order.signals)
}

fn record(options: &RunOptions, held: &Held, bundle: &Bundle, runtime: Option<&Path>) -> Record {
    let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Record {
        name: held.name().clone(),
        image: match &options.target.root {
            RootSource::Host => "/".to_owned(),
            RootSource::Directory(path) => path.display().to_string(),
            RootSource::Image(reference) => reference.clone(),
        },
        command: bundle.command.clone(),
        created,
        holder: std::process::id(),
        runtime: runtime.map(Path::to_owned),
        stop_signal: bundle.stop_signal.number(),
        stop_timeout: options.stop_timeout.map_or(STOP_TIMEOUT, |timeout| timeout.as_secs()),
    }
}

/// The program of another runtime: a path as it is, a name from the directories of PATH.
///
/// # Errors
///
/// When there is none that can be executed.
fn find_runtime(said: &Path, caller: &Caller) -> Result<PathBuf> {
    let executable =
        |path: &PathBuf| accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok() && path.is_file();
    let found = if said.as_os_str().as_encoded_bytes().contains(&b'/') {
        Some(caller.cwd.join(said)).filter(executable)
    } else {
        let directories = caller.variable("PATH").unwrap_or_default().split(':');
        directories.map(|directory| caller.cwd.join(directory).join(said)).find(executable)
    };
    found.ok_or_else(|| {
        Error::new(format!("cannot run the runtime {}", said.display()))
            .with_cause("there is no such program")
            .with_hint("say the path of an OCI runtime, such as /usr/bin/crun")
    })
}

/// Standard input that is not passed on reads as empty.
pub(crate) fn close_input() -> Result<()> {
    let failed = || "cannot take /dev/null for standard input";
    let null = open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).because(failed)?;
    rustix::stdio::dup2_stdin(&null).because(failed)
}

/// A command that is not there may have been meant as the name of an image.
fn with_registry_hint(error: Error, options: &RunOptions) -> Error {
    let missing = error.status() == holm_runtime::STATUS_NOT_FOUND && options.target.root == RootSource::Host;
    let hint = options.target.command.first().filter(|_| missing).and_then(|word| registry_hint(word));
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}
