//! `cargo xtask bench`: how long a container takes, beside the floor of the kernel and beside Holm's peers; how much
//! memory it takes; how long an image takes. All rows take turns, so that what disturbs the machine disturbs each of
//! them; medians are shown, with the tenth and the ninetieth of a hundred.

mod crowd;
mod image;
mod machine;
mod memory;
mod place;
mod row;
mod runtime;
mod starts;
mod table;

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::Result;
use place::Place;

/// What is measured, and how often.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each container is started
    #[arg(long, default_value_t = 100)]
    samples: usize,
    /// How often the image is unpacked
    #[arg(long, default_value_t = 9)]
    unpack_samples: usize,
    /// Only the rows with this in their names; `memory`, `unpack` and `crowd` are those tables (more than once for more)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The holm to measure; otherwise it is built for release
    #[arg(long, value_name = "PROGRAM")]
    holm: Option<PathBuf>,
    /// The holm-runtime to measure; otherwise it is built for release
    #[arg(long, value_name = "PROGRAM")]
    runtime: Option<PathBuf>,
    /// An OCI image layout with the image to unpack, as DIRECTORY:TAG; otherwise debootstrap makes one
    #[arg(long, value_name = "LAYOUT")]
    image: Option<String>,
}

/// The programs that are measured, built for release.
struct Programs {
    holm: PathBuf,
    runtime: PathBuf,
    floor: PathBuf,
    peak: PathBuf,
}

/// Measures, and prints tables in Markdown.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err("the rows to compare with need root: run it as root".into());
    }
    let programs = build(options)?;
    // Containers that nobody waits for come here, and not to a PID 1 that may be slow.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let place = Place::make()?;
    println!("{}\n", machine::in_words(&place)?);
    let wanted = |name: &str| options.only.is_empty() || options.only.iter().any(|only| name.contains(only));
    let mut rows = starts::rows(&programs, &place)?;
    rows.retain(|row| wanted(&row.name));
    if !rows.is_empty() {
        row::take_turns(&mut rows, options.samples)?;
        println!("{}", table::of_times("Starting a container", &rows, Some("floor (loop)")));
        println!("{}", table::criteria(&rows));
    }
    let (mut rows, kept) = runtime::rows(&programs, &place)?;
    rows.retain(|row| wanted(&row.name));
    if !rows.is_empty() {
        row::take_turns(&mut rows, options.samples)?;
        println!("{}", table::of_times("An OCI runtime", &rows, None));
        println!("{}", runtime::criteria(&rows));
    }
    drop(kept);
    if wanted("memory") {
        println!("{}", memory::table(&programs, &place)?);
        println!("{}", runtime::memory(&programs, &place)?);
    }
    // It takes minutes: only who asks for it gets it.
    if options.only.iter().any(|only| "crowd".contains(only)) {
        println!("{}", crowd::report(&programs, &place)?);
    }
    if wanted("unpack") {
        let mut rows = image::rows(&programs, &place, options.image.as_deref())?;
        row::take_turns(&mut rows, options.unpack_samples)?;
        println!("{}", table::of_times("Unpacking an image", &rows, None));
    }
    Ok(())
}

/// One build for all, with the flags of this workspace.
fn build(options: &Options) -> Result<Programs> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package", "xtask", "--bin", "holm-floor", "--bin", "holm-peak"]);
    if options.holm.is_none() {
        command.args(["--package", "holm", "--bin", "holm"]);
    }
    if options.runtime.is_none() {
        command.args(["--package", "holm-oci", "--bin", "holm-runtime"]);
    }
    if !command.status()?.success() {
        return Err("the programs to measure cannot be built".into());
    }
    // This program lies in TARGET/debug or TARGET/release, whatever the target is called.
    let own = std::env::current_exe()?;
    let target = own.parent().and_then(std::path::Path::parent).ok_or("this program lies nowhere")?;
    let release = target.join("release");
    let holm = options.holm.clone().map_or_else(|| Ok(release.join("holm")), std::fs::canonicalize)?;
    let runtime =
        options.runtime.clone().map_or_else(|| Ok(release.join("holm-runtime")), std::fs::canonicalize)?;
    Ok(Programs { holm, runtime, floor: release.join("holm-floor"), peak: release.join("holm-peak") })
}
