//! The bundle of a container: its root, its configuration, and the files that it refers to.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use holm_foreground::{Signals, window_size};
use holm_spec::annotations;
use oci_spec::runtime::Spec;
use rustix::fs::{Mode, chmod};

use crate::config::{self, Blueprint, Choice, GivenFile, Identity, Namespaces, PreparedRoot};
use crate::container::Held;
use crate::files::{self, Names};
use crate::launcher::Launcher;
use crate::options::{HostName, RootSource, RunOptions, RuntimeChoice, SignalNumber};
use crate::userns::{self, IdFacts, UserNamespace};
use crate::{Because, Engine, Error, Observer, Result, identity, idfacts, launcher, rootfs, seccomp};

/// ROOT/containers/NAME/bundle, from its end on.
const DIRECTORIES_OF_HOLM: usize = 4;

/// A bundle that a runtime can take.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Its directory.
    pub(crate) path: PathBuf,
    /// Its configuration.
    pub(crate) config: Spec,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The container has a terminal of its own.
    pub(crate) terminal: bool,
    /// What is typed goes there.
    pub(crate) interactive: bool,
    /// The signal that asks the command to end.
    pub(crate) stop_signal: SignalNumber,
}

/// What is found out before the configuration is made.
struct Findings {
    namespace: UserNamespace,
    namespaces: Namespaces,
    root: PreparedRoot,
    identity: Identity,
    files: Vec<GivenFile>,
    seccomp: Option<seccomp::Profile>,
}

/// What a bundle is made for.
#[derive(Clone, Copy)]
pub(crate) struct Order<'a> {
    /// The containers that it will be one of.
    pub(crate) engine: &'a Engine,
    /// What was asked for.
    pub(crate) options: &'a RunOptions,
    /// The directory that is held for the container.
    pub(crate) held: &'a Held,
    /// Who will make it.
    pub(crate) launcher: &'a Launcher<'a>,
    /// The signals, one of which may say that it is not wanted any more.
    pub(crate) signals: &'a Signals,
}

/// Makes the bundle in the directory that is held for the container.
///
/// # Errors
///
/// When something that was asked for is not there or not allowed, or a signal came.
pub(crate) fn prepare(order: Order<'_>, observer: &mut dyn Observer) -> Result<Bundle> {
    let Order { engine, options, held, .. } = order;
    let path = held.bundle();
    // A directory that is the root is mounted where it is.
    let deepest = match options.target.root {
        RootSource::Directory(_) => path.clone(),
        RootSource::Host | RootSource::Image(_) => held.mount_point(),
    };
    std::fs::create_dir_all(deepest).because(|| format!("cannot make the bundle {}", path.display()))?;
    let findings = find_out(order, observer)?;
    order.signals.check()?;
    let mut blueprint = blueprint(order, &findings);
    let command = config::command(&blueprint)?;
    let terminal = wants_terminal(options, engine.caller.on_terminal, &command);
    blueprint.terminal = terminal.then(|| window_size().map_or((0, 0), |size| (size.ws_row, size.ws_col)));
    let mut spec = config::build(&blueprint)?;
    if let RuntimeChoice::Other(_) = options.runtime {
        for_other_runtime(&mut spec, &blueprint, &path, observer)?;
    }
    write_config(&path.join("config.json"), &spec)?;
    if engine.caller.is_root() && findings.namespace != UserNamespace::Host {
        open_way_to(&path)?;
    }
    Ok(Bundle {
        path,
        config: spec,
        command,
        terminal,
        interactive: options.streams.pass_input(),
        stop_signal: stop_signal(options, &findings.root)?,
    })
}

/// The environment of the command may hold secrets: the file is this user's alone.
fn write_config(path: &Path, spec: &Spec) -> Result<()> {
    let text = serde_json::to_vec(spec).because(|| "cannot write the configuration down")?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(&text)).because(|| format!("cannot write {}", path.display()))
}

/// The root of a user namespace is nobody in particular outside of it, and has to get to the directory that its root
/// is mounted on: the directories above can be passed through, and still not be listed.
fn open_way_to(bundle: &Path) -> Result<()> {
    for directory in bundle.ancestors().take(DIRECTORIES_OF_HOLM) {
        chmod(directory, Mode::from_raw_mode(0o711))
            .because(|| format!("cannot open {}", directory.display()))?;
    }
    Ok(())
}

