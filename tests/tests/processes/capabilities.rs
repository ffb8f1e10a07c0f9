//! Capabilities, no_new_privs, --privileged.

use holm_tests::{Ground, own_runtime};

/// Docker's default: chown, dac_override, fowner, fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw,
/// sys_chroot, mknod, audit_write, setfcap.
const DEFAULT: u64 = 0xa804_25fb;
const ALL_BUT_RESOURCE: u64 = !(1 << 24);

/// The five sets, by their names in /proc/PID/status.
fn sets(ground: &Ground, options: &[&str], user: Option<&str>) -> [u64; 5] {
    let options: Vec<&str> =
        options.iter().copied().chain(user.into_iter().flat_map(|user| ["--user", user])).collect();
    let out = ground.sh(&options, "grep ^Cap /proc/self/status").finish().ok();
    ["Eff", "Prm", "Bnd", "Inh", "Amb"].map(|name| {
        let line = out.lines().find_map(|line| line.strip_prefix(&format!("Cap{name}:\t"))).unwrap();
        u64::from_str_radix(line, 16).unwrap()
    })
}

fn known() -> u64 {
    let last: u32 = holm_tests::one_line("/proc/sys/kernel/cap_last_cap").parse().unwrap();
    (1 << (last + 1)) - 1
}

#[test]
fn the_default_is_docker_s() {
    Ground::each(|ground| assert_eq!(sets(ground, &[], None), [DEFAULT, DEFAULT, DEFAULT, 0, 0]));
}

#[test]
fn who_is_not_root_has_none() {
    let Some(ground) = Ground::root() else { return };
    assert_eq!(sets(&ground, &[], Some("1000")), [0, 0, DEFAULT, 0, 0]);
}

#[test]
fn they_are_added_and_dropped() {
    Ground::each(|ground| {
        let admin = 1 << 12;
        assert_eq!(sets(ground, &["--cap-add", "NET_ADMIN"], None)[0], DEFAULT | admin);
        assert_eq!(sets(ground, &["--cap-add", "cap_net_admin"], None)[2], DEFAULT | admin);
        assert_eq!(sets(ground, &["--cap-drop", "CHOWN"], None)[0], DEFAULT & !1);
        assert_eq!(sets(ground, &["--cap-drop", "ALL"], None), [0; 5]);
        assert_eq!(sets(ground, &["--cap-drop", "ALL", "--cap-add", "KILL"], None)[..3], [1 << 5; 3]);
    });
}

#[test]
fn all_are_those_that_can_be_had() {
    Ground::each(|ground| {
        // In a user namespace of its own a container has every one; root's has what its caller's bounding set has.
        let own = holm_tests::one_line("/proc/thread-self/status");
        let own = own.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
        let own = u64::from_str_radix(own, 16).unwrap();
        let expected = if ground.is_root() { own } else { known() };
        assert_eq!(sets(ground, &["--cap-add", "ALL"], None)[0], expected);
        assert_eq!(sets(ground, &["--privileged"], None)[0], expected);
        let without = sets(ground, &["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"], None)[0];
        assert_eq!(without, expected & ALL_BUT_RESOURCE);
    });
}

#[test]
fn what_is_no_capability_is_refused() {
    let ground = Ground::ordinary();
    for option in ["--cap-add", "--cap-drop"] {
        ground.sh(&[option, "FLYING"], "true").finish().fails(125).mentions("FLYING");
    }
}

#[test]
fn dropped_ones_are_missed() {
    Ground::each(|ground| {
        let script = "touch /tmp/mine; chown 0:0 /tmp/mine && chmod 000 /tmp/mine && cat /tmp/mine && echo all; rm /tmp/mine";
        assert_eq!(ground.sh(&[], script).finish().out, "all\n");
        assert_eq!(ground.sh(&["--cap-drop", "DAC_OVERRIDE"], script).finish().out, "");
    });
}

#[test]
fn no_new_privileges_is_set_unless_it_is_not_wanted() {
    Ground::each(|ground| {
        let script = "grep NoNewPrivs /proc/self/status | cut -f2";
        assert_eq!(ground.sh(&[], script).finish().ok(), "1");
        assert_eq!(ground.sh(&["--security-opt", "no-new-privileges=true"], script).finish().ok(), "1");
        assert_eq!(ground.sh(&["--security-opt", "no-new-privileges=false"], script).finish().ok(), "0");
    });
}

#[test]
fn privileged_gives_the_host_s_devices_and_a_writable_proc_and_sys() {
    let Some(ground) = Ground::root() else { return };
    let script = "test -c /dev/kmsg && echo devices; p=/proc/sys/kernel/panic; cat $p > /tmp/panic; cat /tmp/panic > $p && echo proc; \
                  grep -c 'sysfs rw' /proc/mounts; head -c 1 /proc/interrupts | wc -c";
    let out = ground.sh(&["--privileged"], script).finish().ok();
    assert_eq!(out, "devices\nproc\n1\n1");
    let out = ground.sh(&[], script).finish();
    assert_eq!(out.out, "0\n0\n");
}

#[test]
fn only_the_usual_devices_are_there() {
    if !own_runtime("the list of devices") {
        return;
    }
    Ground::each(|ground| {
        let out = ground.sh(
            &[],
            "ls /dev; echo x > /dev/null && head -c 4 /dev/zero | od -An -tx1; test -c /dev/tty && echo tty",
        );
        let out = out.finish().ok();
        let names: Vec<&str> = out.lines().take_while(|line| !line.starts_with(' ')).collect();
        let expected = [
            "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
            "tty", "urandom", "zero",
        ];
        assert_eq!(names, expected);
        assert!(out.ends_with("00 00 00 00\ntty"), "{out}");
    });
}
