//! The user's terminal is as it was on every way out.

use holm_tests::{Ground, PATIENCE, Pty};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::termios::Termios;

use crate::{each_user, script, without_terminal};

/// What of the settings raw mode changes.
fn modes(settings: &Termios) -> String {
    let Termios { input_modes, output_modes, control_modes, local_modes, .. } = settings;
    format!("{input_modes:?} {output_modes:?} {control_modes:?} {local_modes:?}")
}

/// Waits for the end, and looks at the terminal while it is still there; answers with the exit status.
fn ends_as_it_began(pty: Pty, before: &str) -> i32 {
    let pid = Pid::from_raw(pty.running.pid()).unwrap();
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let patience = Timespec::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)), Ok(1), "it ends");
    assert_eq!(modes(&pty.settings()), before);
    pty.finish().0
}

/// The settings of a terminal that nobody has changed.
fn untouched() -> String {
    let pty = Pty::start(Ground::ordinary().other("/bin/true".as_ref()), 24, 80);
    let settings = modes(&pty.settings());
    pty.finish();
    settings
}

#[test]
fn after_the_end_of_the_command() {
    let before = untouched();
    each_user(|ground| {
        let pty = script(ground, "echo ready; read line; exit 3");
        pty.shows("ready");
        assert!(pty.is_raw());
        pty.types("on\n");
        assert_eq!(ends_as_it_began(pty, &before), 3);
    });
}

#[test]
fn after_a_command_that_left_its_own_in_disorder() {
    let before = untouched();
    let ground = Ground::ordinary();
    assert_eq!(ends_as_it_began(script(&ground, "stty raw -echo; exit 2"), &before), 2);
}

#[test]
fn after_a_command_that_is_not_there() {
    let before = untouched();
    each_user(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        for (command, status) in [("/no/such/command", 127), ("/etc/passwd", 126)] {
            let call = ground.run(["--rootfs", rootfs, "-t", "-i", "--", command]);
            assert_eq!(ends_as_it_began(Pty::start(call, 24, 80), &before), status);
        }
    });
}

#[test]
fn after_a_signal_to_holm() {
    let before = untouched();
    each_user(|ground| {
        for signal in [15, 1, 2] {
            let pty = script(ground, "echo ready; exec sleep 1000");
            pty.shows("ready");
            assert!(pty.is_raw());
            pty.running.signal(signal);
            assert_eq!(ends_as_it_began(pty, &before), 128 + signal);
        }
    });
}

#[test]
fn after_stop() {
    let before = untouched();
    let ground = Ground::ordinary();
    let name = ground.name("stopped");
    let pty = Pty::start(ground.sh(&["-t", "-i", "--name", &name], "echo ready; exec sleep 1000"), 24, 80);
    pty.shows("ready");
    ground.holm(["stop", &name]).finish().ok();
    assert_eq!(ends_as_it_began(pty, &before), 143);
}

#[test]
fn after_exec_and_its_failures() {
    let before = untouched();
    each_user(|ground| {
        let name = ground.name("outer");
        let running = without_terminal(ground, &name);
        for (command, status) in [("/bin/true", 0), ("/bin/false", 1), ("/no/such/command", 127)] {
            let pty = Pty::start(ground.holm(["exec", "-t", "-i", &name, command]), 24, 80);
            assert_eq!(ends_as_it_began(pty, &before), status);
        }
        let pty = Pty::start(ground.holm(["exec", "-t", "-i", "nobody-has-this-name", "true"]), 24, 80);
        assert_eq!(ends_as_it_began(pty, &before), 125);
        running.finish().ok();
    });
}