fn find_out(order: Order<'_>, observer: &mut dyn Observer) -> Result<Findings> {
    let Order { engine, options, held, .. } = order;
    let caller = &engine.caller;
    let facts = || idfacts::probe(caller);
    let needed = userns::needs_ranges(&options.namespaces, caller.uid);
    let known: IdFacts = if needed { facts() } else { idfacts::known(caller) };
    let decision = userns::decide(&options.namespaces, options.process.user.as_ref(), held.name(), &known)?;
    decision.note.iter().for_each(|note| observer.note(note));
    let namespace = decision.namespace;
    let pid_of = |name: &_| engine.pid_of(name);
    let namespaces = Namespaces::resolve(&options.namespaces, &namespace, &pid_of)?;
    let said = !options.namespaces.uid_map.is_empty() || !options.namespaces.gid_map.is_empty();
    let maps = match &namespace {
        UserNamespace::New(maps) if said => Some(maps),
        UserNamespace::New(_) | UserNamespace::Host | UserNamespace::Join(_) => None,
    };
    let mount_point = held.mount_point();
    let request = rootfs::Request {
        source: &options.target.root,
        mount_point: &mount_point,
        size: options.mounts.size,
        caller,
        maps,
        signals: order.signals,
    };
    let root = rootfs::prepare(&request, &facts, observer)?;
    let identity = identity::find(options.process.user.as_ref(), &root, &namespace, caller)?;
    let own = HostName::of(held.name());
    let hostname = options.namespaces.hostname.as_ref().unwrap_or(&own).as_str();
    let names = Names { root: root.kind, namespaces: &namespaces, hostname };
    let files = files::give(&held.bundle(), &names)?;
    let seccomp = seccomp::choose(&options.security)?;
    Ok(Findings { namespace, namespaces, root, identity, files, seccomp })
}

fn blueprint<'a>(order: Order<'a>, findings: &'a Findings) -> Blueprint<'a> {
    let Order { engine, options, held, .. } = order;
    Blueprint {
        name: held.name(),
        options,
        caller: &engine.caller,
        root: &findings.root,
        user_namespace: &findings.namespace,
        namespaces: &findings.namespaces,
        identity: &findings.identity,
        files: &findings.files,
        time_namespaces: findings.namespaces.time == Choice::Host || order.launcher.makes_time_namespaces(),
        domain_names: options.namespaces.domainname.is_none() || order.launcher.sets_domain_names(),
        seccomp: findings.seccomp.as_ref(),
        terminal: None,
    }
}

/// A terminal that was not asked for is given to a shell that would be typed into.
fn wants_terminal(options: &RunOptions, on_terminal: bool, command: &[String]) -> bool {
    options.streams.terminal.unwrap_or_else(|| {
        on_terminal && options.streams.interactive != Some(false) && config::is_interactive_shell(command)
    })
}

fn stop_signal(options: &RunOptions, root: &PreparedRoot) -> Result<SignalNumber> {
    let of_image = root.settings.stop_signal.as_deref().map(|text| {
        text.parse().map_err(|invalid| holm_options::refused("the StopSignal of the image", &invalid))
    });
    match options.stop_signal {
        Some(said) => Ok(said),
        None => of_image.unwrap_or(Ok(SignalNumber::TERM)),
    }
}

/// What Holm says in annotations is done for a runtime that does not read them.
fn for_other_runtime(
    spec: &mut Spec,
    blueprint: &Blueprint<'_>,
    path: &Path,
    observer: &mut dyn Observer,
) -> Result<()> {
    let options = blueprint.options;
    if let Some(overlay) = &blueprint.root.overlay {
        check_overlay(blueprint)?;
        launcher::mount_overlay(path, &blueprint.root.path, overlay)?;
    }
    if options.process.init && !launcher::replace_init(spec, path, blueprint.root.kind)? {
        observer.note("the command is PID 1 itself: there is no place for an init in this root");
    }
    let mut said = spec.annotations().clone().unwrap_or_default();
    said.retain(|key, _| key != annotations::INIT && key != annotations::OVERLAY);
    spec.set_annotations(Some(said));
    Ok(())
}

fn check_overlay(blueprint: &Blueprint<'_>) -> Result<()> {
    if !blueprint.caller.is_root() {
        return Err(launcher::refuse_ordinary_user());
    }
    if matches!(blueprint.user_namespace, UserNamespace::New(_)) {
        return Err(Error::new("another runtime cannot be given this root in a user namespace")
            .with_cause("the layers have the ids of the host, which it does not map")
            .with_hint("leave --userns out, or --runtime"));
    }
    let mounts = &blueprint.options.mounts.mounts;
    if mounts
        .iter()
        .flat_map(|mount| &mount.options)
        .any(|option| matches!(option.as_str(), "shared" | "rshared"))
    {
        return Err(Error::new("a shared volume cannot be given to another runtime with this root")
            .with_cause("the root is mounted in a mount namespace of its own, from which nothing goes back")
            .with_hint("take --rootfs, or leave --runtime out"));
    }
    Ok(())
}
