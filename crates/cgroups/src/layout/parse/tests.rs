use std::path::Path;

use proptest::prelude::*;

use crate::{CgroupPath, Kind, Layout};

fn layout(mountinfo: &str, cgroup: &str) -> Layout {
    Layout::parse(mountinfo.as_bytes(), cgroup.as_bytes())
}

const UNIFIED: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:20 / /sys rw,nosuid shared:2 - sysfs sysfs rw
28 23 0:25 / /sys/fs/cgroup rw,nosuid,nodev,noexec shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot
";

#[test]
fn pure_v2() {
    let layout = layout(UNIFIED, "0::/user.slice/user-1000.slice/session-1.scope\n");
    assert_eq!(layout.kind(), Kind::Unified);
    let v2 = layout.v2().unwrap();
    assert_eq!(v2.mount_point, Path::new("/sys/fs/cgroup"));
    assert_eq!(
        v2.own_directory().unwrap(),
        Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope")
    );
    let absolute = CgroupPath::parse("/holm/a").unwrap();
    assert_eq!(v2.below_mount(&absolute).unwrap(), "holm/a");
    let relative = CgroupPath::parse("a").unwrap();
    assert_eq!(v2.below_mount(&relative).unwrap(), "user.slice/user-1000.slice/session-1.scope/a");
    assert_eq!(v2.below_mount(&relative.clone().beside()).unwrap(), "user.slice/user-1000.slice/a");
    assert_eq!(v2.below_mount(&absolute.clone().beside()).unwrap(), "holm/a");
}

const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
const HYBRID_OWN: &str = "9:name=systemd:/\n6:freezer:/\n4:memory:/x\n1:cpu:/a b\n0::/\n";

#[test]
fn hybrid() {
    let layout = layout(HYBRID, HYBRID_OWN);
    assert_eq!(layout.kind(), Kind::Hybrid);
    // The memory controller is not mounted.
    assert_eq!(layout.hierarchies.len(), 4);
    assert_eq!(layout.v1("name=systemd").unwrap().mount_point, Path::new("/sys/fs/cgroup/systemd"));
    assert_eq!(layout.v1("cpu").unwrap().own_directory().unwrap(), Path::new("/sys/fs/cgroup/cpu/a b"));
    assert_eq!(layout.v2().unwrap().to_string(), "unified (v2)");
}

#[test]
fn co_mounted_v1_controllers_are_one_hierarchy() {
    let layout = layout(
        "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
         32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
         33 31 0:30 / /sys/fs/cgroup/cpuset rw shared:10 - cgroup cgroup rw,cpuset,clone_children\n",
        "3:cpuset:/\n2:cpu,cpuacct:/system.slice\n",
    );
    assert_eq!(layout.kind(), Kind::Legacy);
    assert_eq!(layout.hierarchies.len(), 2);
    let cpu = layout.v1("cpuacct").unwrap();
    assert_eq!(cpu, layout.v1("cpu").unwrap());
    assert_eq!(cpu.to_string(), "cpu,cpuacct (v1)");
    assert_eq!(cpu.mount_point, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
    assert_eq!(layout.v1("cpuset").unwrap().controllers, ["cpuset"]);
}

#[test]
fn inside_a_container_the_mount_starts_at_its_group() {
    let mountinfo = "700 600 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n";
    let inside = layout(mountinfo, "1:cpu:/docker/abc/sub\n");
    let cpu = inside.v1("cpu").unwrap();
    assert_eq!(cpu.mount_root, "/docker/abc");
    assert_eq!(cpu.own_directory().unwrap(), Path::new("/sys/fs/cgroup/cpu/sub"));
    assert_eq!(cpu.below_mount(&CgroupPath::parse("x/y").unwrap()).unwrap(), "sub/x/y");
    assert_eq!(cpu.below_mount(&CgroupPath::parse("/x").unwrap()).unwrap(), "x");
}

#[test]
fn an_own_group_out_of_sight_has_no_directory() {
    let elsewhere =
        layout("700 600 0:29 /docker/abc /c rw - cgroup cgroup rw,cpu\n", "1:cpu:/docker/other\n");
    let above = layout("700 600 0:29 / /c rw - cgroup2 cgroup2 rw\n", "0::/../../x\n");
    let outside = layout("700 600 0:29 /.. /c rw - cgroup2 cgroup2 rw\n", "0::/\n");
    for found in [elsewhere, above, outside] {
        let hierarchy = found.hierarchies.first().unwrap();
        assert_eq!(hierarchy.own_directory(), None);
        assert!(hierarchy.below_mount(&CgroupPath::parse("a").unwrap()).is_err());
        assert!(hierarchy.below_mount(&CgroupPath::parse("/a").unwrap()).is_ok());
    }
}

#[test]
fn hidden_mounts_do_not_count() {
    let over_all = format!("{HYBRID}50 31 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
    assert_eq!(layout(&over_all, HYBRID_OWN).kind(), Kind::None);
    let over_above = format!("{HYBRID}50 23 0:50 / /sys/fs rw - tmpfs tmpfs rw\n");
    assert_eq!(layout(&over_above, HYBRID_OWN).kind(), Kind::None);
    let over_one = format!("{HYBRID}50 41 0:50 / /sys/fs/cgroup/unified rw - tmpfs tmpfs rw\n");
    assert_eq!(layout(&over_one, HYBRID_OWN).kind(), Kind::Legacy);
    let beside = format!("{HYBRID}50 31 0:50 / /sys/fs/cgroup/uni rw - tmpfs tmpfs rw\n");
    assert_eq!(layout(&beside, HYBRID_OWN).kind(), Kind::Hybrid);
}

#[test]
fn of_several_mounts_the_one_that_shows_most_is_taken() {
    let mountinfo = "1 0 0:1 / / rw - ext4 x rw\n\
         2 1 0:9 /a /bound rw - cgroup2 cgroup2 rw\n\
         3 1 0:9 / /whole rw - cgroup2 cgroup2 rw\n\
         4 1 0:9 /b /other rw - cgroup2 cgroup2 rw\n";
    assert_eq!(layout(mountinfo, "0::/a/own\n").v2().unwrap().mount_point, Path::new("/whole"));
}

#[test]
fn escapes_are_undone() {
    let found = layout("2 1 0:9 /a\\040b /m\\134\\011\\9 rw - cgroup2 cgroup2 rw\n", "0::/a b\n");
    let v2 = found.v2().unwrap();
    assert_eq!((v2.mount_root.as_str(), v2.mount_point.to_str().unwrap()), ("/a b", "/m\\\t\\9"));
}

#[test]
fn nothing_mounted() {
    assert_eq!(layout("", HYBRID_OWN).kind(), Kind::None);
    assert_eq!(layout(UNIFIED, "").kind(), Kind::None);
}

#[test]
fn a_layout_survives_json() {
    let before = layout(HYBRID, HYBRID_OWN);
    let text = serde_json::to_string(&before).unwrap();
    assert_eq!(serde_json::from_str::<Layout>(&text).unwrap(), before);
}

proptest! {
    #[test]
    fn no_text_is_too_odd(mountinfo in "([0-9]{1,3} |/|\\\\|- |cgroup2? |rw,?|cpu|\\n|\\PC){0,60}", cgroup in "([0-9]:|::|cpu|/|\\.\\.|\\n|\\PC){0,30}") {
        let _ = layout(&mountinfo, &cgroup);
    }

    #[test]
    fn no_bytes_are_too_odd(mountinfo: Vec<u8>, cgroup: Vec<u8>) {
        let _ = Layout::parse(&mountinfo, &cgroup);
    }
}
