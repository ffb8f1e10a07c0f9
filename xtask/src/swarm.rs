//! `cargo xtask swarm`: three dockerds in a swarm, with `holm-runtime` under them, and the loss of one.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::Result;

/// As CONTRIBUTING.md has it.
const RELEASE: &str = "trixie";
const PACKAGES: &str = "containerd,docker-cli,docker.io,iproute2,iptables,procps,runc";

/// Where dockerd is taken from.
#[derive(Args)]
pub(crate) struct Options {
    /// The root of a Debian with dockerd in it [default: one that is made with mmdebstrap, and removed]
    #[arg(long, value_name = "DIRECTORY")]
    tree: Option<PathBuf>,
}

/// Runs the test that shows it, with all that it says.
pub(crate) fn run(options: &Options) -> Result<()> {
    let made = tempfile::tempdir()?;
    let tree = match &options.tree {
        Some(tree) => std::fs::canonicalize(tree)?,
        None => make(made.path())?,
    };
    let mut tests = Command::new(env!("CARGO"));
    tests.args([
        "test",
        "--quiet",
        "--package",
        "holm-tests",
        "--test",
        "engines",
        "swarm",
        "--",
        "--nocapture",
    ]);
    succeed(tests.env("HOLM_TEST_ENGINES", "swarm").env("HOLM_TEST_DOCKER_TREE", tree))
}

fn make(directory: &Path) -> Result<PathBuf> {
    println!("--- a Debian with dockerd in it");
    let tree = directory.join("tree");
    let include = format!("--include={PACKAGES}");
    succeed(Command::new("mmdebstrap").args(["--quiet", "--variant=minbase", &include, RELEASE]).arg(&tree))?;
    Ok(tree)
}

fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let status = command.status().map_err(|error| format!("{}: {error}", program.display()))?;
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", program.display()).into()) }
}
