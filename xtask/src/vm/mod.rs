//! `cargo xtask vm`: a command in a whole machine, with systemd and cgroup v2, for what the machine at hand cannot do.
//!
//! A Debian is made and started once, and kept as files ([`image`]): its disk, and its memory at the moment when all
//! has started. Each command gets a machine of its own that goes on from there ([`machine`]), which takes seconds, and
//! is forgotten with it. What the command needs comes in on a second disk ([`share`]).

mod image;
mod machine;
mod needs;
mod qmp;
mod share;
mod streams;
mod tests;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::Result;
use image::Image;
use share::{Share, Who};

/// Which machine, and what is done in it.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    chore: Option<Chore>,
    /// A file or directory to bring in: it is in /share/files there (more than once for more)
    #[arg(long, value_name = "PATH")]
    share: Vec<PathBuf>,
    /// As an ordinary user, whose systemd runs without a login
    #[arg(long)]
    user: bool,
    /// How long the command may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    seconds: u64,
    /// The command, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Args)]
struct Place {
    /// Where machines are kept [default: $HOLM_VM_DIRECTORY, $XDG_CACHE_HOME/holm/vm or ~/.cache/holm/vm]
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
    /// Make the machine anew
    #[arg(long)]
    fresh: bool,
}

#[derive(Subcommand)]
enum Chore {
    /// Run the tests that only such a machine can run
    Test {
        #[command(flatten)]
        place: Place,
        /// Only the tests with this in their names
        filter: Option<String>,
        /// How long all of them may take
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        seconds: u64,
    },
}

/// The exit status of what ran in the machine.
pub(crate) fn run(options: Options) -> Result<ExitCode> {
    needs::to_run()?;
    match options.chore {
        Some(Chore::Test { place, filter, seconds }) => {
            let share = tests::share(filter.as_deref())?;
            machine::run(&image(place)?, &share, Duration::from_secs(seconds))
        }
        None if options.command.is_empty() => {
            image(options.place)?;
            eprintln!("the machine is there; a command in it: cargo xtask vm -- COMMAND");
            Ok(ExitCode::SUCCESS)
        }
        None => {
            let who = if options.user { Who::User } else { Who::Root };
            let share = Share::with_command(who, &options.command, &options.share)?;
            machine::run(&image(options.place)?, &share, Duration::from_secs(options.seconds))
        }
    }
}

fn image(place: Place) -> Result<Image> {
    let directory = place.directory.map_or_else(usual_directory, Ok)?;
    Image::get(&directory, place.fresh)
}

fn usual_directory() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("HOLM_VM_DIRECTORY")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("holm/vm")))
        .or_else(|| Some(set("HOME")?.join(".cache/holm/vm")))
        .ok_or_else(|| {
            "neither XDG_CACHE_HOME nor HOME is set: say with --directory where machines are kept".into()
        })
}
