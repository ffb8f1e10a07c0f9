//! Keys that are signals, and a shell that has jobs.

use holm_tests::{Ground, Pty};

/// An interactive shell, whose prompt is `$ `.
fn shell(ground: &Ground, options: &[&str]) -> Pty {
    let rootfs = ground.rootfs().to_str().unwrap();
    let words = ["-t", "-i", "-e", "PS1=prompt> ", "--rootfs", rootfs].into_iter().chain(options.iter().copied());
    let pty = Pty::start(ground.run(words).words(["--", "/bin/sh"]), 24, 80);
    pty.shows("prompt> ");
    pty
}

/// Types a line, and waits for the next prompt; answers with what came between.
fn line(pty: &Pty, line: &str) -> String {
    pty.types(&format!("{line}\n"));
    pty.shows("prompt> ")
}

#[test]
fn control_c_ends_the_command_and_not_the_shell() {
    Ground::each(|ground| {
        let pty = shell(ground, &[]);
        pty.types("echo sleeping; sleep 1000\n");
        pty.shows("\nsleeping");
        pty.types("\u{3}");
        pty.shows("prompt> ");
        assert!(line(&pty, "echo status $?").contains("status 130"));
        pty.types("exit 3\n");
        assert_eq!(pty.finish().0, 3);
    });
}

#[test]
fn control_c_ends_a_command_that_is_no_shell() {
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            let pty = Pty::start(ground.sh(&["-it", init], "trap 'exit 7' INT; echo is-ready; while :; do sleep 1; done"), 24, 80);
            pty.shows("is-ready");
            pty.types("\u{3}");
            assert_eq!(pty.finish().0, 7, "{init}");
        }
    });
}

#[test]
fn jobs_are_stopped_listed_and_taken_up_again() {
    Ground::each(|ground| {
        let pty = shell(ground, &[]);
        line(&pty, "sleep 1000 &");
        assert!(line(&pty, "jobs").contains("Running"));
        pty.types("fg\n");
        pty.shows("sleep 1000");
        pty.types("\u{1a}");
        let stopped = pty.shows("prompt> ");
        assert!(stopped.contains("Stopped"), "{stopped}");
        line(&pty, "bg");
        assert!(line(&pty, "jobs").contains("Running"));
        pty.types("kill %1; wait; exit 0\n");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn there_is_no_complaint_about_job_control() {
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            let rootfs = ground.rootfs().to_str().unwrap();
            let words = ["-it", init, "-e", "PS1=prompt> ", "--rootfs", rootfs, "--", "/bin/sh"];
            let pty = Pty::start(ground.run(words), 24, 80);
            let screen = pty.shows("prompt> ");
            assert!(!screen.contains("job control"), "{screen}");
            pty.types("exit\n");
            assert_eq!(pty.finish().0, 0);
        }
    });
}

#[test]
fn the_end_of_the_input_ends_the_shell() {
    Ground::each(|ground| {
        let pty = shell(ground, &[]);
        pty.types("\u{4}");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn a_shell_from_a_terminal_has_one_by_itself() {
    Ground::each(|ground| {
        let call = ground.run(["-e", "PS1=prompt> ", "--rootfs", ground.rootfs().to_str().unwrap(), "--", "/bin/sh"]);
        let pty = Pty::start(call, 24, 80);
        pty.shows("prompt> ");
        assert!(line(&pty, "tty").contains("/dev/pts/0"));
        pty.types("exit\n");
        assert_eq!(pty.finish().0, 0);
        // With --tty=false it is the user's own terminal, which is not in the container's /dev/pts.
        let pty = Pty::start(ground.sh(&["--tty=false"], "tty; test -t 0 && echo terminal"), 24, 80);
        let (_, screen) = pty.finish();
        assert!(screen.contains("terminal") && !screen.contains("/dev/pts/0\r"), "{screen}");
    });
}
