//! The devices and links of the container's /dev (runtime-spec, config-linux, "Devices" and "Default Devices").

use std::path::{Path, PathBuf};

use holm_namespaces::Kind;
use holm_spec::{Device, DeviceKind, MountSource};

use crate::Step;
use crate::decide::Draft;

/// Path, major, minor.
const DEVICES: [(&str, u32, u32); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const PTMX: &str = "/dev/ptmx";

/// Link, target.
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// A /dev that is itself bound from somewhere is left as it is, with all that the configuration says of devices: what would
/// be made is made in there. (runc has it so.)
pub(crate) fn decide(draft: &mut Draft<'_>) {
    let dev = draft.spec.mounts.iter().rfind(|mount| mount.destination == Path::new("/dev"));
    let bound = dev.is_some_and(|mount| matches!(mount.source, MountSource::Bind { .. }));
    if !bound {
        devices(draft);
        links(draft);
    }
    if let Some(process) = draft.spec.process.as_ref().filter(|process| process.terminal) {
        draft.root.push(Step::OpenTerminal { size: process.console_size, console: !bound });
    }
}

/// The default ones, each unless the configuration has something else in its place, and those of the configuration.
fn devices(draft: &mut Draft<'_>) {
    let spec = draft.spec;
    let taken = |path: &Path| {
        spec.linux.devices.iter().any(|device| device.path == path)
            || spec.mounts.iter().any(|mount| mount.destination == path)
    };
    for (path, major, minor) in DEVICES {
        if !taken(Path::new(path)) {
            one(draft, Device::character(path, major, minor), true);
        }
    }
    // The container has a /dev/ptmx of its own, whatever is said of the host's.
    for device in spec.linux.devices.iter().filter(|device| device.path != Path::new(PTMX)) {
        one(draft, device.clone(), false);
    }
}

/// In a user namespace nobody may make a device (mknod(2)), so the host's is bound.
fn one(draft: &mut Draft<'_>, device: Device, default: bool) {
    let fifo = device.kind == DeviceKind::Fifo;
    let step = if draft.spec.linux.namespaces.contains_key(&Kind::User) && !fifo {
        Step::BindDevice { device }
    } else {
        Step::MakeDevice { device, own_mount: !draft.nodes_guarded && !fifo, default }
    };
    draft.root.push(step);
}

fn links(draft: &mut Draft<'_>) {
    let link = |path: &str, target: &str, replace| Step::MakeSymlink {
        path: path.into(),
        target: PathBuf::from(target),
        replace,
    };
    draft.root.extend(LINKS.map(|(path, target)| link(path, target, false)));
    if draft.facts.kcore {
        draft.root.push(link("/dev/core", "/proc/kcore", false));
    }
    // Another one, such as a node that came with the root, would open the host's terminals.
    if !draft.spec.mounts.iter().any(|mount| mount.destination == Path::new(PTMX)) {
        draft.root.push(link(PTMX, "pts/ptmx", true));
    }
}
