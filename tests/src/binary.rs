//! The programs under test, and those that help.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where programs are looked for, by the tests and by what they run.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The binary under test: `HOLM`, or the one of this workspace, built once.
pub(crate) fn holm() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match std::env::var_os("HOLM") {
        Some(path) => std::fs::canonicalize(path).expect("HOLM is the path of a binary"),
        None => built(),
    })
}

/// In the profile, and the target directory, of this very test.
fn built() -> PathBuf {
    let directory = target_directory();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--package", "holm", "--package", "holm-oci", "--bins"]);
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    if directory.file_name().is_some_and(|profile| profile == "release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().expect("cargo runs").success(), "holm is built");
    let binary = directory.join("holm");
    assert!(binary.is_file(), "{} is there", binary.display());
    binary
}

/// The OCI runtime of its own, which is beside `holm`.
pub(crate) fn holm_runtime() -> PathBuf {
    let binary = holm().with_file_name("holm-runtime");
    assert!(binary.is_file(), "{} is there", binary.display());
    binary
}

/// The program that looks from inside; cargo builds it before the tests.
pub(crate) fn witness() -> PathBuf {
    target_directory().join("witness")
}

/// TARGET/TRIPLE/PROFILE, from TARGET/TRIPLE/PROFILE/deps/TEST.
fn target_directory() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    own.parent().and_then(Path::parent).expect("it is in the target directory").to_owned()
}

pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    PATH.split(':').map(|directory| Path::new(directory).join(name)).find(|path| path.is_file())
}
