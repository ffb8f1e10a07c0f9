//! The user's own terminal.

use std::sync::{Mutex, Once, PoisonError};

use rustix::stdio::{stderr, stdin, stdout};
use rustix::termios::{OptionalActions, Termios, Winsize, isatty, tcgetattr, tcgetwinsize, tcsetattr};

/// The terminal's settings from before, for as long as it is raw: for the panic hook, as destructors do not run when
/// the program aborts.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// The terminal at standard input in raw mode: each key goes through as it is. It is as before when this value goes.
#[derive(Debug)]
pub(super) struct RawMode(());

impl RawMode {
    /// Makes it raw; `None` when standard input is not a terminal.
    pub(super) fn enter() -> Option<Self> {
        static HOOK: Once = Once::new();
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        *lock() = Some(before);
        HOOK.call_once(restore_on_panic);
        let mode = Self(());
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(mode)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn restore() {
    if let Some(before) = lock().take() {
        // A terminal that is gone has no settings to restore.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        report(panic);
    }));
}

/// The size of the user's terminal, wherever it is.
pub fn window_size() -> Option<Winsize> {
    let streams = [stdin(), stdout(), stderr()];
    streams.into_iter().filter(|stream| isatty(stream)).find_map(|stream| tcgetwinsize(stream).ok())
}
