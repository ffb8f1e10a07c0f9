//! What becomes of a container when its `holm run` is killed.

use std::time::Duration;

use holm_tests::{Ground, own_runtime};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

fn ends(pid: i32) -> bool {
    let Ok(pidfd) = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) else { return true };
    let patience = Timespec::try_from(Duration::from_secs(20)).unwrap();
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&patience)) == Ok(1)
}

#[test]
fn the_container_goes_along_and_the_next_call_clears_what_is_left() {
    if !own_runtime("what becomes of a container whose holm was killed") {
        return;
    }
    Ground::each(|ground| {
        for init in ["--init", "--no-init"] {
            let name = ground.name("orphan");
            let script =
                "trap '' TERM HUP INT; sleep 1000 & echo ready; while read x; do :; done; sleep 1000";
            let mut running = ground.sh(&["--name", &name, init], script).start();
            assert_eq!(running.line(), "ready");
            let pid = ground.pid_of(&name);
            running.signal(9);
            running.wait().ends(137);
            assert!(ends(pid), "the container of a killed holm ends");
            assert!(
                ground.states().join("containers").join(&name).exists(),
                "something is left to be cleared"
            );
            ground.holm(["ps"]).finish().ok();
            ground.assert_clean();
            // Its name is free again.
            ground.sh(&["--name", &name], "true").finish().ok();
        }
    });
}

#[test]
fn every_call_clears_it() {
    if !own_runtime("what becomes of a container whose holm was killed") {
        return;
    }
    let Some(ground) = Ground::root() else { return };
    let name = ground.name("orphan");
    let calls: [&[&str]; 3] =
        [&["run", "--name", &ground.name("x"), "--", "true"], &["ps"], &["stop", "nobody"]];
    for call in calls {
        let mut running = ground.on_host(&["--name", &name], "echo ready; cat").start();
        assert_eq!(running.line(), "ready");
        let pid = ground.pid_of(&name);
        running.signal(9);
        running.wait().ends(137);
        assert!(ends(pid));
        ground.holm(call.iter().copied()).finish();
        ground.assert_clean();
    }
}

#[test]
fn a_name_whose_holm_was_killed_can_be_taken_at_once() {
    if !own_runtime("what becomes of a container whose holm was killed") {
        return;
    }
    Ground::each(|ground| {
        let name = ground.name("phoenix");
        for _ in 0..5 {
            let mut running = ground.sh(&["--name", &name], "echo ready; cat").start();
            assert_eq!(running.line(), "ready");
            running.signal(9);
            running.wait().ends(137);
        }
        ground.sh(&["--name", &name], "true").finish().ok();
    });
}

#[test]
fn a_holm_that_is_killed_while_it_makes_a_container_leaves_nothing_for_good() {
    if !own_runtime("what becomes of a container whose holm was killed") {
        return;
    }
    Ground::each(|ground| {
        for microseconds in (0..20).map(|step| step * 1500) {
            let mut running = ground.sh(&[], "echo made").start();
            let wait = Timespec::try_from(Duration::from_micros(microseconds)).unwrap();
            let _ = poll(&mut [], Some(&wait));
            running.signal(9);
            let ended = running.wait();
            assert!(ended.status == 137 || ended.ok() == "made", "{ended:?}");
        }
        assert_eq!(ground.sh(&[], "echo made").finish().ok(), "made");
        ground.holm(["ps"]).finish().ok();
        ground.assert_clean();
    });
}
