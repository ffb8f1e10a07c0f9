//! Options that contradict each other, or what the caller may do.

use holm_tests::Ground;

/// Options, and a word of the error.
const OF_EVERYBODY: &[(&[&str], &str)] = &[
    (&["--hostname", "x", "--uts", "host"], "--hostname"),
    (&["--domainname", "x", "--uts", "host"], "--domainname"),
    (&["--userns", "host", "--uidmap", "0:0:1"], "--uidmap"),
    (&["--userns", "identity", "--gidmap", "0:0:1"], "--gidmap"),
    (&["--sysctl", "net.ipv4.ip_forward=1", "--net", "host"], "--net"),
    (&["--sysctl", "kernel.msgmax=1", "--ipc", "host"], "--ipc"),
    (&["--size", "1m"], "--size"),
    (&["-v", "/tmp:/data:ro,rw"], "rw"),
    (&["-v", "/tmp:/data:private,shared"], "shared"),
];

#[test]
fn of_everybody() {
    Ground::each(|ground| {
        for (options, word) in OF_EVERYBODY {
            ground.sh(options, "echo ran").finish().fails(125).mentions(word);
        }
    });
}

#[test]
fn a_directory_has_no_command_of_its_own() {
    let ground = Ground::ordinary();
    ground.run(["--rootfs", ground.rootfs().to_str().unwrap()]).finish().fails(125).helps();
}

#[test]
fn maps_that_overlap() {
    Ground::each(|ground| {
        let own = format!("0:{}:1", ground.uid());
        let options = ["--uidmap", &own, "--uidmap", &own];
        ground.sh(&options, "echo ran").finish().fails(125).mentions("map");
    });
}

#[test]
fn maps_that_are_not_one_s_own() {
    let ground = Ground::ordinary();
    for (option, file) in [("--uidmap", "/etc/subuid"), ("--gidmap", "/etc/subgid")] {
        let own = format!("0:{}:1", ground.uid());
        let other = if option == "--uidmap" { "--gidmap" } else { "--uidmap" };
        let told = ground.sh(&[option, "0:0:1", other, &own], "echo ran").finish().fails(125);
        told.mentions(option).mentions(file).helps();
    }
    let Some(ground) = Ground::without_ranges() else { return };
    let own = format!("0:{}:1", ground.uid());
    let options = ["--uidmap", &own, "--uidmap", "1:100000:10"];
    ground.sh(&options, "echo ran").finish().fails(125).mentions("/etc/subuid").helps();
}

#[test]
fn users_outside_of_the_map() {
    let Some(ground) = Ground::without_ranges() else { return };
    ground.sh(&["--user", "1000"], "echo ran").finish().fails(125).mentions("map").helps();
    let Some(ground) = Ground::root() else { return };
    let options = ["--uidmap", "0:100000:10", "--user", "10"];
    ground.sh(&options, "echo ran").finish().fails(125).mentions("map").helps();
}

#[test]
fn capabilities_that_the_caller_does_not_have() {
    let Some(ground) = Ground::root() else { return };
    let bounding = holm_tests::one_line("/proc/sys/kernel/cap_last_cap");
    assert!(bounding.parse::<u32>().unwrap() >= 40);
    let mine = std::fs::read_to_string("/proc/self/status").unwrap();
    let mine = mine.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let has_resource = u64::from_str_radix(mine, 16).unwrap() & (1 << 24) != 0;
    if holm_tests::needs(!has_resource, "all capabilities are there") {
        let options = ["--cap-add", "SYS_RESOURCE"];
        ground.sh(&options, "echo ran").finish().fails(125).mentions("SYS_RESOURCE");
    }
}
