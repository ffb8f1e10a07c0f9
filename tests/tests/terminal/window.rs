//! The size of the window.

use holm_tests::Ground;

use crate::{each_user, without_notes, witness};

#[test]
fn it_is_there_from_the_start_and_follows_the_user_s() {
    each_user(|ground| {
        let pty = witness(ground, 31, 101);
        pty.shows("size 31x101");
        for (rows, columns) in [(40, 120), (10, 33), (31, 101)] {
            pty.resize(rows, columns);
            pty.shows(&format!("size {rows}x{columns}\r\n"));
        }
        pty.types("\x03");
        assert_eq!(pty.finish().0, 0);
    });
}

#[test]
fn a_command_knows_it_before_its_first_instruction() {
    // The first thing that it does is to ask: no change of size may be what tells it.
    let ground = Ground::ordinary();
    let pty = crate::script(&ground, "stty size");
    let (status, shown) = pty.finish();
    assert_eq!((status, without_notes(&shown).trim()), (0, "24 80"));
}
