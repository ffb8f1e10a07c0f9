//! A `holm` on a terminal: the test is who types and who reads the screen.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::Call;
use crate::running::Running;
use crate::stream::Stream;

/// The master side, what runs on the other one, and that one too: it keeps its settings when nobody else has it open.
pub struct Pty {
    master: OwnedFd,
    slave: OwnedFd,
    /// What runs on it.
    pub running: Running,
}

impl Pty {
    /// Starts `call` as the leader of a session whose terminal this is.
    pub fn start(call: Call, rows: u16, columns: u16) -> Self {
        Self::start_with(call, (rows, columns), |_| {})
    }

    /// The same, with standard streams of another kind.
    pub fn start_with(call: Call, (rows, columns): (u16, u16), streams: impl FnOnce(&mut Command)) -> Self {
        let (master, slave) = open_pair();
        let pty_size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, pty_size).expect("its size can be set");
        if let Some(uid) = call.uid() {
            let uid = Some(rustix::fs::Uid::from_raw(uid));
            rustix::fs::fchown(&slave, uid, None).expect("a terminal can be given away");
        }
        // It makes the session, takes the terminal and becomes the command: the pid stays.
        let mut command = call.through(&["setsid", "--ctty"]).command();
        let end = || Stdio::from(slave.try_clone().expect("a descriptor is free"));
        command.stdin(end()).stdout(end()).stderr(end());
        streams(&mut command);
        let child = command.spawn().expect("setsid runs");
        // The command holds further copies of the slave side, which would keep the master from seeing the end.
        drop(command);
        let out = Stream::of(File::from(master.try_clone().expect("a descriptor is free")));
        Self { running: Running::with_terminal(child, out), master, slave }
    }

    /// Types.
    pub fn types(&self, keys: &str) {
        let mut bytes = keys.as_bytes();
        while !bytes.is_empty() {
            let written = rustix::io::write(&self.master, bytes).expect("somebody has the terminal");
            bytes = &bytes[written..];
        }
    }

    /// Waits for `sign` on the screen; answers with what came up to there.
    pub fn shows(&self, sign: &str) -> String {
        self.running.until(sign)
    }

    /// Changes the size of the window, as a user does by pulling at it.
    pub fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(self.master.as_fd(), size).expect("its size can be set");
    }

    /// The settings of the terminal.
    pub fn settings(&self) -> Termios {
        tcgetattr(&self.slave).expect("it is a terminal")
    }

    /// Whether each key goes through as it is.
    pub fn is_raw(&self) -> bool {
        use rustix::termios::LocalModes;
        !self.settings().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    /// Waits for the end; answers with the exit status and what was on the screen and not waited for.
    pub fn finish(self) -> (i32, String) {
        let Self { master, slave, mut running } = self;
        drop(slave);
        let finished = running.wait();
        drop(master);
        (finished.status, finished.out)
    }
}

fn open_pair() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("it can be granted");
    unlockpt(&master).expect("it can be unlocked");
    let name = ptsname(&master, Vec::new()).expect("it has a name");
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = open(name.as_c_str(), flags, Mode::empty()).expect("its other side can be opened");
    (master, slave)
}
