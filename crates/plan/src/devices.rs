//! The devices that every container has (runtime-spec, config-linux, "Default Devices").

use std::path::{Path, PathBuf};

use holm_spec::MountSource;

use crate::Step;
use crate::decide::Draft;

/// Name, major, minor.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Link, target.
const LINKS: [(&str, &str); 5] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// The host's nodes are bound, by root as well as by a user: what is made with mknod(2) needs a /dev in which
/// anybody else's nodes would work too. A /dev that is itself bound from somewhere is left as it is.
pub(crate) fn decide(draft: &mut Draft<'_>) {
    let dev = draft.spec.mounts.iter().rfind(|mount| mount.destination == Path::new("/dev"));
    let bound = dev.is_some_and(|mount| matches!(mount.source, MountSource::Bind { .. }));
    if !bound {
        let device =
            |(name, major, minor): (&str, u32, u32)| Step::BindDevice { name: name.into(), major, minor };
        let link = |(path, target): (&str, &str)| Step::MakeSymlink {
            path: path.into(),
            target: PathBuf::from(target),
        };
        draft.root.extend(DEVICES.map(device));
        draft.root.extend(LINKS.map(link));
    }
    if let Some(process) = draft.spec.process.as_ref().filter(|process| process.terminal) {
        draft.root.push(Step::OpenTerminal { size: process.console_size, console: !bound });
    }
}
