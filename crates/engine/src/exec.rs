//! `holm exec`: a further command in a container that runs.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use holm_foreground::{ConsoleSocket, Session, Signals, attend, window_size};
use holm_mounts::Root;
use oci_spec::runtime::{LinuxNamespaceType, Process, Spec};
use rustix::fs::{FileType, Mode, OFlags, fstat};

use crate::container::Seen;
use crate::identity::from_image;
use crate::launcher::{Further, Launcher};
use crate::options::{ExecOptions, SecurityOptions, UserSpec};
use crate::{Because, Engine, Error, Observer, Result, config, run};

/// The most that is read of a list of users, in bytes.
const LARGEST: u64 = 16 << 20;

impl Engine {
    /// Runs a command in a container until it ends: in all its namespaces and its cgroup, as the user and with the
    /// privileges that the container's own process was started with, unless other ones are said. Answers with the
    /// exit status, 128+n for a signal.
    ///
    /// # Errors
    ///
    /// When the container does not run (125), or the command cannot be executed (126, 127).
    pub fn exec(&self, options: &ExecOptions, observer: &mut dyn Observer) -> Result<u8> {
        let seen = self.containers.find(&options.name)?;
        let pid = self.pid_of(&options.name)?;
        let terminal = options.streams.terminal.unwrap_or_else(|| {
            let wanted = options.streams.interactive != Some(false);
            wanted && self.caller.on_terminal && config::is_interactive_shell(&options.command)
        });
        let interactive = options.streams.pass_input();
        let process = self.further_process(options, &load(&seen)?, pid, terminal)?;
        if !terminal && !interactive {
            run::close_input()?;
        }
        let signals = Signals::hold()?;
        let directory = terminal.then(|| open_directory(seen.path())).transpose()?;
        let console = directory.as_ref().map(ConsoleSocket::bind).transpose()?;
        let launcher = Launcher::of(seen.record().runtime.as_deref(), &self.root, seen.path());
        let socket = console.as_ref().map(ConsoleSocket::path);
        let further = Further {
            id: options.name.as_str(),
            process: &process,
            console_socket: socket,
            unfiltered: options.privileged,
        };
        let made = launcher.exec(&further, observer)?;
        let terminal = console.map(ConsoleSocket::receive).transpose()?;
        attend(Session { process: made.pidfd.as_fd(), terminal, interactive }, &signals)
    }

    /// The process of the container's configuration, with what is to be different.
    fn further_process(
        &self,
        options: &ExecOptions,
        spec: &Spec,
        pid: u32,
        terminal: bool,
    ) -> Result<Process> {
        let mut process = spec.process().clone().unwrap_or_default();
        let mut environment = process.env().clone().unwrap_or_default();
        process.set_args(Some(options.command.clone()));
        process.set_terminal(Some(terminal));
        let size = window_size().filter(|_| terminal);
        process.set_console_size(size.and_then(|size| config::console_size((size.ws_row, size.ws_col))));
        if let Some(user) = &options.user {
            let home = become_user(&mut process, user, pid)?;
            config::merge(&mut environment, format!("HOME={}", home.as_deref().unwrap_or("/")));
        }
        if terminal {
            config::merge(
                &mut environment,
                format!("TERM={}", self.caller.variable("TERM").unwrap_or("xterm")),
            );
        }
        config::with_variables(&mut environment, &options.environment, &self.caller);
        process.set_env(Some(environment));
        self.set_privileges(&mut process, options.privileged, spec)?;
        if let Some(workdir) = &options.workdir {
            if !workdir.is_absolute() {
                return Err(Error::new(format!("--workdir {} cannot be taken as it is", workdir.display()))
                    .with_cause("it is not an absolute path in the container"));
            }
            process.set_cwd(workdir.clone());
        }
        Ok(process)
    }

    /// The bounding set of the container's process, or all capabilities; what of it is effective depends on the user.
    fn set_privileges(&self, process: &mut Process, privileged: bool, spec: &Spec) -> Result<()> {
        let own_user = spec.linux().iter().flat_map(|linux| linux.namespaces().iter().flatten());
        let own_user = own_user.into_iter().any(|namespace| namespace.typ() == LinuxNamespaceType::User);
        let all = if own_user { &self.caller.known } else { &self.caller.bounding };
        let given =
            process.capabilities().as_ref().and_then(|sets| sets.bounding().clone()).unwrap_or_default();
        let available = if privileged { all.clone() } else { given };
        let all_of_them = SecurityOptions { privileged: true, ..SecurityOptions::default() };
        let uid = process.user().uid();
        process.set_capabilities(Some(config::sets(&all_of_them, uid, &available)?));
        if privileged {
            process.set_no_new_privileges(Some(false));
        }
        Ok(())
    }
}

/// Changes the user of `process` to one that is looked up in the container as it is now. Answers with its home.
fn become_user(process: &mut Process, user: &UserSpec, pid: u32) -> Result<Option<String>> {
    let root =
        Root::open(Path::new(&format!("/proc/{pid}/root"))).because(|| "cannot look into the container")?;
    let (passwd, group) = (read(&root, "etc/passwd"), read(&root, "etc/group"));
    let found = holm_image::lookup(&passwd, &group, &user.to_string())
        .map_err(|error| from_image("find the user", &error.into()))?;
    let mut changed = oci_spec::runtime::User::default();
    changed.set_uid(found.uid).set_gid(found.gid);
    if !found.additional_gids.is_empty() {
        changed.set_additional_gids(Some(found.additional_gids));
    }
    process.set_user(changed);
    Ok(found.home)
}

/// A file of a container, which may have put anything in its place: what is no file is empty.
fn read(root: &Root, name: &str) -> Vec<u8> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let Ok(fd) = root.open_at(Path::new(name), flags, Mode::empty()) else { return Vec::new() };
    if !fstat(&fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file()) {
        return Vec::new();
    }
    let mut text = Vec::new();
    match File::from(fd).take(LARGEST).read_to_end(&mut text) {
        Ok(_) => text,
        Err(_) => Vec::new(),
    }
}

fn load(seen: &Seen) -> Result<Spec> {
    let (config, _) = holm_spec::read_config(&seen.bundle().join(holm_spec::CONFIG))?;
    Ok(config)
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).because(|| format!("cannot open {}", path.display()))
}
