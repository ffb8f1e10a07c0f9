//! Standard streams without a terminal: they pass straight through.

use std::os::unix::fs::MetadataExt;

use holm_tests::{Call, Ground, own_runtime};

/// Opens each of its standard streams once more.
const AGAIN: &str = "cat < /dev/stdin; echo out > /dev/stdout; echo err > /dev/stderr";

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

/// In pipes of its caller's own.
fn in_pipes(call: Call) -> String {
    call.through(&["/bin/sh", "-c", "echo in | \"$0\" \"$@\" 2>&1 | cat"]).finish().ok()
}

/// With a user namespace, which has the owner of the pipes or, made by root, does not.
fn grounds() -> impl Iterator<Item = (Ground, &'static [&'static str])> {
    let userns: &[&str] = if own_runtime("who gives the streams away") { &["--userns", "auto"] } else { &[] };
    let root = [&[][..], userns].map(|options| (Ground::root as fn() -> Option<Ground>, options));
    let cases = root.into_iter().chain([(Ground::with_ranges as fn() -> _, &[][..])]);
    cases.filter_map(|(ground, options)| Some((ground()?, options)))
}

#[test]
fn pipes_are_the_user_s_who_may_open_them_again() {
    for (ground, options) in grounds() {
        for user in ["0", "1234:1235"] {
            let options = [options, &["--user", user]].concat();
            assert_eq!(in_pipes(ground.sh(&options, AGAIN)), "in\nout\nerr", "{options:?}");
        }
    }
}

#[test]
fn pipes_of_an_exec_are_its_user_s() {
    for (ground, options) in grounds() {
        let name = ground.name("outer");
        let running = ground.sh(&[options, &["--name", &name]].concat(), "echo up; cat").start();
        assert_eq!(running.line(), "up");
        let exec = ["exec", "-u", "1234", &name, "/bin/sh", "-c", AGAIN];
        assert_eq!(in_pipes(ground.holm(exec)), "in\nout\nerr", "{options:?}");
        running.finish().ok();
    }
}

/// It stays when the container is gone, and its new owner could write to what was only to be read.
#[test]
fn a_file_stays_whose_it_is() {
    if !own_runtime("that no file is given away") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let (input, output) = (ground.new_file("input", "in\n"), ground.new_file("output", ""));
    let shell = format!("exec \"$0\" \"$@\" <{} >{}", input.display(), output.display());
    let call = ground.sh(&["--user", "1234"], "cat; echo out").through(&["/bin/sh", "-c", &shell]);
    call.finish().ok();
    assert_eq!(std::fs::read_to_string(&output).unwrap(), "in\nout\n");
    for file in [input, output] {
        assert_eq!(std::fs::metadata(file).unwrap().uid(), 0);
    }
}
