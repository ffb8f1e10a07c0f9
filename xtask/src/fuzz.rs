//! `cargo xtask fuzz`: what reads the texts of others, fed with bytes that nobody meant.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::Result;

/// What cargo-fuzz gives to the compiler, but for the sanitizers, which need a nightly one: the crates have no `unsafe` that
/// they could watch.
const FLAGS: [&str; 7] = [
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

#[derive(Args)]
pub(crate) struct Options {
    /// Which of fuzz/targets; without it, each of them
    target: Option<String>,
    /// How long for each
    #[arg(long, default_value_t = 60, value_name = "NUMBER")]
    seconds: u32,
    /// Inputs that are run once instead, as those of fuzz/artifacts
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Vec<PathBuf>,
}

/// Builds the targets and runs them, one after the other; the first that fails is the last.
pub(crate) fn run(options: &Options) -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz");
    let all = targets(&directory)?;
    let wanted = match &options.target {
        Some(target) if all.contains(target) => vec![target.clone()],
        Some(target) => return Err(format!("there is no target {target:?}, but {}", all.join(", ")).into()),
        None => all,
    };
    wanted.iter().try_for_each(|target| run_one(&directory, target, options))
}

fn targets(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in directory.join("targets").read_dir()? {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn run_one(directory: &Path, target: &str, options: &Options) -> Result<()> {
    let below = |name: &str| directory.join(name).join(target);
    let (corpus, artifacts, seeds) = (below("corpus"), below("artifacts"), below("seeds"));
    for made in [&corpus, &artifacts] {
        std::fs::create_dir_all(made)?;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--release", "--bin", target, "--manifest-path"]);
    cargo.arg(directory.join("Cargo.toml")).env("RUSTFLAGS", FLAGS.join(" "));
    cargo.args(["--", "-timeout=20", "-rss_limit_mb=2048", "-use_value_profile=1", "-print_final_stats=1"]);
    cargo.arg(format!("-artifact_prefix={}/", artifacts.display()));
    if options.input.is_empty() {
        println!("--- {target}, for {} s", options.seconds);
        cargo.arg(format!("-max_total_time={}", options.seconds)).arg(&corpus);
        cargo.args(Some(seeds).filter(|seeds| seeds.is_dir()));
    } else {
        cargo.args(&options.input);
    }
    let status = cargo.status()?;
    let failed = || format!("{target} has found something: see {}", artifacts.display());
    if status.success() { Ok(()) } else { Err(failed().into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_and_every_seed_is_of_one() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("fuzz");
        let manifest = std::fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        let targets = targets(&directory).unwrap();
        assert!(targets.len() > 10, "{targets:?}");
        for target in &targets {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
        }
        for seeds in directory.join("seeds").read_dir().unwrap() {
            let name = seeds.unwrap().file_name().into_string().unwrap();
            assert!(targets.contains(&name), "{name}");
        }
    }
}
