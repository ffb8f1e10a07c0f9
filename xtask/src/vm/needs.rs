//! The programs of the host that this takes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Result;

/// Programs to run a machine, and the packages of Debian that they are in.
const TO_RUN: [(&str, &str); 3] =
    [("qemu-system-x86_64", "qemu-system-x86"), ("mke2fs", "e2fsprogs"), ("setpriv", "util-linux")];

/// Programs to make one.
const TO_MAKE: [(&str, &str); 2] = [("mmdebstrap", "mmdebstrap"), ("chroot", "coreutils")];

/// That a machine can be run.
pub(super) fn to_run() -> Result<()> {
    present(&TO_RUN)
}

/// That a machine can be made.
pub(super) fn to_make() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("a machine is made as root, whose files it has in it: run this as root, or give with --directory \
                    where root has made one"
            .into());
    }
    present(&TO_MAKE)
}

fn present(programs: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = programs.iter().filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|(program, _)| *program).collect();
    let packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    Err(format!(
        "not installed: {}\n  hint: apt-get install --no-install-recommends {}",
        names.join(", "),
        packages.join(" ")
    )
    .into())
}

/// PATH, and where root's programs are.
pub(super) fn path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&path()).map(|place| place.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
}
