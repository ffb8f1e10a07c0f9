//! The `process` section.

use std::path::{Path, PathBuf};

use oci_spec::runtime::{Box as Size, BoxBuilder, PosixRlimit, PosixRlimitBuilder, Process, User};

use super::{Blueprint, Choice, RootKind, capabilities, environment};
use crate::hostroot;
use crate::options::{SecurityOption, SecurityOptions, Target, Ulimit};
use crate::{Because, Error, Result};

/// The shells that are started without arguments to be typed into.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "mksh"];

pub(super) fn build(blueprint: &Blueprint<'_>) -> Result<Process> {
    let options = blueprint.options;
    let known = &blueprint.caller.known;
    let available = capabilities::available(blueprint.user_namespace, &blueprint.caller.bounding, known);
    let mut process = Process::default();
    process.set_args(Some(command(blueprint)?));
    process.set_env(Some(variables(blueprint)));
    process.set_cwd(workdir(blueprint)?);
    process.set_user(user(blueprint)?);
    process.set_rlimits(rlimits(&options.process.ulimits)?);
    process.set_capabilities(Some(capabilities::sets(
        &options.security,
        blueprint.identity.uid,
        &available,
    )?));
    process.set_no_new_privileges(Some(no_new_privileges(&options.security)));
    process.set_terminal(Some(blueprint.terminal.is_some()));
    process.set_console_size(blueprint.terminal.and_then(console_size));
    Ok(process)
}

/// A size that is not known is left out.
pub(crate) fn console_size((rows, columns): (u16, u16)) -> Option<Size> {
    let size = BoxBuilder::default().height(u64::from(rows)).width(u64::from(columns));
    size.build().ok().filter(|_| rows > 0 && columns > 0)
}

/// The program and its arguments: what was said, after the image's entry point or the one that was said instead.
pub(crate) fn command(blueprint: &Blueprint<'_>) -> Result<Vec<String>> {
    let Target { command, .. } = &blueprint.options.target;
    let settings = &blueprint.root.settings;
    let mut args = match blueprint.options.process.entrypoint.as_deref() {
        Some("") => Vec::new(),
        Some(entrypoint) => vec![entrypoint.to_owned()],
        None => settings.entrypoint.clone(),
    };
    // As Docker has it: another entry point makes the image's arguments meaningless.
    let replaced = blueprint.options.process.entrypoint.is_some();
    let defaults = if replaced { &[] } else { settings.command.as_slice() };
    args.extend_from_slice(if command.is_empty() { defaults } else { command });
    if args.is_empty() && blueprint.root.kind == RootKind::Host {
        args.push(shell(blueprint));
    }
    if args.first().is_none_or(String::is_empty) {
        return Err(Error::new("there is no command to run")
            .with_cause("neither the image nor the command line says one")
            .with_hint("say it at the end: holm run IMAGE COMMAND ARGUMENTS"));
    }
    Ok(args)
}

fn shell(blueprint: &Blueprint<'_>) -> String {
    let shell =
        blueprint.caller.variable("SHELL").filter(|path| path.starts_with('/') && Path::new(path).is_file());
    shell.unwrap_or("/bin/sh").to_owned()
}

/// Whether `args` is a shell to be typed into: one without a script and without a command.
pub(crate) fn is_interactive_shell(args: &[String]) -> bool {
    let Some((program, rest)) = args.split_first() else { return false };
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    SHELLS.contains(&name)
        && rest.iter().all(|word| matches!(word.as_str(), "-i" | "-l" | "-il" | "-li" | "--login"))
}

fn variables(blueprint: &Blueprint<'_>) -> Vec<String> {
    let own = crate::options::HostName::of(blueprint.name);
    let hostname = blueprint.options.namespaces.hostname.as_ref().unwrap_or(&own);
    let origins = environment::Origins {
        caller: blueprint.caller,
        host_root: blueprint.root.kind == RootKind::Host,
        image: &blueprint.root.settings.environment,
        hostname: (blueprint.namespaces.uts == Choice::New).then_some(hostname.as_str()),
        home: blueprint.identity.home.as_deref(),
        terminal: blueprint.terminal.is_some(),
    };
    environment::build(&origins, &blueprint.options.process.environment)
}

/// What was said; what the image says; for this machine's own root the directory that the caller is in.
fn workdir(blueprint: &Blueprint<'_>) -> Result<PathBuf> {
    if let Some(said) = &blueprint.options.process.workdir {
        if !said.is_absolute() {
            return Err(Error::new(format!("--workdir {} cannot be taken as it is", said.display()))
                .with_cause("it is not an absolute path in the container"));
        }
        return Ok(said.clone());
    }
    if let Some(said) = blueprint.root.settings.workdir.as_deref().filter(|path| !path.is_empty()) {
        return Ok(Path::new("/").join(said));
    }
    let cwd = &blueprint.caller.cwd;
    let there = blueprint.root.kind == RootKind::Host && !hostroot::is_replaced(cwd);
    Ok(if there { cwd.clone() } else { PathBuf::from("/") })
}

/// Ids that do not exist in the container are an error of the caller's, except for additional groups.
fn user(blueprint: &Blueprint<'_>) -> Result<User> {
    let identity = blueprint.identity;
    let mut user = User::default();
    user.set_uid(identity.uid).set_gid(identity.gid);
    let mut groups = identity.additional_gids.clone();
    if let crate::userns::UserNamespace::New(maps) = blueprint.user_namespace {
        if maps.uid.to_host(identity.uid).is_none() || maps.gid.to_host(identity.gid).is_none() {
            return Err(Error::new(format!("the container has no user {}:{}", identity.uid, identity.gid))
                .with_cause("the id is not in the map of its user namespace")
                .with_hint("take an id of the map with --user, or a larger map with --uidmap and --gidmap"));
        }
        // Without the privilege to write a larger map, setgroups(2) is switched off (user_namespaces(7)).
        groups.retain(|gid| !maps.is_single() && maps.gid.to_host(*gid).is_some());
    }
    if !groups.is_empty() {
        user.set_additional_gids(Some(groups));
    }
    Ok(user)
}

/// The last one said of each resource holds.
fn rlimits(ulimits: &[Ulimit]) -> Result<Option<Vec<PosixRlimit>>> {
    let mut limits: Vec<PosixRlimit> = Vec::with_capacity(ulimits.len());
    for ulimit in ulimits {
        limits.retain(|other| other.typ() != ulimit.resource);
        let limit = PosixRlimitBuilder::default().typ(ulimit.resource).soft(ulimit.soft).hard(ulimit.hard);
        limits.push(limit.build().because(|| "cannot write the limits down")?);
    }
    Ok((!limits.is_empty()).then_some(limits))
}

/// On unless it was turned off, or the container is privileged: no set-user-ID program makes more of a process than
/// it was started as.
fn no_new_privileges(options: &SecurityOptions) -> bool {
    let said = options.options.iter().rev().find_map(|option| match option {
        SecurityOption::NoNewPrivileges(on) => Some(*on),
        SecurityOption::Mask(_)
        | SecurityOption::Unmask(_)
        | SecurityOption::Seccomp(_)
        | SecurityOption::Unconfined => None,
    });
    said.unwrap_or(!options.privileged)
}
