//! This program itself, out of reach of the containers that it makes.
//!
//! A process of a container can have the program that made it executed inside, by `/proc/self/exe` as its command, as
//! the interpreter of a script or of an ELF file, and then reaches the file through `/proc/PID/exe`: to change its
//! mode, or to write to it once nobody executes it any more (CVE-2019-5736). So whoever makes a process that enters a
//! container executes itself once more, from a copy that nobody can change.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use holm_mounts::{Detached, MountAttr};
use holm_sys::{CStrings, Context, Errno, MountSetattr, execveat, mount_setattr};
use rustix::fs::{self, Access, AtFlags, CWD, Mode, OFlags, StatVfsMountFlags, accessat};

use crate::create::parent::system;
use crate::error::Error;
use crate::sealed::{SEALS, sealed};

const EXE: &str = "/proc/self/exe";
const PROTECT: &str = "put this program out of reach of the container";

/// Goes on as a copy of this program that no container can change; returns when it is one already, or when the file
/// is not the caller's to change either.
///
/// For whoever may mount, the copy is a read-only mount of the file alone, in no tree of mounts: it can be remounted by
/// nobody, whatever his capabilities (Linux 5.12). Else it is a sealed file in memory (memfd_create(2)).
///
/// # Errors
///
/// When there is no /proc, or the copy cannot be executed.
pub fn protect_own_program() -> Result<(), Error> {
    let exe = fs::openat(CWD, EXE, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .call(|| format!("open({EXE:?}, O_PATH)"))
        .map_err(|error| system(PROTECT, error))?;
    match read_only_mount(exe.as_fd()) {
        Ok(mount) => Err(become_program(mount.as_fd())),
        Err(_) if is_protected(exe.as_fd()) || !is_writable(exe.as_fd()) => {
            // A program that is executed by a descriptor is called by its number (prctl(2), PR_SET_NAME).
            let _ = rustix::thread::set_name(c"holm");
            Ok(())
        }
        Err(_) => {
            let copy = sealed_copy().map_err(|error| system(PROTECT, error))?;
            Err(become_program(copy.as_fd()))
        }
    }
}

/// What is in no tree of mounts cannot be copied again (`EINVAL`): so this fails for a program that came this way.
fn read_only_mount(exe: BorrowedFd<'_>) -> holm_sys::Result<OwnedFd> {
    let mount = Detached::copy_of(exe, false)?;
    let read_only = MountSetattr { set: MountAttr::RDONLY, ..MountSetattr::default() };
    mount_setattr(mount.as_fd(), &read_only)?;
    Ok(mount.into_fd())
}

/// Whether the program is on a read-only mount that is not in this mount namespace, or sealed in memory.
fn is_protected(exe: BorrowedFd<'_>) -> bool {
    let sealed = || {
        let file = File::open(EXE).ok()?;
        Some(fs::fcntl_get_seals(&file).ok()?.contains(SEALS))
    };
    let read_only = fs::fstatvfs(exe).is_ok_and(|stat| stat.f_flag.contains(StatVfsMountFlags::RDONLY));
    read_only || sealed().unwrap_or(false)
}

/// Whether this user could write to the file, or give himself the permission to.
fn is_writable(exe: BorrowedFd<'_>) -> bool {
    let owner = fs::fstat(exe).map_or(true, |stat| stat.st_uid == rustix::process::geteuid().as_raw());
    owner
        || !matches!(accessat(CWD, EXE, Access::WRITE_OK, AtFlags::EACCESS), Err(Errno::ACCESS | Errno::ROFS))
}

fn sealed_copy() -> holm_sys::Result<OwnedFd> {
    let program = File::open(EXE).call(|| format!("open({EXE:?})"))?;
    Ok(sealed("holm", program)?.into())
}

/// Executes the copy, with the same arguments and environment.
fn become_program(copy: BorrowedFd<'_>) -> Error {
    let arguments = CStrings::new(std::env::args_os().map(|word| word.as_bytes().to_vec()));
    let environment = std::env::vars_os().map(|(name, value)| {
        let mut variable = name.as_bytes().to_vec();
        variable.push(b'=');
        variable.extend_from_slice(value.as_bytes());
        variable
    });
    match (arguments, CStrings::new(environment)) {
        (Ok(arguments), Ok(environment)) => system(PROTECT, execveat(copy, &arguments, &environment))
            .with_hint("install holm where this user cannot write to it, such as /usr/local/bin"),
        _ => Error::new(format!("cannot {PROTECT}")).with_cause("an argument has a NUL in it"),
    }
}
