//! tmpfs, /dev/shm, file systems by type, and how much may be written.

use holm_tests::Ground;

const ENOSPC: &str = "28";

/// How many bytes went into `path`, and that it was the room that ended.
fn room(ground: &Ground, options: &[&str], path: &str) -> u64 {
    let out = ground.witness(options, &["fill", path]).finish().ok();
    let (written, errno) = out.split_once(' ').unwrap();
    assert_eq!(errno, ENOSPC, "{out}");
    written.parse().unwrap()
}

fn assert_about(bytes: u64, expected: u64) {
    assert!(bytes <= expected && bytes >= expected - expected / 8, "{bytes} bytes, not about {expected}");
}

#[test]
fn a_tmpfs_is_empty_bounded_and_gone() {
    Ground::each(|ground| {
        assert_about(room(ground, &["--tmpfs", "/mnt:size=1m"], "/mnt/x"), 1 << 20);
        let script = "ls -A /mnt; stat -c %a /mnt; grep ' /mnt ' /proc/mounts";
        let out = ground.sh(&["--tmpfs", "/mnt:mode=1750"], script).finish().ok();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "1750");
        for word in ["tmpfs", "nosuid", "nodev", "noexec"] {
            assert!(lines[1].contains(word), "{word} in {out}");
        }
        let out = ground.sh(&["--tmpfs", "/mnt:exec"], "grep ' /mnt ' /proc/mounts").finish().ok();
        assert!(!out.contains("noexec"), "{out}");
        assert_eq!(std::fs::read_dir(ground.rootfs().join("mnt")).unwrap().count(), 0);
    });
}

#[test]
fn a_tmpfs_in_the_words_of_mount() {
    Ground::each(|ground| {
        let mount = "type=tmpfs,dst=/mnt,tmpfs-size=2m,tmpfs-mode=0700";
        assert_about(room(ground, &["--mount", mount], "/mnt/x"), 2 << 20);
    });
}

#[test]
fn file_systems_by_type() {
    Ground::each(|ground| {
        for (mount, place, expected) in [
            ("type=proc,dst=/mnt", "/mnt/self/status", "proc"),
            ("type=sysfs,dst=/mnt", "/mnt/class", "sysfs"),
            ("type=mqueue,dst=/mnt", "/mnt", "mqueue"),
            ("type=devpts,dst=/mnt,newinstance,ptmxmode=0666", "/mnt/ptmx", "devpts"),
            ("type=ramfs,dst=/mnt", "/mnt", "ramfs"),
        ] {
            let script = format!("test -e {place} && grep ' /mnt ' /proc/mounts");
            let out = ground.sh(&["--mount", mount], &script).finish().ok();
            assert_eq!(out.split(' ').nth(2), Some(expected), "{out}");
        }
    });
}

#[test]
fn an_overlay_of_directories_of_the_container() {
    let Some(ground) = Ground::root() else { return };
    for name in ["lower", "upper", "work"] {
        std::fs::create_dir(ground.rootfs().join(name)).unwrap();
    }
    std::fs::write(ground.rootfs().join("lower/file"), "below\n").unwrap();
    let lower = ground.rootfs().join("lower");
    let mount = format!(
        "type=overlay,dst=/mnt,lowerdir={}:{}",
        lower.display(),
        ground.rootfs().join("home").display()
    );
    assert_eq!(ground.sh(&["--mount", &mount], "cat /mnt/file").finish().ok(), "below");
}

#[test]
fn shared_memory_has_its_size() {
    Ground::each(|ground| {
        assert_about(room(ground, &["--shm-size", "3m"], "/dev/shm/x"), 3 << 20);
        let out = ground.sh(&[], "df -k /dev/shm | tail -n 1").finish().ok();
        assert_eq!(out.split_whitespace().nth(1), Some("65536"), "Docker's default: {out}");
    });
}

#[test]
fn size_bounds_what_is_written_to_a_copied_root() {
    Ground::each(|ground| {
        let script = "head -c 8M /dev/zero > /opt/x 2>/dev/null || echo full; wc -c < /opt/x; \
                      head -c 1M /dev/zero > /usr/y 2>/dev/null || echo full; rm /opt/x; \
                      head -c 1M /dev/zero > /usr/y && echo room";
        let out = ground.on_host(&["--size", "4m"], script).finish().ok();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!((lines[0], lines[2], lines[3]), ("full", "full", "room"), "{out}");
        assert_about(lines[1].parse().unwrap(), 4 << 20);
    });
}

#[test]
fn a_root_directory_has_no_size() {
    let ground = Ground::ordinary();
    ground.sh(&["--size", "1m"], "true").finish().fails(125).mentions("--size");
    for bad in ["0", "many", "1.5g", "99999999999t"] {
        ground.on_host(&["--size", bad], "true").finish().fails(125).mentions("--size");
        ground.on_host(&["--shm-size", bad], "true").finish().fails(125).mentions("--shm-size");
    }
}

#[test]
fn a_mount_that_was_asked_for_takes_the_place_of_another() {
    Ground::each(|ground| {
        let out = ground.sh(
            &["--tmpfs", "/dev/shm:size=1m,mode=1777"],
            "grep -c ' /dev/shm ' /proc/mounts; df -k /dev/shm",
        );
        let out = out.finish().ok();
        assert_eq!(out.lines().next(), Some("1"));
        assert!(out.contains("1024"), "{out}");
    });
}
