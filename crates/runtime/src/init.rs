//! PID 1: forwards signals, reaps orphans, hands on the exit status.

use holm_plan::Command;
use holm_sys::{CloneFlags, CloneRequest, Context, Forked, SignalSet, clone3, exit_now, wait_for_signal};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, wait};

use crate::command::{self, Prepared};
use crate::create::handshake::{Channel, FromChild};
use crate::create::parent::system;
use crate::error::{Error, Failure, STATUS_FAILED};
use crate::lifecycle::explain_start;
use crate::steps::{StepResult, terminal};

/// What ps(1) shows of an init.
const TITLE: &str = "holm-init";

/// How the command's processes are told apart from its init by a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Session {
    /// The command leads a session of its own, and takes the terminal: its keys do not reach the init.
    Own,
    /// The init's caller gave both a session already: the command leads the foreground group in it.
    Shared,
}

/// Stays as the init of `prepared`. Over `teller` goes why the command could not be executed; its end says that it was.
pub(crate) fn run(prepared: Prepared, teller: Channel) -> ! {
    match start(&prepared, &teller, Session::Own) {
        Ok(child) => {
            leave_streams();
            drop(teller);
            drop(prepared);
            let status = serve(child);
            exit_now(status)
        }
        Err(error) => {
            let what = "start the command under its init".to_owned();
            let _ = teller.send(&FromChild::Failed(Failure::Other { what, error: error.into() }), &[]);
            exit_now(STATUS_FAILED)
        }
    }
}

/// The init as a program of its own, for containers that another runtime makes: `args` is the command, which keeps this
/// process's environment, streams and session.
///
/// # Errors
///
/// When the command cannot be run; else this does not return.
pub fn main(args: Vec<String>) -> Result<std::convert::Infallible, Error> {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value.to_str()?)));
    let command = Command { args, env: env.collect(), init: true, terminal: false };
    let prepared = command::prepare(&command, false).map_err(|failure| explain_start(&failure))?;
    let (ours, theirs) =
        Channel::pair().map_err(|error| system("start the command under its init", error))?;
    let child = start(&prepared, &theirs, Session::Shared);
    let child = child.map_err(|error| system("start the command under its init", error))?;
    drop(theirs);
    if let Ok(Some((FromChild::Failed(failure), _))) = ours.receive::<FromChild>() {
        return Err(explain_start(&failure));
    }
    leave_streams();
    exit_now(serve(child))
}

/// Makes the command's process. Every signal is blocked from before it is there, so that none is lost.
fn start(prepared: &Prepared, teller: &Channel, session: Session) -> holm_sys::Result<Pid> {
    holm_sys::block_signals()?;
    forget_caller();
    if getpid() != Pid::INIT {
        // In somebody else's PID namespace orphans come here only when asked for.
        holm_credentials::become_subreaper()?;
    }
    match clone3(&CloneRequest { flags: CloneFlags::empty(), cgroup: None })? {
        Forked::Parent { pid, .. } => Ok(pid),
        Forked::Child => become_command(prepared, teller, session),
    }
}

fn become_command(prepared: &Prepared, teller: &Channel, session: Session) -> ! {
    let led = if session == Session::Own { lead_session(prepared) } else { lead_group() };
    let failure = match led {
        Ok(()) => prepared.execute(),
        Err(error) => Failure::Other { what: "prepare the command's process".into(), error },
    };
    let _ = teller.send(&FromChild::Failed(failure.clone()), &[]);
    exit_now(command::status(&failure))
}

fn lead_session(prepared: &Prepared) -> StepResult {
    rustix::process::setsid().call(|| "setsid()")?;
    if prepared.terminal {
        terminal::control()?;
    }
    if prepared.die_with_parent {
        let init = rustix::process::getppid();
        holm_credentials::die_with_parent()?;
        // It may have ended in between, and then nothing was sent.
        if rustix::process::getppid() != init {
            exit_now(STATUS_FAILED);
        }
    }
    Ok(())
}

/// The group of its own is put into the foreground where there is a terminal. (`SIGTTOU` is blocked at this point.)
fn lead_group() -> StepResult {
    rustix::process::setpgid(None, None).call(|| "setpgid(0, 0)")?;
    let stdin = rustix::stdio::stdin();
    if rustix::termios::isatty(stdin) {
        let group = rustix::process::getpgrp();
        rustix::termios::tcsetpgrp(stdin, group).call(|| "tcsetpgrp(0)")?;
    }
    Ok(())
}

/// The arguments of its caller name files of the host, and its environment is not the container's: neither is there any
/// more when the command runs. Where there is no /proc, nobody can read them either.
fn forget_caller() {
    let _ = holm_sys::set_process_title(TITLE);
}

/// The standard streams are the command's: an end of file is seen when the command closes them, not when its init ends.
fn leave_streams() {
    holm_sys::close_standard_streams();
    let _ = holm_sys::release_file_pages();
}

/// Until the command ends: every orphan is reaped, every signal handed on.
fn serve(child: Pid) -> u8 {
    let all = SignalSet::all();
    loop {
        if let Some(status) = reap(child) {
            end_adopted();
            return status;
        }
        let Ok(signal) = wait_for_signal(&all) else { return STATUS_FAILED };
        if signal.number != Signal::CHILD.as_raw() {
            holm_sys::send_signal(child, signal.number);
        }
    }
}

/// In somebody else's PID namespace what the command has left behind does not end with its init: each process that came
/// here as an orphan is killed, and then those that come because of that, until nobody is left.
fn end_adopted() {
    if getpid() == Pid::INIT {
        return;
    }
    let children = format!("/proc/self/task/{}/children", getpid());
    while let Ok(text) = std::fs::read_to_string(&children) {
        let pids: Vec<Pid> =
            text.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
        if pids.is_empty() {
            return;
        }
        for pid in pids {
            holm_sys::send_signal(pid, Signal::KILL.as_raw());
            let _ = rustix::process::waitpid(Some(pid), WaitOptions::empty());
        }
    }
}

/// Takes away every status there is; that of the command is the init's own.
fn reap(child: Pid) -> Option<u8> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == child => return Some(exit_status(status)),
            Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return None,
            // No child at all: the command was reaped by nobody else, so this cannot be while it runs.
            Err(_) => return Some(STATUS_FAILED),
        }
    }
}

/// As a shell has it: the command's own, or 128 and the signal that ended it.
fn exit_status(status: WaitStatus) -> u8 {
    let code = status.exit_status().unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(0));
    u8::try_from(code & 0xff).unwrap_or(STATUS_FAILED)
}
