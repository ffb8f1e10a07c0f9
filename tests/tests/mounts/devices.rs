//! The nodes that a container is given.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use holm_tests::bundle::{Bundle, config};
use holm_tests::{Ground, own_runtime};
use serde_json::{Value, json};

/// The smallest configuration with a /dev of its own and these devices.
fn with_devices(ground: &Ground, script: &str, devices: &Value) -> Value {
    let mut config = config(ground, script);
    let dev = json!({"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                     "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]});
    config["mounts"].as_array_mut().unwrap().push(dev);
    config["linux"]["devices"] = devices.clone();
    config
}

fn each(test: impl Fn(&Ground)) {
    if own_runtime("a bundle") {
        Ground::each(test);
    }
}

fn as_root() -> Option<Ground> {
    if own_runtime("a bundle") { Ground::root() } else { None }
}

const STAT: &str = "stat -c '%n %F %t:%T %a %u:%g'";

#[test]
fn nodes_are_made_anywhere_with_their_mode_and_owner() {
    let Some(ground) = as_root() else { return };
    let devices = json!([
        {"path": "/dev/echo", "type": "c", "major": 1, "minor": 5, "fileMode": 0o644, "uid": 7, "gid": 9},
        {"path": "/made/for/it/full", "type": "u", "major": 1, "minor": 7},
        {"path": "/dev/disk", "type": "b", "major": 7, "minor": 200, "fileMode": 0o60_600},
        {"path": "/dev/pipe", "type": "p", "fileMode": 0o622},
    ]);
    let script = format!(
        "{STAT} /dev/echo /made/for/it/full /dev/disk /dev/pipe; head -c 3 /dev/echo | od -An -tx1; \
         (echo x > /made/for/it/full) 2>&1 | grep -o 'o space left'; echo through > /dev/pipe & cat /dev/pipe"
    );
    let bundle = Bundle::of(&ground, "nodes", &with_devices(&ground, &script, &devices));
    let expected = "/dev/echo character special file 1:5 644 7:9\n\
                    /made/for/it/full character special file 1:7 666 0:0\n\
                    /dev/disk block special file 7:c8 600 0:0\n\
                    /dev/pipe fifo 0:0 622 0:0\n \
                    00 00 00\no space left\nthrough";
    assert_eq!(bundle.run().ok(), expected);
}

#[test]
fn every_container_has_the_default_ones() {
    each(|ground| {
        let script = "cd /dev; for node in null zero full random urandom tty; do stat -c '%n %t:%T %a' $node; done; \
                      for link in fd stdin stdout stderr ptmx; do echo $link $(readlink $link); done; \
                      test -e /proc/kcore && readlink core; head -c 1 urandom | wc -c; echo gone > null";
        let bundle = Bundle::of(ground, "default", &with_devices(ground, script, &json!([])));
        let core = if std::path::Path::new("/proc/kcore").exists() { "/proc/kcore\n" } else { "" };
        let expected = "null 1:3 666\nzero 1:5 666\nfull 1:7 666\nrandom 1:8 666\nurandom 1:9 666\ntty 5:0 666\n\
                        fd /proc/self/fd\nstdin /proc/self/fd/0\nstdout /proc/self/fd/1\nstderr /proc/self/fd/2\n\
                        ptmx pts/ptmx\n";
        assert_eq!(bundle.run().ok(), format!("{expected}{core}1"));
    });
}

#[test]
fn in_a_user_namespace_the_host_s_node_is_bound() {
    each(|ground| {
        if ground.is_root() {
            return;
        }
        let devices = json!([{"path": "/dev/full", "type": "c", "major": 1, "minor": 7, "fileMode": 0o600}]);
        let script =
            format!("{STAT} /dev/full | cut -d' ' -f1-5; (echo x > /dev/full) 2>&1 | grep -o 'o space left'");
        let bundle = Bundle::of(ground, "bound", &with_devices(ground, &script, &devices));
        assert_eq!(bundle.run().ok(), "/dev/full character special file 1:7\no space left");
        // Another device of that name is not taken for it.
        let devices = json!([{"path": "/dev/full", "type": "c", "major": 250, "minor": 7}]);
        bundle.write(&with_devices(ground, "true", &devices));
        bundle.run().fails(125).mentions("/dev/full").mentions("250:7");
    });
}

#[test]
fn what_is_there_is_taken_when_it_is_the_same_and_refused_when_not() {
    let Some(ground) = as_root() else { return };
    let null = json!([{"path": "/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}]);
    let bundle = Bundle::of(&ground, "there", &with_devices(&ground, "stat -c %F /null", &null));
    for _ in 0..2 {
        assert_eq!(bundle.run().ok(), "character special file");
    }
    let other = json!([{"path": "/null", "type": "c", "major": 1, "minor": 5}]);
    bundle.write(&with_devices(&ground, "true", &other));
    bundle.run().fails(125).mentions("/null").mentions("something else is there");
    std::fs::remove_file(ground.rootfs().join("null")).unwrap();
}

#[test]
fn nodes_and_links_of_a_hostile_root_lead_nowhere() {
    let Some(ground) = as_root() else { return };
    let outside = ground.new_file("outside", "kept");
    std::fs::set_permissions(&outside, PermissionsExt::from_mode(0o600)).unwrap();
    let root = ground.rootfs();
    // A root whose own /dev is used: a null device that is none, a ptmx that is the host's.
    std::fs::write(root.join("dev/null"), "fake").unwrap();
    std::fs::write(root.join("dev/ptmx"), "fake").unwrap();
    let mut plain = config(&ground, "echo x > /dev/null; stat -c %t:%T /dev/null; readlink /dev/ptmx");
    let bundle = Bundle::of(&ground, "hostile", &plain);
    assert_eq!(bundle.run().ok(), "1:3\npts/ptmx");
    assert_eq!(std::fs::read_to_string(root.join("dev/null")).unwrap(), "fake");
    // A link in the place of a node, at its end and on the way to it.
    std::fs::remove_file(root.join("dev/null")).unwrap();
    symlink(&outside, root.join("dev/null")).unwrap();
    symlink(outside.parent().unwrap(), root.join("way")).unwrap();
    assert_eq!(bundle.run().ok(), "1:3\npts/ptmx");
    std::fs::remove_file(root.join("dev/null")).unwrap();
    plain["linux"]["devices"] = json!([{"path": "/way/node", "type": "c", "major": 1, "minor": 3, "uid": 5}]);
    bundle.write(&plain);
    bundle.run().fails(125);
    assert!(!ground.path("node").exists());
    let metadata = std::fs::metadata(&outside).unwrap();
    assert!(!metadata.file_type().is_char_device());
    assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (0o600, 0));
}
