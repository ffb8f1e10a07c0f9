//! What the command sees at its standard streams.

use std::process::Stdio;

use holm_tests::{Ground, Pty};

use crate::{each_user, script, without_notes, witness};

#[test]
fn all_three_are_one_terminal_of_the_container_s_own_devpts() {
    each_user(|ground| {
        let pty = script(ground, "tty; tty <&1; tty <&2; ls /dev/pts; echo ended");
        let shown = without_notes(&pty.shows("ended"));
        let lines: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!(lines, ["/dev/pts/0", "/dev/pts/0", "/dev/pts/0", "0", "ptmx", "ended"]);
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn they_are_terminals_for_a_program_that_asks() {
    each_user(|ground| {
        let pty = witness(ground, 24, 80);
        assert_eq!(without_notes(&pty.shows("]")), "terminals [true, true, true]");
        pty.shows("size 24x80");
        pty.types("\x03");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn dev_console_is_the_same_one() {
    each_user(|ground| {
        let pty = script(ground, "stat -c %t:%T /dev/console /dev/pts/0; echo by the console > /dev/console");
        let shown = without_notes(&pty.shows("by the console"));
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[0].starts_with("88:"), "a pseudoterminal has the major number 136: {shown}");
        assert_eq!(lines[0], lines[1]);
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn it_is_the_controlling_terminal_of_a_session_of_its_own() {
    each_user(|ground| {
        let pty = script(ground, "echo to the terminal > /dev/tty; cut -d' ' -f7 /proc/self/stat");
        pty.shows("to the terminal\r\n");
        let (status, rest) = pty.finish();
        assert_eq!((status, rest.trim()), (0, "34816"), "major 136, minor 0");
    });
}

#[test]
fn term_is_the_user_s() {
    let ground = Ground::ordinary();
    let call = ground.sh(&["-t", "-i"], "echo [$TERM]").env("TERM", "vt220");
    let pty = Pty::start(call, 24, 80);
    pty.shows("[vt220]");
    assert_eq!(pty.finish().0, 0);
}

#[test]
fn a_pipe_at_standard_input_is_typed_and_its_end_is_control_d() {
    each_user(|ground| {
        let finished = ground.sh(&["-t", "-i"], "cat; echo ended").input("from a pipe\n").finish();
        assert_eq!(finished.ok(), "from a pipe\r\nfrom a pipe\r\nended", "the echo, and what cat wrote");
    });
}

#[test]
fn a_closed_standard_input_is_the_end_of_input() {
    each_user(|ground| {
        let call =
            ground.sh(&["-t", "-i"], "cat; echo ended").through(&["/bin/sh", "-c", "exec \"$0\" \"$@\" <&-"]);
        let pty = Pty::start(call, 24, 80);
        pty.shows("ended");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn output_into_a_pipe_comes_through_the_terminal() {
    let ground = Ground::ordinary();
    let call = ground.sh(&["-t", "-i"], "test -t 1 && echo one; echo two >&2");
    let pty = Pty::start_with(call, (24, 80), |command| {
        command.stderr(Stdio::null());
    });
    let (status, shown) = pty.finish();
    assert_eq!((status, shown.as_str()), (0, "one\r\ntwo\r\n"), "a terminal has one output");
}

#[test]
fn much_output_comes_whole() {
    each_user(|ground| {
        let pty = script(ground, "seq 1 20000");
        let (status, shown) = pty.finish();
        assert_eq!(status, 0);
        let shown = without_notes(&shown);
        let numbers: Vec<u32> = shown.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert!(numbers.iter().copied().eq(1..=20000), "{} numbers", numbers.len());
    });
}
