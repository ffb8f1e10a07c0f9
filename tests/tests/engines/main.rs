//! What others wrote, on the runtime: podman, containerd and dockerd, as Debian has them.
//!
//! They are run where `HOLM_TEST_ENGINES` names them (`podman,containerd,docker`, or `all`), and then everything that
//! they need has to be there. `ENGINE_RUNTIME` is the path of another runtime than Holm's, which tests the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod client;
mod containerd;
mod docker;
mod podman;
mod podman_rootless;
mod swarm;
mod world;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use holm_tests::{PATIENCE, is_root, runtime_binary};

/// Whether the tests of an engine are asked for; says that the calling test is omitted when they are not.
///
/// # Panics
///
/// When they are asked for, and this machine has not what they need.
fn asked_for(engine: &str, programs: &[&str]) -> bool {
    let asked = std::env::var("HOLM_TEST_ENGINES").unwrap_or_default();
    // A swarm is for whoever names it.
    let among = |name: &str| name == engine || (name == "all" && engine != "swarm");
    if !asked.split(',').any(among) {
        holm_testing::announce_omission(&format!("HOLM_TEST_ENGINES does not ask for {engine}"));
        return false;
    }
    assert!(is_root(), "HOLM_TEST_ENGINES asks for {engine}, which takes root");
    for program in ["catatonit", "busybox", "nsenter", "unshare", "findmnt", "ip"].iter().chain(programs) {
        assert!(
            holm_tests::program(program).is_some(),
            "HOLM_TEST_ENGINES asks for {engine}, which needs {program} on this machine"
        );
    }
    true
}

/// The root of the Debian with dockerd in it, where docker is asked for.
///
/// # Panics
///
/// When it is, and there is none.
fn docker_tree() -> Option<PathBuf> {
    asked_for("docker", &[]).then(tree)
}

fn tree() -> PathBuf {
    let tree = std::env::var("HOLM_TEST_DOCKER_TREE").map(PathBuf::from).unwrap_or_default();
    assert!(
        tree.join("usr/sbin/dockerd").is_file(),
        "HOLM_TEST_ENGINES asks for dockerd: HOLM_TEST_DOCKER_TREE has to be the root of a Debian with dockerd in it \
         (CONTRIBUTING.md), and is {tree:?}"
    );
    tree
}

/// The runtime that the engines are given.
fn runtime() -> &'static PathBuf {
    static RUNTIME: OnceLock<PathBuf> = OnceLock::new();
    RUNTIME.get_or_init(|| match std::env::var_os("ENGINE_RUNTIME") {
        Some(path) => std::fs::canonicalize(path).expect("ENGINE_RUNTIME is the path of a runtime"),
        None => runtime_binary(),
    })
}

/// Waits for something that an engine does on the side.
#[expect(clippy::disallowed_methods, reason = "an engine tells nobody: it has to be asked again and again")]
fn eventually(what: &str, there: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !there() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// With one blank between words, as tables have more.
fn short(text: &str) -> String {
    text.lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}
