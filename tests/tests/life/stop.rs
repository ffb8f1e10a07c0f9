//! `holm stop`.

use std::time::{Duration, Instant};

use holm_tests::{Ground, Running};

use crate::sleeper;

/// The witness of signals, which `quiet` does not end on SIGTERM.
fn witness(ground: &Ground, name: &str, options: &[&str], quiet: bool) -> Running {
    let options = [&["--name", name], options].concat();
    let words: &[&str] = if quiet { &["signals", "quiet"] } else { &["signals"] };
    let running = ground.witness(&options, words).start();
    assert_eq!(running.line(), "ready");
    running
}

#[test]
fn the_command_is_asked_to_end() {
    Ground::each(|ground| {
        let name = ground.name("asked");
        let running = witness(ground, &name, &[], false);
        assert_eq!(ground.holm(["stop", &name]).finish().ok(), "");
        assert!(ground.ps().is_empty(), "when stop comes back it is gone");
        assert_eq!(running.finish().ok(), "15");
    });
}

#[test]
fn who_does_not_end_is_killed_after_the_time() {
    Ground::each(|ground| {
        for (options, words) in [(&[][..], &["-t", "1"][..]), (&["--stop-timeout", "1"], &[])] {
            let name = ground.name("stubborn");
            let mut running = witness(ground, &name, options, true);
            let before = Instant::now();
            ground.holm(["stop"]).words(words).word(&name).finish().ok();
            let took = before.elapsed();
            assert!((Duration::from_secs(1)..Duration::from_secs(9)).contains(&took), "{took:?}");
            assert_eq!(running.wait().ends(137).out, "15\n");
        }
    });
}

#[test]
fn without_time_it_is_killed_at_once() {
    let ground = Ground::ordinary();
    let name = ground.name("at-once");
    let mut running = witness(&ground, &name, &[], true);
    let before = Instant::now();
    ground.holm(["stop", "-t", "0", &name]).finish().ok();
    assert!(before.elapsed() < Duration::from_secs(9));
    running.wait().ends(137);
}

#[test]
fn the_signal_is_the_one_of_run_or_of_stop() {
    Ground::each(|ground| {
        let name = ground.name("signal");
        let script = "trap 'exit 41' USR1; trap 'exit 42' INT; echo ready; sleep 1000 & wait";
        for (options, words, status) in [
            (&["--stop-signal", "USR1"][..], &[][..], 41),
            (&["--stop-signal", "SIGUSR1"], &["--signal", "INT"], 42),
            (&[], &["-s", "2"], 42),
        ] {
            let mut running = ground.sh(&[&["--name", &name], options].concat(), script).start();
            assert_eq!(running.line(), "ready");
            ground.holm(["stop"]).words(words).word(&name).finish().ok();
            running.wait().ends(status);
        }
    });
}

#[test]
fn several_are_ended_and_those_that_are_not_there_are_told() {
    Ground::each(|ground| {
        let names = ["a", "b", "c"].map(|word| ground.name(word));
        let running = names.each_ref().map(|name| witness(ground, name, &[], false));
        let words = [names[0].as_str(), "nobody-is-called-this", &names[1], &names[2]];
        let told = ground.holm(["stop"]).words(words).finish().fails(125);
        told.mentions("nobody-is-called-this");
        assert!(ground.ps().is_empty());
        for running in running {
            assert_eq!(running.finish().ok(), "15");
        }
    });
}

#[test]
fn one_that_is_not_there_cannot_be_stopped() {
    Ground::each(|ground| {
        let name = ground.name("there");
        ground.holm(["stop", "nobody-is-called-this"]).finish().fails(125).mentions("nobody-is-called-this");
        let running = sleeper(ground, &name, &[]);
        ground.holm(["stop", "nobody-is-called-this"]).finish().fails(125).mentions(&name);
        assert_eq!(ground.ps().len(), 1);
        running.finish().ok();
    });
}
