//! The life of the init: from its orders to its exit status.

use core::convert::Infallible;

use crate::linux::{self, Arguments, Children, Errno, Fd, Filter, Path, Patience, Pid, Whom};
use crate::orders::{Flags, Orders};
use crate::refusal::{Call, EXECUTING, Refusal};

/// The status of a failure of its own, as Docker has it.
pub(crate) const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
/// A command that is executed by /proc/self/exe comes here.
const NOT_A_COMMAND: &[u8] = b"error: this is the init of a container, which only Holm executes\n\
    hint: /proc/self/exe is the init where the command is given, and not the command\n";
const NOT_FOUND: u8 = 127;

/// SIGHUP, SIGINT, SIGQUIT, SIGTERM: what ends a program that does not heed them.
const ENDING: [i32; 4] = [1, 2, 3, 15];

/// How long what was killed is waited for, in rounds of so many milliseconds: ten seconds in all.
const ROUND: u32 = 10;
const MOST_ROUNDS: u32 = 1000;

/// Where the command begins among the arguments: its program's path, then its own arguments.
const COMMAND: usize = 2;
/// PATH_MAX of Linux.
const LONGEST_PATH: usize = 4096;

/// Who has executed this, and hears why the command could not be.
#[derive(Clone, Copy)]
enum Starter {
    /// Holm, over the connection that starts it; with the filter that the command is put under.
    Holm(Fd, Option<Filter>),
    /// Another runtime.
    Other,
}

/// Where Holm has executed it, signals are blocked when this begins already, and none has a handler.
pub(crate) fn run(arguments: &Arguments) -> ! {
    linux::block_signals();
    linux::set_name();
    let Some(orders) = arguments.word(1).and_then(Orders::parse) else {
        linux::write(Fd(2), NOT_A_COMMAND);
        linux::exit(FAILED)
    };
    if orders.flags.has(Flags::FOREIGN) {
        linux::default_actions();
        stay(&orders, arguments, Starter::Other)
    }
    tie_to_parent(&orders);
    linux::set_dumpable(false);
    let filter = filter(&orders);
    let starter = Starter::Holm(connection(&orders), filter);
    if orders.flags.has(Flags::INIT) {
        stay(&orders, arguments, starter)
    }
    become_program(arguments, starter)
}

/// The filter of the command. What cannot be had must not be done without.
fn filter(orders: &Orders) -> Option<Filter> {
    if !orders.flags.has(Flags::FILTERED) {
        return None;
    }
    let agent = orders.flags.has(Flags::AGENT).then_some(Fd(orders.agent));
    agent.into_iter().for_each(linux::close_on_exec);
    match Filter::take(Fd(orders.filter), agent) {
        None => linux::exit(FAILED),
        filter => filter,
    }
}

/// The connection that starts the command, which is not the command's.
fn connection(orders: &Orders) -> Fd {
    let start = Fd(orders.start);
    if orders.flags.has(Flags::STARTED) {
        linux::close_on_exec(start);
        return start;
    }
    let Some(connection) = linux::accept(start) else { linux::exit(FAILED) };
    linux::close(start);
    connection
}

/// What the exec of this program may have undone is asked for again; a parent that ended meanwhile was not noticed.
fn tie_to_parent(orders: &Orders) {
    if !orders.flags.has(Flags::DIE_WITH_PARENT) {
        return;
    }
    let parent = Fd(orders.parent);
    if linux::die_with_parent().is_err() || linux::has_ended(parent) {
        linux::exit(FAILED);
    }
    linux::close(parent);
}

/// Stays above the command until it ends.
fn stay(orders: &Orders, arguments: &Arguments, starter: Starter) -> ! {
    let own = linux::getpid();
    let adopted = (own != Pid::INIT).then(adopt);
    let child = match linux::spawn(&|| become_command(orders, arguments, starter, own)) {
        Ok(child) => child,
        Err(errno) => refuse(arguments, starter, Call::Clone, errno),
    };
    // The streams are the command's: the end of a file is seen when the command closes them, not when its init ends.
    [Fd(0), Fd(1), Fd(2)].into_iter().for_each(linux::close);
    if let Starter::Holm(connection, filter) = starter {
        linux::close(connection);
        filter.and_then(|filter| filter.agent()).into_iter().for_each(linux::close);
    }
    // They are the command's too, and nobody else's business.
    arguments.forget_all_but_first();
    let status = serve(child);
    if let Some(children) = adopted.flatten() {
        end_adopted(&children);
    }
    linux::exit(status)
}

/// In somebody else's PID namespace orphans come here only when asked for. The list of them is opened before the command
/// could take /proc away.
fn adopt() -> Option<Children> {
    linux::become_subreaper();
    Children::open()
}

fn become_command(orders: &Orders, arguments: &Arguments, starter: Starter, init: Pid) -> Infallible {
    let led = match starter {
        Starter::Holm(..) => lead_session(orders),
        Starter::Other => lead_group(),
    };
    if let Err((call, errno)) = led {
        refuse(arguments, starter, call, errno);
    }
    // The end of PID 1 is that of all others anyway.
    if init != Pid::INIT {
        if let Err(errno) = linux::die_with_parent() {
            refuse(arguments, starter, Call::DieWithInit, errno);
        }
        // It may have ended before, and then nothing was sent.
        if linux::getppid() != init {
            linux::exit(FAILED);
        }
    }
    become_program(arguments, starter)
}

