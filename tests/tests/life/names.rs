//! What a container is called.

use std::collections::BTreeSet;

use holm_tests::{Ground, own_runtime};

use crate::sleeper;

#[test]
fn the_name_that_was_said_is_also_the_host_s() {
    Ground::each(|ground| {
        let name = ground.name("said");
        let running = ground.sh(&["--name", &name], "hostname; cat").start();
        assert_eq!(running.line(), name);
        assert_eq!(ground.ps()[0]["name"], *name);
        running.finish().ok();
    });
}

#[test]
fn a_name_is_taken_for_as_long_as_its_container_runs() {
    Ground::each(|ground| {
        let name = ground.name("taken");
        let running = sleeper(ground, &name, &[]);
        let told = ground.sh(&["--name", &name], "true").finish().fails(125);
        told.mentions(&name).mentions("already").mentions("holm stop");
        assert_eq!(ground.ps().len(), 1, "the first one is as it was");
        running.finish().ok();
        ground.sh(&["--name", &name], "true").finish().ok();
    });
}

#[test]
fn names_that_are_made_up_are_two_words_and_differ() {
    if !own_runtime("a container without --name in these tests") {
        return;
    }
    Ground::each(|ground| {
        let rootfs = ground.rootfs().to_str().unwrap().to_owned();
        let start = || {
            let call = ground.holm(["run", "--rootfs", &rootfs, "--", "/bin/sh", "-c", "hostname; cat"]);
            let running = call.start();
            (running.line(), running)
        };
        let both = [start(), start()];
        let names: BTreeSet<String> = both.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for name in &names {
            let words: Vec<&str> = name.split('_').collect();
            let readable = |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase());
            assert!(words.len() == 2 && words.iter().all(readable), "{name}");
        }
        let listed: BTreeSet<String> =
            ground.holm(["ps", "-q"]).finish().ok().lines().map(str::to_owned).collect();
        assert_eq!(listed, names);
        for (_, running) in both {
            running.finish().ok();
        }
    });
}

#[test]
fn what_cannot_be_a_name_is_refused() {
    let ground = Ground::ordinary();
    for name in ["", "a/b", "../a", ".", "..", ".hidden", "a b", "ä", &"x".repeat(129)] {
        let told = ground.sh(&["--name", name], "true").finish().fails(125);
        told.mentions("--name").helps();
    }
    ground.sh(&["--name", &format!("{:x<128}", ground.name("long"))], "true").finish().ok();
}
