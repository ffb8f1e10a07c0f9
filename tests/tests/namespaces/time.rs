//! The clocks of a time namespace.

use holm_tests::{Ground, host_links, own_runtime};
use rustix::time::{ClockId, clock_gettime};

/// How long a container may take to say what time it is, in seconds.
const TOLERANCE: i64 = 50;

fn clocks(ground: &Ground, options: &[&str]) -> [i64; 3] {
    let out = ground.witness(options, &["clocks"]).finish().ok();
    let times: Vec<i64> = out.split(' ').map(|time| time.parse().unwrap()).collect();
    times.try_into().unwrap()
}

fn assert_near(time: i64, expected: i64, what: &str) {
    assert!((time - expected).abs() < TOLERANCE, "{what}: {time}, not {expected}");
}

#[test]
fn offsets_are_seen_by_the_clocks_and_in_uptime() {
    if !own_runtime("--time with offsets") {
        return;
    }
    Ground::each(|ground| {
        let [monotonic, boottime] =
            [ClockId::Monotonic, ClockId::Boottime].map(|clock| clock_gettime(clock).tv_sec);
        let seen = clocks(ground, &["--time", "monotonic=+3600,boottime=+86400"]);
        assert_near(seen[0], monotonic + 3600, "monotonic");
        assert_near(seen[1], boottime + 86400, "boottime");
        assert_near(seen[2], boottime + 86400, "uptime");
        let seen = clocks(ground, &[]);
        assert_near(seen[0], monotonic, "monotonic without an offset");
        assert_near(seen[1], boottime, "boottime without an offset");
    });
}

#[test]
fn clocks_can_be_set_back_but_not_below_their_beginning() {
    if !own_runtime("--time with offsets") {
        return;
    }
    Ground::each(|ground| {
        let boottime = clock_gettime(ClockId::Boottime).tv_sec;
        let seen = clocks(ground, &["--time", &format!("boottime=-{}", boottime / 2)]);
        assert_near(seen[1], boottime - boottime / 2, "boottime");
        let told =
            ground.sh(&["--time", &format!("boottime=-{}", boottime + 3600)], "true").finish().fails(125);
        told.mentions("boottime");
    });
}

#[test]
fn exec_has_the_clocks_of_the_container() {
    if !own_runtime("--time with offsets") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("clock");
        let running = ground.sh(&["--name", &name, "--time", "boottime=+86400"], "echo ready; cat").start();
        assert_eq!(running.line(), "ready");
        let out = ground.holm(["exec", &name, "/bin/witness", "clocks"]).finish().ok();
        let boottime = clock_gettime(ClockId::Boottime).tv_sec;
        assert_near(out.split(' ').nth(1).unwrap().parse().unwrap(), boottime + 86400, "boottime");
        running.finish().ok();
    });
}

#[test]
fn the_host_keeps_its_own() {
    Ground::each(|ground| {
        let out = ground.witness(&["--time", "host"], &["namespaces"]).finish().ok();
        assert!(out.contains(&format!("time {}", host_links()["time"])), "{out}");
    });
}
