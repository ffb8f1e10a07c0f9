//! The chores of this workspace, as `cargo xtask CHORE`.
#![forbid(unsafe_code)]

mod bench;
mod documents;
mod fuzz;
mod swarm;
mod vm;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a chore answers: an error is printed, and that is all that becomes of it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure how fast and how small Holm is, beside its floor and its peers (as root)
    Bench(bench::Options),
    /// Run a service on three dockerds in a swarm, with holm-runtime under them, and take one away (as root)
    Swarm(swarm::Options),
    /// Run a command, or the tests that need it, in a whole machine under qemu, with systemd and cgroup v2
    Vm(vm::Options),
    /// Feed what reads the texts of others with bytes that nobody meant, and see that it takes them or refuses them
    Fuzz(fuzz::Options),
    /// Write the man pages of every command
    Man {
        /// Where to
        #[arg(default_value = "target/man")]
        directory: PathBuf,
    },
    /// Write the completions for every shell
    Completions {
        /// Where to
        #[arg(default_value = "target/completions")]
        directory: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = |()| ExitCode::SUCCESS;
    let result = match Cli::parse().chore {
        Chore::Bench(options) => bench::run(&options).map(done),
        Chore::Swarm(options) => swarm::run(&options).map(done),
        Chore::Vm(options) => vm::run(options),
        Chore::Fuzz(options) => fuzz::run(&options).map(done),
        Chore::Man { directory } => documents::man(&directory).map(done),
        Chore::Completions { directory } => documents::completions(&directory).map(done),
    };
    match result {
        Ok(status) => status,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
