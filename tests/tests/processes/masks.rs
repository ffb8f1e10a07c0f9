//! Masked and read-only paths, and a root that is read-only.

use holm_tests::{Ability, Ground, Tree, able};

#[test]
fn what_tells_of_the_host_is_hidden() {
    Ground::each(|ground| {
        for path in ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"] {
            if std::path::Path::new(path).exists() {
                let script = format!("head -c 1 {path} | wc -c");
                assert_eq!(ground.sh(&[], &script).finish().ok(), "0", "{path}");
            }
        }
        assert_eq!(ground.sh(&[], "ls /sys/firmware | wc -l").finish().ok(), "0");
    });
}

#[test]
fn it_can_be_shown_and_more_can_be_hidden() {
    let Some(ground) = Ground::root() else { return };
    let script = "head -c 1 /proc/interrupts | wc -c; cat /etc/group | wc -l; ls /home | wc -l";
    let count = |option: &str| {
        let out = ground.sh(&["--security-opt", option], script).finish().ok();
        out.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<u32>>()
    };
    assert_eq!(count("unmask=all"), [1, 3, 1]);
    assert_eq!(count("unmask=/proc/interrupts"), [1, 3, 1]);
    assert_eq!(count("unmask=/proc/keys"), [0, 3, 1]);
    assert_eq!(count("mask=/etc/group:/home"), [0, 0, 0]);
}

#[test]
fn what_would_change_the_host_is_read_only() {
    Ground::each(|ground| {
        for path in ["/proc/sys/kernel/panic", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity"] {
            if std::path::Path::new(path).exists() {
                let run = ground.sh(&["--cap-add", "ALL"], &format!("echo 1 > {path}")).finish();
                assert_ne!(run.status, 0, "{path}");
                assert!(run.err.contains("Read-only"), "{path}: {}", run.err);
            }
        }
        let script = "set -- /sys $(grep -E ' cgroup2? ' /proc/mounts | cut -d ' ' -f 2); echo $#; \
                      for directory in $@; do mkdir $directory/x; done";
        let run = ground.sh(&["--cap-add", "ALL"], script).finish();
        assert_eq!(run.err.matches("Read-only").count().to_string(), run.out.trim(), "{}", run.err);
        if able(Ability::ReadOnlyCgroupDirectory) {
            let run = ground.sh(&["--cap-add", "ALL"], "mkdir /sys/fs/cgroup/x").finish();
            assert!(run.err.contains("Read-only"), "{}", run.err);
        }
    });
}

#[test]
fn a_read_only_root_is_not_written_to_and_its_mounts_are() {
    Ground::each(|ground| {
        let before = Tree::of(ground.rootfs());
        let script = "touch /x; mkdir /etc/x; rm /etc/passwd; echo x > /tmp/x && echo tmp; echo x > /dev/shm/x && echo shm";
        let run = ground.sh(&["--read-only", "--tmpfs", "/tmp"], script).finish();
        assert_eq!(run.out, "tmp\nshm\n");
        assert_eq!(run.err.matches("Read-only").count(), 3, "{}", run.err);
        assert_eq!(Tree::of(ground.rootfs()), before);
        if !ground.can_run_on_host() {
            return;
        }
        let run =
            ground.on_host(&["--read-only"], "touch /x; touch /etc/x; echo x > /tmp/x && echo tmp").finish();
        assert_eq!(run.out, "tmp\n");
        assert_eq!(run.err.matches("Read-only").count(), 2, "{}", run.err);
    });
}
