//! The rows of unpacking an image that debootstrap made.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Programs;
use super::place::{Place, Stage};
use super::row::{Program, Row};
use super::starts::podman;
use crate::Result;

/// All rows; the image is made first when there is none.
pub(super) fn rows<'a>(programs: &Programs, place: &'a Place, image: Option<&str>) -> Result<Vec<Row<'a>>> {
    let image = image.map_or_else(|| make(place), |image| Ok(image.to_owned()))?;
    let reference = format!("oci:{image}");
    let unpacked = place.memory().join("umoci");
    std::fs::create_dir_all(&unpacked)?;
    let holm = |options: &[&str]| {
        let words = [programs.holm.to_string_lossy().into_owned(), "run".to_owned()];
        let options = options.iter().map(|option| (*option).to_owned());
        let target = [reference.clone(), "/bin/true".to_owned()];
        Program::new(place, Stage::OwnRun, words.into_iter().chain(options).chain(target))
    };
    let bundle = unpacked.join("bundle");
    let umoci = ["umoci".as_ref(), "unpack".as_ref(), "--image".as_ref(), image.as_ref(), bundle.as_os_str()];
    let mut rows = vec![
        Row::new(
            "holm run, nothing unpacked",
            "`holm run oci:LAYOUT:TAG /bin/true` with an empty store",
            holm(&[]).removing(&place.store()),
        ),
        Row::new(
            "holm run --dry-run, nothing unpacked",
            "the unpacking alone: a dry run makes no container",
            holm(&["--dry-run"]).removing(&place.store()),
        ),
        Row::new(
            "umoci unpack",
            "`umoci unpack` of the same",
            Program::new(place, Stage::OwnRun, umoci).removing(&unpacked),
        ),
    ];
    rows.extend(load(place, &reference));
    // The last, as it needs what the others remove.
    let once_more = [programs.holm.as_os_str(), "run".as_ref(), reference.as_ref(), "/bin/true".as_ref()];
    rows.push(Row::new(
        "holm run, unpacked before",
        "the same run with its layers in the store",
        holm(&[]).after(once_more),
    ));
    Ok(rows)
}

/// Podman takes images in this form best.
fn load<'a>(place: &'a Place, reference: &str) -> Option<Row<'a>> {
    let archive = place.directory().join("image.tar");
    let target = format!("docker-archive:{}:holm-bench:1", archive.display());
    run(Command::new("skopeo").args(["copy", "--quiet", reference, &target])).ok()?;
    let words = |more: &[&str]| {
        podman(place).into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect::<Vec<_>>()
    };
    let load = words(&["load", "--quiet", "--input", &archive.to_string_lossy()]);
    let remove = words(&["rmi", "--all", "--force"]);
    let program = Program::new(place, Stage::OneVersion, load).after(remove);
    Some(Row::new("podman load", "`podman load` of the same as a docker-archive, not compressed", program))
}

/// A minimal Debian of this machine's release, as one layer in gzip.
fn make(place: &Place) -> Result<String> {
    let release = std::fs::read_to_string("/etc/os-release")?;
    let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or("stable");
    let tar = place.directory().join("debian.tar");
    let layout = place.directory().join("layout");
    let image = format!("{}:debian", layout.display());
    run(Command::new("mmdebstrap").args(["--quiet", "--variant=minbase", suite]).arg(&tar))?;
    run(Command::new("umoci").arg("init").arg("--layout").arg(&layout))?;
    run(Command::new("umoci").args(["new", "--image", &image]))?;
    run(Command::new("umoci").args(["raw", "add-layer", "--image", &image]).arg(&tar))?;
    std::fs::remove_file(tar)?;
    eprintln!("an image of {} MiB", size_of(&layout)? >> 20);
    Ok(image)
}

fn size_of(directory: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        size += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(size)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}
