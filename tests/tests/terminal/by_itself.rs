//! A shell that is started from a terminal has one by itself.

use holm_tests::{Ground, Pty};

use crate::{each_user, shell, without_notes};

#[test]
fn a_shell_from_a_terminal_has_one() {
    each_user(|ground| {
        let pty = shell(ground, &[]);
        assert!(pty.is_raw());
        pty.types("tty\n");
        pty.shows("/dev/pts/0");
        pty.types("exit 5\n");
        assert_eq!(pty.finish().0, 5);
    });
}

#[test]
fn it_has_none_when_none_is_wanted() {
    each_user(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        let call = ground.run(["--rootfs", rootfs, "-t=false", "--", "/bin/sh"]);
        let pty = Pty::start(call, 24, 80);
        pty.types("ls /dev/pts; test -e /dev/console || echo no con''sole; exit 5\n");
        let shown = pty.shows("no console");
        assert!(!pty.is_raw());
        assert!(shown.contains("\nptmx\r\n"), "no terminal is in the container's own devpts: {shown:?}");
        assert_eq!(pty.finish().0, 5);
    });
}

#[test]
fn a_script_from_a_terminal_has_none() {
    let ground = Ground::ordinary();
    let pty = Pty::start(ground.sh(&[], "ls /dev/pts"), 24, 80);
    let (status, shown) = pty.finish();
    assert_eq!((status, without_notes(&shown).trim()), (0, "ptmx"));
}

#[test]
fn a_shell_from_a_pipe_has_none() {
    let ground = Ground::ordinary();
    let rootfs = ground.rootfs().to_str().unwrap();
    let call = ground.run(["--rootfs", rootfs, "--", "/bin/sh"]);
    assert_eq!(call.input("ls /dev/pts\n").finish().ok(), "ptmx");
}

#[test]
fn without_one_standard_input_is_passed_on_all_the_same() {
    each_user(|ground| {
        assert_eq!(ground.sh(&["-t=false"], "cat").input("passed on").finish().ok(), "passed on");
        let finished = ground.sh(&["-t=false", "-i=false"], "cat").input("kept").finish();
        assert_eq!(finished.ok(), "", "unless that is not wanted");
        let name = ground.name("outer");
        let running = crate::without_terminal(ground, &name);
        let further = ground.holm(["exec", "-t=false", &name, "/bin/cat"]).input("passed on").finish();
        assert_eq!(further.ok(), "passed on");
        running.finish().ok();
    });
}