/// The last act. A signal that came before it ends the command, as it would have at its first instruction: it is
/// delivered once the command is said to be executed. Under the filter, all that is left is to execute it.
fn become_program(arguments: &Arguments, starter: Starter) -> ! {
    if let Starter::Holm(connection, _) = starter {
        linux::send(connection, EXECUTING);
    }
    end_if_asked_to();
    linux::unblock_signals();
    if let Starter::Holm(_, Some(filter)) = starter
        && let Err(errno) = filter.load()
    {
        refuse(arguments, starter, Call::Filter, errno);
    }
    let errno = match starter {
        Starter::Holm(..) => execute(arguments),
        Starter::Other => search(arguments),
    };
    refuse(arguments, starter, Call::Execute, errno)
}

/// PID 1 has no handler yet, without which the kernel drops what would end it: of what was sent meanwhile, that by which
/// a person ends a program is heeded.
fn end_if_asked_to() {
    if linux::getpid() != Pid::INIT {
        return;
    }
    let asked = linux::pending_signals();
    if let Some(signal) = ENDING.into_iter().find(|signal| asked & 1 << (signal - 1) != 0) {
        linux::exit(u8::try_from(128 + signal).unwrap_or(FAILED));
    }
}

/// The command leads a session of its own, and takes the terminal: its keys do not reach the init.
fn lead_session(orders: &Orders) -> Result<(), (Call, Errno)> {
    linux::setsid().map_err(|errno| (Call::Setsid, errno))?;
    if orders.flags.has(Flags::TERMINAL) {
        linux::take_terminal().map_err(|errno| (Call::TakeTerminal, errno))?;
    }
    Ok(())
}

/// In the session of its caller it leads a group of its own, in the foreground where there is a terminal. (`SIGTTOU` is
/// blocked at this point.)
fn lead_group() -> Result<(), (Call, Errno)> {
    linux::lead_group().map_err(|errno| (Call::Setpgid, errno))?;
    linux::enter_foreground();
    Ok(())
}

/// Becomes the command; comes back only with what the kernel said against it.
fn execute(arguments: &Arguments) -> Errno {
    arguments.path(COMMAND).map_or(Errno::NOENT, |path| arguments.execute(path, COMMAND + 1))
}

/// As execvp(3) finds it: a name with a slash is a path, any other is looked for in the `PATH` of the command.
fn search(arguments: &Arguments) -> Errno {
    let name = arguments.word(COMMAND).unwrap_or_default();
    if name.contains(&b'/') {
        return execute(arguments);
    }
    let mut answer = Errno::NOENT;
    for directory in arguments.variable(b"PATH=").unwrap_or_default().split(|byte| *byte == b':') {
        let directory = if directory.is_empty() { b"." } else { directory };
        let mut path = [0; LONGEST_PATH];
        let parts = directory.iter().chain(b"/").chain(name);
        path.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
        // What leaves no room for its end is too long for the kernel too.
        let refused = match Path::new(&path) {
            Some(path) => arguments.execute(path, COMMAND + 1),
            None => Errno::NAMETOOLONG,
        };
        match refused {
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => {}
            Errno::ACCES => answer = Errno::ACCES,
            other => return other,
        }
    }
    answer
}

/// Says what failed, and ends as a shell does then.
fn refuse(arguments: &Arguments, starter: Starter, call: Call, errno: Errno) -> ! {
    let path = arguments.word(COMMAND).unwrap_or_default();
    let (status, cause): (_, &[u8]) = match (call, errno) {
        (Call::Execute, Errno::NOENT | Errno::NOTDIR) => (NOT_FOUND, b": it is not in the container\n"),
        (Call::Execute, _) => (NOT_EXECUTABLE, b": it is not a program that may be executed here\n"),
        _ => (FAILED, b": its process could not be prepared\n"),
    };
    match starter {
        Starter::Holm(connection, _) => {
            Refusal { call, errno: errno.0, path }.tell(|message| linux::send(connection, message));
        }
        Starter::Other => {
            // The other end may be closed.
            linux::block_signals();
            let parts = [b"error: cannot run the command\n  cause: ", path, cause];
            parts.into_iter().for_each(|part| linux::write(Fd(2), part));
        }
    }
    linux::exit(status)
}

/// Until the command ends: every orphan is reaped, every signal handed on.
fn serve(child: Pid) -> u8 {
    loop {
        if let Some(status) = reap(child) {
            return status;
        }
        match linux::wait_for_signal(Patience::UntilItComes) {
            Ok(linux::SIGCHLD) | Err(Errno::INTR) => {}
            // Where it may not, there is nobody whom it could tell.
            Ok(signal) => _ = linux::kill(child, signal),
            Err(_) => return FAILED,
        }
    }
}

/// Takes away every status there is; that of the command is the init's own.
fn reap(child: Pid) -> Option<u8> {
    loop {
        match linux::wait(Whom::Any) {
            Ok(Some((pid, status))) if pid == child => return Some(status),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return None,
            // No child at all: nobody else reaps the command, so this cannot be while it runs.
            Err(_) => return Some(FAILED),
        }
    }
}

/// In somebody else's PID namespace what the command has left behind does not end with its init: each process that came
/// here as an orphan is killed, and then those that come because of that, until nobody is left whom it may kill. Who does
/// not end (held by the kernel, or by who traces it) or comes faster than it is killed is left to the cgroup.
fn end_adopted(children: &Children) {
    for _ in 0..MOST_ROUNDS {
        while let Ok(Some(_)) = linux::wait(Whom::Any) {}
        if children.for_each(end_one) == 0 {
            return;
        }
        match linux::wait_for_signal(Patience::Milliseconds(ROUND)) {
            // The end of one, or of the time.
            Ok(linux::SIGCHLD) | Err(_) => {}
            // Whoever sends another one does not want this to go on.
            Ok(_) => return,
        }
    }
}

/// Whether a child that lives was killed. What is no child is left alone: the list may be of another PID namespace.
fn end_one(pid: Pid) -> bool {
    linux::wait(Whom::Child(pid)) == Ok(None) && linux::kill(pid, linux::SIGKILL).is_ok()
}
