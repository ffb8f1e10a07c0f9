//! Holm's init in a container of a runtime that has none, bound into the container.

use std::fs::{OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use holm_init::{Flags, Orders, PROGRAM, TITLE};
use oci_spec::runtime::{Mount, Spec};

use crate::config::RootKind;
use crate::{Because, Result};

/// In the container's own /dev, which no root directory has a part in.
const IN_DEV: &str = "/dev/holm-init";
/// With the devices of the host, where nothing may be left behind.
const IN_RUN: &str = "/run/holm-init";

/// Makes the init the process of `spec`, with the command as its arguments. False when there is no place for it: a
/// root directory with the devices of the host.
///
/// The file is this container's own: who overwrites it harms nobody else.
///
/// # Errors
///
/// When it cannot be written.
pub(crate) fn replace(spec: &mut Spec, bundle: &Path, kind: RootKind) -> Result<bool> {
    let host_devices = spec
        .mounts()
        .iter()
        .flatten()
        .any(|mount| mount.destination() == Path::new("/dev") && mount.typ().as_deref() == Some("bind"));
    let place = match (host_devices, kind) {
        (false, _) => IN_DEV,
        (true, RootKind::Directory) => return Ok(false),
        (true, RootKind::Host | RootKind::Image) => IN_RUN,
    };
    let program = bundle.join(TITLE);
    write(&program).because(|| format!("cannot write the container's init to {}", program.display()))?;
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    mounts.push(bind(&program, place));
    spec.set_mounts(Some(mounts));
    let mut process = spec.process().clone().unwrap_or_default();
    let command = process.args().clone().unwrap_or_default();
    let orders = Orders { flags: Flags::INIT.with(Flags::FOREIGN), start: 0, parent: 0, filter: 0, agent: 0 };
    let name = command.first().cloned().unwrap_or_default();
    let words = [place.to_owned(), orders.to_string(), name].into_iter();
    process.set_args(Some(words.chain(command).collect()));
    spec.set_process(Some(process));
    Ok(true)
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o555).open(path)?;
    file.write_all(PROGRAM)?;
    // Whatever the caller's umask: other users of the container execute it.
    file.set_permissions(Permissions::from_mode(0o555))
}

fn bind(source: &Path, destination: &str) -> Mount {
    let mut mount = Mount::default();
    mount.set_destination(destination.into());
    mount.set_typ(Some("bind".to_owned()));
    mount.set_source(Some(source.to_owned()));
    mount.set_options(Some(["bind", "ro", "nosuid", "nodev", "rprivate"].map(str::to_owned).to_vec()));
    mount
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(dev: &str) -> Spec {
        let mut spec = Spec::default();
        let mut mount = Mount::default();
        mount.set_destination("/dev".into());
        mount.set_typ(Some(dev.to_owned()));
        spec.set_mounts(Some(vec![mount]));
        let mut process = oci_spec::runtime::Process::default();
        process.set_args(Some(vec!["true".into()]));
        spec.set_process(Some(process));
        spec
    }

    #[test]
    fn the_command_becomes_the_argument_of_the_init() {
        let bundle = tempfile::tempdir().unwrap();
        let mut spec = spec("tmpfs");
        assert!(replace(&mut spec, bundle.path(), RootKind::Directory).unwrap());
        let args = spec.process().as_ref().unwrap().args().clone().unwrap();
        assert_eq!(args, ["/dev/holm-init", "9 0 0", "true", "true"]);
        assert!(bundle.path().join("holm-init").is_file());
    }

    #[test]
    fn nothing_is_left_among_the_devices_of_the_host() {
        let bundle = tempfile::tempdir().unwrap();
        assert!(!replace(&mut spec("bind"), bundle.path(), RootKind::Directory).unwrap());
        let mut other = spec("bind");
        assert!(replace(&mut other, bundle.path(), RootKind::Image).unwrap());
        assert_eq!(
            other.mounts().as_ref().unwrap().last().unwrap().destination(),
            Path::new("/run/holm-init")
        );
    }
}
