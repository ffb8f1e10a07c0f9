//! The user's terminal is raw while a container has the keys, and as it was on every way out.

use holm_tests::{Ground, Pty, busy_wait};

const PROMPT: &str = "echo is-ready; ";

/// Starts a script on a terminal, and waits until its keys go to the container.
fn raw(ground: &Ground, options: &[&str], script: &str) -> Pty {
    let options: Vec<&str> = ["-t", "-i"].into_iter().chain(options.iter().copied()).collect();
    let pty = Pty::start(ground.sh(&options, &format!("{PROMPT}{script}")), 24, 80);
    pty.shows("is-ready");
    assert!(busy_wait(|| pty.is_raw().then_some(())).is_some(), "the terminal is raw");
    pty
}

/// Ends it by `end`, and checks that the terminal is as before.
fn restored(pty: Pty, end: impl FnOnce(&Pty), status: i32) {
    end(&pty);
    let waited = busy_wait(|| (!pty.is_raw()).then_some(()));
    let now = format!("{:?}", pty.settings().local_modes);
    assert!(waited.is_some(), "the terminal is raw after the end: {now}");
    assert_eq!(pty.finish().0, status);
}

#[test]
fn on_a_normal_exit() {
    Ground::each(|ground| {
        let pty = raw(ground, &[], "read line; exit 4");
        let before = Pty::start(ground.sh(&[], "true"), 24, 80);
        let untouched = before.settings();
        restored(pty, |pty| pty.types("x\n"), 4);
        drop(untouched);
        before.finish();
    });
}

#[test]
fn when_holm_gets_a_signal() {
    Ground::each(|ground| {
        for number in [1, 15] {
            restored(raw(ground, &["--no-init"], "exec cat"), |pty| pty.running.signal(number), 0);
        }
    });
}

#[test]
fn when_the_command_is_killed() {
    let ground = Ground::ordinary();
    let name = ground.name("killed");
    let pty = raw(&ground, &["--name", &name], "cat");
    restored(pty, |_| drop(ground.holm(["stop", "--time", "0", &name]).finish().ok()), 137);
}

#[test]
fn on_an_error() {
    Ground::each(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap();
        let pty = Pty::start(ground.run(["-it", "--rootfs", rootfs, "--", "/no/such/command"]), 24, 80);
        let before = format!("{:?}", pty.settings());
        pty.shows("error:");
        assert!(busy_wait(|| (format!("{:?}", pty.settings()) == before).then_some(())).is_some());
        assert_eq!(pty.finish().0, 127);
    });
}

#[test]
fn settings_are_exactly_as_before() {
    let ground = Ground::ordinary();
    let pty = Pty::start(ground.sh(&["-t", "-i"], "echo is-ready; read line"), 24, 80);
    // Taken before holm can have changed them would be a race; these are what a fresh terminal has.
    let fresh = Pty::start(ground.sh(&[], "cat"), 24, 80);
    let expected = format!("{:?}", fresh.settings());
    pty.shows("is-ready");
    pty.types("x\n");
    assert!(busy_wait(|| (format!("{:?}", pty.settings()) == expected).then_some(())).is_some());
    assert_eq!(pty.finish().0, 0);
    fresh.types("\u{4}");
    assert_eq!(fresh.finish().0, 0);
}

#[test]
fn without_interaction_it_is_not_touched() {
    let ground = Ground::ordinary();
    let name = ground.name("shown");
    let pty = Pty::start(ground.sh(&["-t", "--interactive=false", "--name", &name], "echo is-ready; sleep 1000"), 24, 80);
    pty.shows("is-ready");
    assert!(!pty.is_raw());
    ground.holm(["stop", "--time", "0", &name]).finish().ok();
    assert_eq!(pty.finish().0, 137);
}
