//! The container's terminal.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use holm_mounts::Detached;
use holm_sys::Context;
use rustix::fs::{self, Gid, Mode, OFlags, Uid};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::descriptors::send_descriptor;
use crate::error::StepError;
use crate::steps::{ChildBench, StepResult};

/// What devpts says it is (statfs(2)).
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;
const PTMX: &str = "/dev/pts/ptmx";

/// Opens a terminal of the container's own devpts, sends its master to who asked for it, and keeps the other side.
pub(crate) fn open(bench: &mut ChildBench, size: Option<(u16, u16)>, console: bool) -> StepResult {
    let socket = bench.console_socket.take();
    let socket =
        socket.ok_or_else(|| StepError::new("a terminal was asked for, but no --console-socket given"))?;
    let root = bench.final_root()?;
    let master = root.open_at(Path::new(PTMX), OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    let statfs = fs::fstatfs(&master).call(|| format!("fstatfs({PTMX:?})"))?;
    if u64::try_from(statfs.f_type).ok() != Some(DEVPTS_SUPER_MAGIC) {
        return Err(StepError::new(format!("{PTMX} is not on a devpts")));
    }
    unlockpt(&master).call(|| "ioctl(TIOCSPTLCK)")?;
    let peer = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
        .call(|| "ioctl(TIOCGPTPEER)")?;
    if let Some((rows, columns)) = size {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&peer, size).call(|| "ioctl(TIOCSWINSZ)")?;
    }
    if console {
        let target = root.make_file(Path::new("/dev/console"), Mode::from_raw_mode(0o600))?;
        Detached::copy_of(peer.as_fd(), false)?.attach(target.as_fd())?;
    }
    send(&socket, master.as_fd())?;
    bench.terminal = Some(peer);
    Ok(())
}

fn send(socket: &OwnedFd, master: BorrowedFd<'_>) -> StepResult {
    let sent = send_descriptor(socket.as_fd(), master, PTMX.as_bytes());
    Ok(sent.call(|| "sendmsg(console socket)")?)
}

/// Leaves the caller's session; with a terminal, the standard streams become it.
pub(crate) fn new_session(bench: &ChildBench, owner: Option<u32>) -> StepResult {
    rustix::process::setsid().call(|| "setsid()")?;
    let (Some(owner), Some(terminal)) = (owner, &bench.terminal) else { return Ok(()) };
    let owner = Uid::from_raw(owner);
    fs::fchown(terminal, Some(owner), None::<Gid>)
        .call(|| format!("fchown(terminal, {})", owner.as_raw()))?;
    rustix::stdio::dup2_stdin(terminal).call(|| "dup2(terminal, 0)")?;
    rustix::stdio::dup2_stdout(terminal).call(|| "dup2(terminal, 1)")?;
    rustix::stdio::dup2_stderr(terminal).call(|| "dup2(terminal, 2)")?;
    if bench.takes_terminal { control() } else { Ok(()) }
}

/// Makes the terminal on the standard input this session's own.
pub(crate) fn control() -> StepResult {
    Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()).call(|| "ioctl(TIOCSCTTY)")?)
}
