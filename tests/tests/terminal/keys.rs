//! Keys that are signals.

use holm_tests::Ground;

use crate::{each_user, script, witness};

#[test]
fn control_c_backslash_and_z_reach_the_command() {
    each_user(|ground| {
        for (key, signal) in [("\x03", 2), ("\x1c", 3), ("\x1a", 20)] {
            let pty = witness(ground, 24, 80);
            pty.shows("size 24x80");
            pty.types(key);
            pty.shows(&format!("signal {signal}\r\n"));
            assert_eq!(pty.finish().0, 0);
        }
    });
}

#[test]
fn control_c_ends_a_command_that_does_not_mind() {
    each_user(|ground| {
        let pty = script(ground, "echo ready; exec sleep 1000");
        pty.shows("ready");
        pty.types("\x03");
        assert_eq!(pty.finish().0, 130);
    });
}

#[test]
fn control_d_is_the_end_of_input() {
    let ground = Ground::ordinary();
    let pty = script(&ground, "echo ready; cat; echo ended; exit 4");
    pty.shows("ready");
    pty.types("a line\n\x04");
    pty.shows("ended");
    assert_eq!(pty.finish().0, 4);
}

#[test]
fn each_key_comes_by_itself_when_the_command_wants_it_raw() {
    let ground = Ground::ordinary();
    let pty =
        script(&ground, "stty raw -echo; echo ready; dd bs=1 count=1 2>/dev/null | od -An -tx1; stty sane");
    pty.shows("ready");
    pty.types("\x03");
    pty.shows("03");
    assert_eq!(pty.finish().0, 0);
}
