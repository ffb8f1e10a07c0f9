//! `holm exec` on a terminal, in a container that runs.

use holm_tests::{Ground, Pty};

use crate::{each_user, is_in_front, without_terminal};

fn exec(ground: &Ground, name: &str, words: &[&str]) -> Pty {
    Pty::start(ground.holm(["exec", "-t", "-i", name]).words(words), 28, 90)
}

#[test]
fn its_terminal_is_of_the_container_s_devpts() {
    each_user(|ground| {
        let name = ground.name("outer");
        let running = without_terminal(ground, &name);
        let pty = exec(ground, &name, &["/bin/sh", "-c", "tty; ls /dev/pts; echo on > /dev/tty; exit 8"]);
        let (status, shown) = pty.finish();
        let words: Vec<&str> = shown.split_whitespace().collect();
        assert_eq!((status, &words[..]), (8, &["/dev/pts/0", "0", "ptmx", "on"][..]));
        running.finish().ok();
    });
}

#[test]
fn it_is_another_one_than_that_of_the_container() {
    let ground = Ground::ordinary();
    let name = ground.name("outer");
    let outer = Pty::start(ground.sh(&["-t", "-i", "--name", &name], "tty; read line"), 24, 80);
    outer.shows("/dev/pts/0");
    let (status, shown) = exec(&ground, &name, &["/bin/tty"]).finish();
    assert_eq!((status, shown.trim()), (0, "/dev/pts/1"));
    outer.types("on\n");
    assert_eq!(outer.finish().0, 0);
}

#[test]
fn it_has_the_window_and_the_keys() {
    each_user(|ground| {
        let name = ground.name("outer");
        let running = without_terminal(ground, &name);
        let pty = exec(ground, &name, &["/bin/witness", "terminal"]);
        pty.shows("terminals [true, true, true]");
        pty.shows("size 28x90");
        pty.resize(50, 132);
        pty.shows("size 50x132");
        pty.types("\x03");
        pty.shows("signal 2");
        assert_eq!(pty.finish().0, 0);
        running.finish().ok();
    });
}

#[test]
fn control_c_ends_its_command_and_not_the_container() {
    each_user(|ground| {
        let name = ground.name("outer");
        let mut running = without_terminal(ground, &name);
        let pty = exec(ground, &name, &["/bin/sh", "-c", "echo ready; exec sleep 1000"]);
        pty.shows("ready");
        pty.types("\x03");
        assert_eq!(pty.finish().0, 130);
        running.say("still here\n");
        assert_eq!(running.line(), "still here");
        running.finish().ok();
    });
}

#[test]
fn a_shell_has_one_by_itself_with_job_control() {
    each_user(|ground| {
        let name = ground.name("outer");
        let running = without_terminal(ground, &name);
        let call = ground.holm(["exec", "-e", "PS1=islet> ", &name, "/bin/sh"]);
        let pty = Pty::start(call, 24, 80);
        pty.shows("islet> ");
        pty.types("echo rea''dy; cat\n");
        pty.shows("ready");
        is_in_front(&pty, "one");
        pty.types("\x1a");
        pty.shows("Stopped");
        pty.shows("islet> ");
        pty.types("fg\n");
        pty.shows("fg\r\ncat\r\n");
        pty.types("\x04");
        pty.shows("islet> ");
        pty.types("exit 3\n");
        assert_eq!(pty.finish().0, 3);
        running.finish().ok();
    });
}
