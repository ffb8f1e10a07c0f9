//! Holm killed at many moments of a start: the next call clears what is left.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use holm_tests::{Ground, Running, own_runtime};
use rustix::event::Timespec;

const MOMENTS: u32 = 40;

fn start(ground: &Ground, parent: &str, at: u32) -> Running {
    let options = ["--cgroup-parent", parent, "--name", &ground.name(&format!("crash{at}"))];
    ground.sh(&options, "echo ready; exec sleep 1000").start()
}

/// The cgroups below the test's own, in each hierarchy.
fn cgroups(parent: &str) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    let parents = hierarchies.map(|hierarchy| hierarchy.path().join(parent.trim_start_matches('/')));
    let own = PathBuf::from("/sys/fs/cgroup").join(parent.trim_start_matches('/'));
    let entries =
        parents.chain([own]).filter_map(|parent| std::fs::read_dir(parent).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Waits for nothing: the moment is what is looked for.
fn wait(time: Duration) {
    let _ = rustix::event::poll(&mut [], Some(&Timespec::try_from(time).unwrap()));
}

fn killed_at_any_moment(ground: &Ground) {
    let parent = format!("/{}", ground.name("crashes"));
    let began = Instant::now();
    let mut whole = start(ground, &parent, MOMENTS);
    assert_eq!(whole.line(), "ready");
    let whole_start = began.elapsed();
    whole.signal(9);
    whole.wait().ends(137);
    for at in 0..MOMENTS {
        let mut running = start(ground, &parent, at);
        wait(whole_start * at / MOMENTS);
        running.signal(9);
        running.wait().ends(137);
        assert_eq!(ground.holm(["ps", "-q"]).finish().ok(), "", "killed at {at} of {MOMENTS}");
        let states = ["containers", "runtime"].map(|directory| ground.states().join(directory));
        let left: Vec<PathBuf> = states
            .iter()
            .flat_map(|states| std::fs::read_dir(states).into_iter().flatten().flatten())
            .map(|entry| entry.path())
            .filter(|path| !path.ends_with(".lock"))
            .chain(cgroups(&parent))
            .collect();
        assert!(left.is_empty(), "killed at {at} of {MOMENTS}: {left:?}");
    }
    remove_parent(&parent);
    ground.assert_clean();
}

/// The cgroup above those of the containers is the caller's: Holm leaves it.
fn remove_parent(parent: &str) {
    for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        let _ = std::fs::remove_dir(hierarchy.path().join(parent.trim_start_matches('/')));
    }
    let _ = std::fs::remove_dir(PathBuf::from("/sys/fs/cgroup").join(parent.trim_start_matches('/')));
}

#[test]
fn of_root() {
    if let Some(ground) = Ground::root().filter(|_| own_runtime("clearing up after a crash")) {
        killed_at_any_moment(&ground);
    }
}

#[test]
fn of_an_ordinary_user() {
    if own_runtime("clearing up after a crash") {
        killed_at_any_moment(&Ground::ordinary());
    }
}
