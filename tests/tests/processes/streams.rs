//! Standard streams without a terminal: they pass straight through.

use holm_tests::Ground;

#[test]
fn large_data_goes_in_and_out_unchanged() {
    let bytes: Vec<u8> = (0..8_u32 << 20).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[1]).collect();
    Ground::each(|ground| {
        let run = ground.sh(&[], "cat").input(bytes.clone()).finish();
        run.ends(0);
        assert!(run.bytes == bytes, "{} of {} bytes", run.bytes.len(), bytes.len());
    });
}

#[test]
fn the_end_of_the_input_is_seen() {
    Ground::each(|ground| {
        let mut running = ground.sh(&[], "while read line; do echo got $line; done; echo end").start();
        running.say("one\n");
        assert_eq!(running.line(), "got one");
        running.say("two\n");
        assert_eq!(running.line(), "got two");
        let finished = running.finish();
        assert_eq!(finished.ok(), "end");
    });
}

#[test]
fn standard_error_is_apart() {
    Ground::each(|ground| {
        let run = ground.sh(&[], "echo out; echo err >&2").finish();
        assert_eq!(run.ok(), "out");
        assert!(run.err.lines().any(|line| line == "err"), "{}", run.err);
        assert!(!run.err.contains("out"));
    });
}

#[test]
fn they_are_no_terminals() {
    let ground = Ground::ordinary();
    let run = ground.sh(&[], "test -t 0 || test -t 1 || test -t 2 || echo none; tty").finish();
    assert_eq!(run.out.trim(), "none\nnot a tty");
}

#[test]
fn input_that_is_not_wanted_is_not_passed_on() {
    let ground = Ground::ordinary();
    let run = ground.sh(&["--interactive=false"], "cat; echo end").input("text\n").finish();
    assert_eq!(run.ok(), "end");
}

#[test]
fn the_output_ends_with_the_command_although_the_init_is_there_longer() {
    let ground = Ground::ordinary();
    let running = ground.sh(&[], "exec >&-; exec 2>&-; read x").start();
    // The stream ends while the container runs: nobody else holds it.
    let finished = running.finish();
    assert_eq!(finished.status, 1, "read saw the end of its input");
}

#[test]
fn no_descriptor_of_holm_s_is_left_open() {
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            let out = ground.sh(&[init], "ls /proc/$$/fd; true").finish().ok();
            assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2"]);
        }
    });
}
