//! Job control: of a shell inside, and of Holm as a job of a shell outside.

use holm_tests::{Ground, Pty};
use rustix::process::{Pid, Signal, kill_process};

use crate::{each_user, is_in_front, shell};

#[test]
fn a_shell_inside_has_it() {
    each_user(|ground| {
        let pty = shell(ground, &["-t", "-i"]);
        pty.types("sleep 1000 &\n");
        pty.shows("islet> ");
        pty.types("jobs; kill %1; wait\n");
        pty.shows("Running");
        pty.shows("islet> ");
        pty.types("echo rea''dy; cat\n");
        pty.shows("ready");
        is_in_front(&pty, "one");
        pty.types("\x1a");
        pty.shows("Stopped");
        pty.shows("islet> ");
        pty.types("jobs; echo rea''dy; fg\n");
        pty.shows("Stopped");
        pty.shows("ready\r\ncat\r\n");
        is_in_front(&pty, "two");
        pty.types("\x03");
        pty.shows("islet> ");
        pty.types("echo wa''s $?\n");
        pty.shows("was 130");
        pty.types("exit 9\n");
        assert_eq!(pty.finish().0, 9);
    });
}

#[test]
fn control_c_at_its_prompt_does_not_end_it() {
    let ground = Ground::ordinary();
    let pty = shell(&ground, &["-t", "-i"]);
    pty.types("\x03");
    pty.shows("islet> ");
    pty.types("echo al''ive\n");
    pty.shows("alive");
    pty.shows("islet> ");
    pty.types("\x04");
    assert_eq!(pty.finish().0, 0);
}

#[test]
fn holm_is_stopped_as_a_job_and_goes_on_with_the_terminal_as_it_was() {
    let ground = Ground::ordinary();
    let pty = crate::script(&ground, "echo ready; read line; echo [$line]; exit 6");
    pty.shows("ready");
    assert!(pty.is_raw());
    pty.running.signal(20);
    wait_for_stop(&pty);
    assert!(!pty.is_raw(), "the shell that the user is in again has its terminal");
    kill_process(Pid::from_raw(pty.running.pid()).unwrap(), Signal::CONT).unwrap();
    holm_tests::busy_wait(|| pty.is_raw().then_some(())).expect("its terminal is raw again");
    pty.types("again\n");
    pty.shows("[again]");
    assert_eq!(pty.finish().0, 6);
}

/// Waits until it has stopped; its state is what proc(5) says.
fn wait_for_stop(pty: &Pty) {
    let stat = format!("/proc/{}/stat", pty.running.pid());
    let stopped = || std::fs::read_to_string(&stat).unwrap().contains(") T ").then_some(());
    holm_tests::busy_wait(stopped).expect("it stops");
}
