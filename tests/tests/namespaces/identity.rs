//! `--userns identity`: one's own id and no other, hence no superuser.

use holm_tests::{Ability, Ground, able, is_root};

#[test]
fn there_is_no_uid_0_and_no_way_to_it() {
    let ground = Ground::ordinary();
    let refused = ground.sh(&["--userns", "identity", "--user", "0"], "id -u").finish();
    refused.fails(125);
    if !able(Ability::MapsWithoutRoot) {
        return;
    }
    let own = ground.uid();
    let out = ground
        .sh(&["--userns", "identity"], "id -u; cat /proc/self/uid_map; stat -c %u /proc/1")
        .finish()
        .ok();
    let words: Vec<u32> = out.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!(words, [own, own, own, 1, own]);
}

#[test]
fn it_cannot_set_a_hostname_nor_mount() {
    let ground = Ground::ordinary();
    // The superuser of another container may do both.
    let out = ground.sh(&["--cap-add", "SYS_ADMIN"], "hostname other && hostname").finish().ok();
    assert_eq!(out, "other");
    if !able(Ability::MapsWithoutRoot) {
        return;
    }
    let script =
        "hostname other 2>&1; hostname; mount -t tmpfs none /mnt 2>&1; grep CapEff /proc/self/status";
    let out = ground.sh(&["--userns", "identity", "--hostname", "islet"], script).finish().ok();
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].contains("not permitted"), "{out}");
    assert_eq!(lines[1], "islet");
    assert!(lines[2].contains("ermission denied") || lines[2].contains("not permitted"), "{out}");
    assert_eq!(lines[3], "CapEff:\t0000000000000000");
}

#[test]
fn files_that_it_makes_are_one_s_own() {
    let ground = Ground::ordinary();
    if !able(Ability::MapsWithoutRoot) {
        return;
    }
    let shared = ground.new_directory("shared");
    let volume = format!("{}:/mnt", shared.display());
    ground.sh(&["--userns", "identity", "-v", &volume], "touch /mnt/mine").finish().ok();
    let metadata = std::fs::metadata(shared.join("mine")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), ground.uid());
}

#[test]
fn root_says_whose_identity() {
    let Some(ground) = Ground::root() else { return };
    ground.sh(&["--userns", "identity"], "true").finish().fails(125).helps();
    if !able(Ability::MapsWithoutRoot) {
        return;
    }
    let out =
        ground.sh(&["--userns", "identity", "--user", "1234:1235"], "id -u; id -g; cat /proc/self/uid_map");
    let out = out.finish().ok();
    let words: Vec<u32> = out.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!(words, [1234, 1235, 1234, 1234, 1]);
    assert!(is_root());
}
