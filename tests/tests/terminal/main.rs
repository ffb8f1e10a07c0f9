//! Containers on a terminal: the test types, and reads the screen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod by_itself;
mod exec;
mod jobs;
mod keys;
mod restored;
mod streams;
mod window;

use holm_tests::{Ground, Pty, Running};

/// For root, for an ordinary user with a range of ids, and for one without.
fn each_user(test: impl Fn(&Ground)) {
    Ground::each(&test);
    if let Some(ground) = Ground::without_ranges() {
        test(&ground);
    }
}

/// A script in a container with a terminal of its own, on a terminal.
fn script(ground: &Ground, script: &str) -> Pty {
    Pty::start(ground.sh(&["-t", "-i"], script), 24, 80)
}

/// The witness, the same way.
fn witness(ground: &Ground, rows: u16, columns: u16) -> Pty {
    Pty::start(ground.witness(&["-t", "-i"], &["terminal"]), rows, columns)
}

/// A shell at whose prompt the test types.
fn shell(ground: &Ground, options: &[&str]) -> Pty {
    let rootfs = ground.rootfs().to_str().unwrap();
    let words = ["--rootfs", rootfs, "-e", "PS1=islet> "].into_iter().chain(options.iter().copied());
    let pty = Pty::start(ground.run(words).words(["--", "/bin/sh"]), 24, 80);
    pty.shows("islet> ");
    pty
}

/// A container without a terminal, which runs until its input ends.
fn without_terminal(ground: &Ground, name: &str) -> Running {
    let running = ground.sh(&["--name", name], "echo ready; cat").start();
    assert_eq!(running.line(), "ready");
    running
}

/// That cat(1) has the terminal: what is typed is there twice, by the terminal's echo and by cat.
fn is_in_front(pty: &Pty, word: &str) {
    pty.types(&format!("{word}\n"));
    pty.shows(&format!("{word}\r\n{word}\r\n"));
}

/// The screen without Holm's own note that there is one id alone.
fn without_notes(shown: &str) -> String {
    shown.split_inclusive('\n').filter(|line| !line.contains("note:")).collect()
}
