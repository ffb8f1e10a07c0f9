//! User namespaces: maps, and the powerlessness of their superuser outside.

use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;

use holm_tests::{Ground, is_root, needs, own_runtime};

fn map(ground: &Ground, options: &[&str], file: &str) -> Vec<Vec<u32>> {
    let out = ground.sh(options, &format!("cat /proc/self/{file}")).finish().ok();
    out.lines().map(|line| line.split_whitespace().map(|id| id.parse().unwrap()).collect()).collect()
}

#[test]
fn an_ordinary_user_is_root_inside_and_itself_outside() {
    let ground = Ground::ordinary();
    let shared = ground.new_directory("shared");
    let volume = format!("{}:/mnt", shared.display());
    let out = ground.sh(&["-v", &volume], "id -u; touch /mnt/made; chown 0:0 /mnt/made").finish().ok();
    assert_eq!(out, "0");
    assert_eq!(std::fs::metadata(shared.join("made")).unwrap().uid(), ground.uid());
}

#[test]
fn the_ranges_of_etc_subuid_are_the_other_ids() {
    let Some(ground) = Ground::with_ranges() else { return };
    if !needs(is_root(), "the ranges of /etc/subuid are known when the test has written them") {
        return;
    }
    let uid = ground.uid();
    assert_eq!(map(&ground, &[], "uid_map"), [vec![0, uid, 1], vec![1, 300_000, 65535]]);
    assert_eq!(map(&ground, &[], "gid_map"), [vec![0, uid, 1], vec![1, 300_000, 65535]]);
    let shared = ground.new_directory("shared");
    let volume = format!("{}:/mnt", shared.display());
    ground.sh(&["-v", &volume], "touch /mnt/a && chown 1000:1000 /mnt/a").finish().ok();
    let metadata = std::fs::metadata(shared.join("a")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (300_999, 300_999));
}

#[test]
fn without_ranges_there_is_the_single_id_and_a_note_says_what_to_do() {
    let Some(ground) = Ground::without_ranges() else { return };
    let run = ground.sh(&[], "cat /proc/self/uid_map; cat /proc/self/setgroups").finish();
    let out = run.ok();
    assert_eq!(out.split_whitespace().collect::<Vec<_>>(), ["0", &ground.uid().to_string(), "1", "deny"]);
    assert!(run.err.starts_with("note: ") && run.err.contains("/etc/subuid"), "{}", run.err);
}

#[test]
fn maps_can_be_said() {
    let Some(ground) = Ground::root() else { return };
    let options = ["--uidmap", "0:400000:1000", "--uidmap", "1000:500000:1", "--gidmap", "0:600000:10"];
    assert_eq!(map(&ground, &options, "uid_map"), [vec![0, 400_000, 1000], vec![1000, 500_000, 1]]);
    assert_eq!(map(&ground, &options, "gid_map"), [vec![0, 600_000, 10]]);
}

#[test]
fn a_map_of_uids_alone_is_also_that_of_gids() {
    let Some(ground) = Ground::root() else { return };
    assert_eq!(map(&ground, &["--uidmap", "0:400000:1000"], "gid_map"), [vec![0, 400_000, 1000]]);
}

#[test]
fn an_ordinary_user_says_maps_within_the_ranges_and_no_others() {
    let Some(ground) = Ground::with_ranges() else { return };
    if !needs(is_root(), "the ranges of /etc/subuid are known when the test has written them") {
        return;
    }
    let own = format!("0:{}:1", ground.uid());
    let options = ["--uidmap", &own, "--uidmap", "1:310000:100", "--gidmap", &own];
    assert_eq!(map(&ground, &options, "uid_map"), [vec![0, ground.uid(), 1], vec![1, 310_000, 100]]);
    for outside in ["0:0:1", "1:299999:2", "1:365536:1", "0:2:1"] {
        let told = ground.sh(&["--uidmap", outside, "--gidmap", &own], "true").finish().fails(125);
        told.mentions("/etc/subuid");
    }
}

#[test]
fn root_s_user_namespace_has_ids_that_are_nobody_s() {
    let Some(ground) = Ground::root() else { return };
    let [uids, gids] = ["uid_map", "gid_map"].map(|file| map(&ground, &["--userns", "auto"], file));
    for map in [uids, gids] {
        assert!(map[0][0] == 0 && map[0][1] >= 65536, "{map:?}");
    }
    let other = [map(&ground, &["--userns", "auto", "--name", &ground.name("a")], "uid_map")];
    assert_eq!(other, [map(&ground, &["--userns", "auto", "--name", &ground.name("a")], "uid_map")]);
}

#[test]
fn its_superuser_is_powerless_outside() {
    // A file of the host's root, bound in, and the host's kernel parameters.
    if !needs(is_root(), "a file of root's has to be made") {
        return;
    }
    Ground::each(|ground| {
        let file = ground.path("of-root");
        std::fs::write(&file, "untouched").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        // The places are made here: who made the root is not mapped in root's own user namespaces.
        std::fs::write(ground.rootfs().join("mnt/file"), "").unwrap();
        std::fs::create_dir(ground.rootfs().join("mnt/directory")).unwrap();
        let directory = ground.path("directory-of-root");
        std::fs::create_dir(&directory).unwrap();
        let volumes =
            [format!("{}:/mnt/file", file.display()), format!("{}:/mnt/directory", directory.display())];
        let options = ["--userns", "auto", "--privileged", "-v", &volumes[0], "-v", &volumes[1]];
        let script = "id -u; cat /mnt/file; echo x > /mnt/file; chmod 666 /mnt/file; chown 0 /mnt/file; \
                      rm -r /mnt/directory; touch /mnt/directory/x; echo 1 > /proc/sys/kernel/panic; \
                      echo h > /proc/sysrq-trigger; mknod /tmp/disk b 254 0; true";
        let run = ground.sh(&options, script).finish();
        assert_eq!(run.ok(), "0", "{}", run.err);
        let refusals = run.err.lines().filter(|line| !line.starts_with("note")).count();
        assert!(refusals >= 9, "each was refused: {}", run.err);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "untouched");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
    });
}

#[test]
fn userns_host_is_for_root() {
    let ground = Ground::ordinary();
    let told = ground.sh(&["--userns", "host"], "true").finish().fails(125);
    told.mentions("--userns").mentions("root").helps();
}

#[test]
fn a_user_namespace_is_joined_by_another_container() {
    if !own_runtime("joining a user namespace as an ordinary user") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("first");
        let first =
            ground.sh(&["--userns", "auto", "--name", &name], "readlink /proc/self/ns/user; cat").start();
        let theirs = first.line();
        let joined = format!("container:{name}");
        let out = ground.sh(&["--userns", &joined], "readlink /proc/self/ns/user; id -u").finish().ok();
        assert_eq!(out, format!("{theirs}\n0"));
        first.finish().ok();
    });
}
