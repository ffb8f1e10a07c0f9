//! A terminal inside, and something else outside.

use std::process::Stdio;

use holm_tests::{Ground, Pty};

#[test]
fn a_pipe_is_typed_into_the_terminal() {
    Ground::each(|ground| {
        let run = ground.sh(&["-t", "-i"], "stty -echo; read line; echo got $line; cat; echo end").input("one\ntwo\n");
        let run = run.finish();
        assert_eq!(run.status, 0, "{run:?}");
        let lines: Vec<&str> = run.out.lines().map(|line| line.trim_end_matches('\r')).collect();
        assert!(lines.ends_with(&["got one", "two", "end"]), "{lines:?}");
    });
}

#[test]
fn all_that_was_written_is_shown_also_at_the_very_end() {
    Ground::each(|ground| {
        let run = ground.sh(&["-t"], "seq 20000; exit 6").finish();
        run.ends(6);
        assert_eq!(run.out.lines().count(), 20000);
        assert_eq!(run.out.lines().last(), Some("20000"));
    });
}

#[test]
fn output_into_a_file_and_keys_from_the_terminal() {
    let ground = Ground::ordinary();
    let path = ground.path("screen");
    let file = std::fs::File::create(&path).unwrap();
    let call = ground.sh(&["-t", "-i"], "read line; echo got $line");
    let pty = Pty::start_with(call, (24, 80), |command| drop(command.stdout(Stdio::from(file))));
    pty.types("hello\n");
    assert_eq!(pty.finish().0, 0);
    assert!(std::fs::read_to_string(&path).unwrap().contains("got hello"));
}

#[test]
fn much_typed_at_once_arrives() {
    let ground = Ground::ordinary();
    let pty = Pty::start(ground.sh(&["-t", "-i"], "stty -echo; echo is-ready; while read l; do n=$((n+1)); test $l = end && break; done; echo lines $n"), 24, 80);
    pty.shows("is-ready");
    let lines: String = (0..2000).map(|number| format!("line-{number}\n")).collect();
    pty.types(&lines);
    pty.types("end\n");
    pty.shows("lines 2001");
    assert_eq!(pty.finish().0, 0);
}
