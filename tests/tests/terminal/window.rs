//! The container's own terminal, and its size.

use holm_tests::{Ground, Pty};

#[test]
fn all_streams_are_a_terminal_of_the_container_s_own() {
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            let pty = Pty::start(ground.sh(&["-t", "-i", init], "test -t 0 && test -t 1 && test -t 2 && tty"), 24, 80);
            let (status, screen) = pty.finish();
            assert_eq!((status, screen.trim()), (0, "/dev/pts/0"));
        }
    });
}

#[test]
fn it_is_the_console_too() {
    Ground::each(|ground| {
        let script = "echo to the console > /dev/console; echo to the tty > /dev/tty; stat -c %a /dev/pts/0";
        let (status, screen) = Pty::start(ground.sh(&["-it"], script), 24, 80).finish();
        let lines: Vec<&str> = screen.lines().map(str::trim).collect();
        assert_eq!((status, lines), (0, vec!["to the console", "to the tty", "620"]));
    });
}

#[test]
fn its_size_is_that_of_the_user_s_and_follows_it() {
    Ground::each(|ground| {
        let pty = Pty::start(ground.witness(&["-t", "-i"], &["terminal"]), 33, 77);
        assert!(pty.shows("size 33x77").contains("terminals [true, true, true]"));
        pty.resize(50, 120);
        pty.shows("size 50x120");
        pty.resize(10, 20);
        pty.shows("size 10x20");
        pty.types("\u{3}");
        pty.shows("signal 2");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn exec_has_one_of_its_own() {
    Ground::each(|ground| {
        let name = ground.name("base");
        let base = ground.sh(&["--name", &name], "echo ready; cat").start();
        assert_eq!(base.line(), "ready");
        let pty = Pty::start(ground.holm(["exec", "-it", &name, "/bin/witness", "terminal"]), 31, 71);
        assert!(pty.shows("size 31x71").contains("terminals [true, true, true]"));
        pty.resize(41, 81);
        pty.shows("size 41x81");
        pty.types("\u{3}");
        pty.shows("signal 2");
        assert_eq!(pty.finish().0, 0);
        base.finish().ok();
    });
}
