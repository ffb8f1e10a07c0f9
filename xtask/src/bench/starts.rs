//! The rows of starting a container that runs `/bin/true`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Programs;
use super::place::{Place, Stage};
use super::row::{Program, Row};
use crate::Result;

/// How many containers the loop of the floor makes in a turn.
const LOOPS: &str = "5";

/// All rows; each has a root of its own, so that nobody finds what another has made in it.
pub(super) fn rows<'a>(programs: &Programs, place: &'a Place) -> Result<Vec<Row<'a>>> {
    let root = |name: &str| root(place, name);
    let mut rows = floors(programs, place, &root("floor")?);
    rows.extend(holms(programs, place, &root("holm")?));
    rows.extend(peers(programs, place)?);
    Ok(rows)
}

fn floors<'a>(programs: &Programs, place: &'a Place, root: &Path) -> Vec<Row<'a>> {
    let hierarchies =
        place.layout.hierarchies.iter().map(|hierarchy| {
            format!("{}:{}", hierarchy.controllers.join(","), hierarchy.mount_point.display())
        });
    let hierarchies: Vec<String> = hierarchies.collect();
    let floor = |count: &str| {
        let words = [programs.floor.as_os_str(), root.as_os_str(), count.as_ref()];
        let words = words.into_iter().chain(hierarchies.iter().map(AsRef::as_ref));
        Program::new(place, Stage::OwnRun, words)
    };
    vec![
        Row::new(
            "floor (loop)",
            "the same namespaces, cgroup, mounts and exec by bare system calls, in a loop of one process",
            floor(LOOPS).reporting(),
        ),
        Row::new(
            "floor (process)",
            "the same, one in a process of its own, from its start to its end",
            floor("1"),
        ),
    ]
}

fn holms<'a>(programs: &Programs, place: &'a Place, root: &Path) -> Vec<Row<'a>> {
    let holm = |stage: Stage, options: &[&str]| {
        let words = [programs.holm.as_os_str(), "run".as_ref(), "--rootfs".as_ref(), root.as_os_str()];
        let options = options.iter().copied().chain(["--", "/bin/true"]).map(AsRef::as_ref);
        Program::new(place, stage, words.into_iter().chain(options))
    };
    vec![
        Row::new("holm run", "`holm run --rootfs R -- /bin/true`, all namespaces", holm(Stage::OwnRun, &[])),
        Row::new(
            "holm run --no-init",
            "the same, the command itself as PID 1",
            holm(Stage::OwnRun, &["--no-init"]),
        ),
        Row::new(
            "holm run, /run of the host",
            "the same as `holm run`, with the host's /run instead of a fresh tmpfs",
            holm(Stage::HostRun, &[]),
        ),
        Row::new(
            "holm run --runtime runc",
            "Holm's bundle, carried out by runc; no time namespace",
            holm(Stage::OwnRun, &["--runtime", "runc", "--time", "host", "--no-init"]),
        ),
    ]
}

fn peers<'a>(programs: &Programs, place: &'a Place) -> Result<Vec<Row<'a>>> {
    let runc = bundle(programs, place, "runc", &[], &["/bin/true"])?;
    let crun = bundle(programs, place, "crun", &[], &["/bin/true"])?;
    let bundle_words = |program: &str, bundle: &Path| {
        [program, "run", "--bundle", &bundle.to_string_lossy(), "holm-bench"].map(str::to_owned)
    };
    let podman = root(place, "podman")?;
    let bubble = root(place, "bwrap")?;
    Ok(vec![
        Row::new(
            "runc run",
            "the bundle that Holm writes, without the time namespace",
            Program::new(place, Stage::OwnRun, bundle_words("runc", &runc)),
        ),
        Row::new(
            "crun run",
            "the same bundle, on the v1 hierarchies alone",
            Program::new(place, Stage::OneVersion, bundle_words("crun", &crun)),
        ),
        Row::new(
            "podman run --rootfs",
            "the same root, `--network none`, its own storage, on the v1 hierarchies alone",
            Program::new(place, Stage::OneVersion, podman_words(place, &podman)),
        ),
        Row::new(
            "bwrap",
            "the same namespaces without time, /proc, /dev, /sys, queues and shm; no cgroup, nothing masked",
            Program::new(place, Stage::OwnRun, bubble_words(&bubble)),
        ),
    ])
}

