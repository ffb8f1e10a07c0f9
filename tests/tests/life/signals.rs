//! Signals to `holm run`.

use holm_tests::{Ground, own_runtime};

use crate::{sleeper, wait_for_end};

#[test]
fn all_that_can_be_passed_on_reach_the_command() {
    Ground::each(|ground| {
        let running = ground.witness(&[], &["signals"]).start();
        assert_eq!(running.line(), "ready");
        for number in [2, 1, 3, 10, 12, 14, 28, 34, 64, 15] {
            running.signal(number);
            assert_eq!(running.line(), number.to_string());
        }
        running.finish().ok();
    });
}

#[test]
fn a_command_that_does_not_mind_is_ended_by_them() {
    Ground::each(|ground| {
        for number in [2, 15, 1] {
            let mut running = ground.sh(&[], "echo ready; exec sleep 1000").start();
            assert_eq!(running.line(), "ready");
            running.signal(number);
            running.wait().ends(128 + number);
        }
    });
}

#[test]
fn sigkill_takes_the_container_along_and_the_next_call_clears_up() {
    if !own_runtime("a container that ends with holm") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("bereft");
        let mut running = sleeper(ground, &name, &[]);
        let pid = ground.pid_of(&name);
        running.signal(9);
        running.wait().ends(137);
        wait_for_end(pid);
        let state = ground.states().join("containers").join(&name);
        assert!(state.exists(), "holm had no time to remove it: else this test shows nothing");
        assert_eq!(ground.holm(["ps", "-q"]).finish().out, "");
        assert!(!state.exists());
        ground.assert_clean();
    });
}

#[test]
fn after_sigkill_the_name_is_free_at_once() {
    if !own_runtime("a container that ends with holm") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("bereft");
        let mut running = sleeper(ground, &name, &[]);
        running.signal(9);
        running.wait().ends(137);
        assert_eq!(ground.sh(&["--name", &name], "echo again").finish().ok(), "again");
    });
}
