//! Signals to `holm`, and to the container.

use holm_tests::{Ground, Running, own_runtime};

/// Those that cannot be caught, those that `holm` itself acts upon or passes over (see its documentation), and those
/// that are faults of a program.
const NOT_PASSED_ON: [i32; 15] = [4, 5, 6, 7, 8, 9, 11, 13, 17, 18, 19, 20, 21, 22, 23];

fn witness(ground: &Ground, options: &[&str]) -> Running {
    let running = ground.witness(options, &["signals"]).start();
    assert_eq!(running.line(), "ready");
    running
}

fn passed_on() -> Vec<i32> {
    // 31 is SIGSYS, a fault. 32 and 33 are the C library's own; 34 to 64 are the real-time signals.
    (1..=30).chain(34..=64).filter(|number| !NOT_PASSED_ON.contains(number) && *number != 15).collect()
}

#[test]
fn every_one_reaches_the_command() {
    Ground::each(|ground| {
        for options in [&["--init"][..], &["--no-init"]] {
            let running = witness(ground, options);
            for number in passed_on() {
                running.signal(number);
                assert_eq!(running.line(), number.to_string(), "{options:?}");
            }
            running.signal(15);
            assert_eq!(running.line(), "15");
            running.finish().ok();
        }
    });
}

#[test]
fn every_one_that_is_sent_to_the_container_reaches_the_command() {
    if !own_runtime("holm oci kill") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("killed");
        let running = witness(ground, &["--name", &name]);
        let more = [4, 5, 6, 7, 8, 10, 11, 12, 18, 20, 28, 34, 50, 64];
        for number in more {
            ground.holm(["oci", "kill", &name, &number.to_string()]).finish().ok();
            assert_eq!(running.line(), number.to_string());
        }
        for (word, number) in [("HUP", 1), ("SIGINT", 2), ("RTMIN+1", 35), ("usr1", 10)] {
            ground.holm(["oci", "kill", &name, word]).finish().ok();
            assert_eq!(running.line(), number.to_string(), "{word}");
        }
        ground.holm(["oci", "kill", &name]).finish().ok();
        assert_eq!(running.line(), "15");
        running.finish().ok();
    });
}

#[test]
fn int_term_and_hup_end_a_command_that_does_not_catch_them() {
    Ground::each(|ground| {
        for number in [1, 2, 15] {
            let mut running = ground.sh(&[], "echo ready; exec cat").start();
            assert_eq!(running.line(), "ready");
            running.signal(number);
            running.wait().ends(128 + number);
        }
    });
}

#[test]
fn a_command_may_catch_them_and_say_goodbye() {
    Ground::each(|ground| {
        for (word, number) in [("HUP", 1), ("INT", 2), ("TERM", 15)] {
            let script = format!("trap 'echo goodbye; exit 5' {word}; echo ready; read x; read x");
            let mut running = ground.sh(&[], &script).start();
            assert_eq!(running.line(), "ready");
            running.signal(number);
            assert_eq!(running.line(), "goodbye");
            running.wait().ends(5);
        }
    });
}

#[test]
fn one_that_comes_while_the_container_is_made_is_not_lost() {
    // With another runtime the init is a program that is executed in the container: until it takes signals, PID 1 ignores
    // them.
    if !own_runtime("keeping the signals of the first moments") {
        return;
    }
    // Whenever it comes, the end is that of the signal: of holm itself at first, of the command later.
    let ground = Ground::ordinary();
    for round in 0..10 {
        let mut running = ground.sh(&[], "echo ready; exec cat").start();
        if round == 9 {
            // Once with a command that runs for certain.
            assert_eq!(running.line(), "ready");
        }
        running.signal(15);
        running.wait().ends(143);
        // A holm that is ended early leaves to the next one what it has made.
        ground.holm(["ps"]).finish().ok();
    }
}