/// Podman with nothing of the host's: storage, state, events.
pub(super) fn podman(place: &Place) -> Vec<String> {
    let storage = place.memory().join("podman");
    let storage = storage.to_string_lossy();
    ["podman", "--root", &storage, "--runroot", "/run/podman-bench", "--tmpdir", "/run/podman-bench/tmp"]
        .into_iter()
        .chain(["--cgroup-manager", "cgroupfs", "--events-backend", "none"])
        .map(str::to_owned)
        .collect()
}

fn podman_words(place: &Place, root: &Path) -> Vec<String> {
    // Limits that root without CAP_SYS_RESOURCE can set too.
    let limits = ["--ulimit", "nofile=20000:20000", "--ulimit", "nproc=20000:20000"];
    let run = ["run", "--rm", "--network", "none"].into_iter().chain(limits).chain(["--rootfs"]);
    let root = [root.to_string_lossy().into_owned(), "/bin/true".to_owned()];
    podman(place).into_iter().chain(run.map(str::to_owned)).chain(root).collect()
}

fn bubble_words(root: &Path) -> Vec<String> {
    let root = root.to_string_lossy();
    let words = ["bwrap", "--unshare-all", "--hostname", "bench", "--bind", &root, "/", "--proc", "/proc"];
    let more =
        ["--dev", "/dev", "--tmpfs", "/dev/shm", "--mqueue", "/dev/mqueue", "--ro-bind", "/sys", "/sys"];
    words.into_iter().chain(more).chain(["/bin/true"]).map(str::to_owned).collect()
}

/// A root with `/bin/true`, `/bin/cat` and `/bin/sleep` of this machine and the libraries that they need.
pub(super) fn root(place: &Place, name: &str) -> Result<PathBuf> {
    let root = place.directory().join(format!("root-{name}"));
    for directory in ["bin", "dev", "proc", "sys"] {
        std::fs::create_dir_all(root.join(directory))?;
    }
    for program in ["/bin/true", "/bin/cat", "/bin/sleep"] {
        std::fs::copy(program, root.join(&program[1..]))?;
        let needed = Command::new("ldd").arg(program).output()?;
        for word in
            String::from_utf8_lossy(&needed.stdout).split_whitespace().filter(|word| word.starts_with('/'))
        {
            let copy = root.join(&word[1..]);
            std::fs::create_dir_all(copy.parent().unwrap_or(&root))?;
            std::fs::copy(word, copy)?;
        }
    }
    Ok(root)
}

/// The bundle that Holm writes for another runtime: one that keeps it, and fails.
pub(super) fn bundle(
    programs: &Programs,
    place: &Place,
    name: &str,
    options: &[&str],
    command: &[&str],
) -> Result<PathBuf> {
    let bundle = place.directory().join(format!("bundle-{name}"));
    std::fs::create_dir_all(&bundle)?;
    let keeper = bundle.join("keeper");
    let kept = bundle.join("config.json");
    let script = "#!/bin/sh\nwhile [ \"$1\" != --bundle ]; do shift; done\n";
    std::fs::write(&keeper, format!("{script}cp \"$2/config.json\" {}\nexit 1\n", kept.display()))?;
    std::fs::set_permissions(&keeper, std::fs::Permissions::from_mode(0o755))?;
    place.enter(Stage::OwnRun)?;
    let mut holm = Command::new(&programs.holm);
    holm.args(["run", "--time", "host", "--no-init", "--runtime"]).arg(&keeper);
    holm.arg("--rootfs").arg(root(place, name)?).args(options).arg("--").args(command);
    let output = holm.output()?;
    if kept.exists() {
        return Ok(bundle);
    }
    Err(format!("holm wrote no bundle: {}", String::from_utf8_lossy(&output.stderr)).into())
}
