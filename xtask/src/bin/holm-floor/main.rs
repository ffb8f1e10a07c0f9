//! The floor: what the kernel takes for the namespaces, the cgroup, the mounts and the exec that `holm run` makes, by
//! bare system calls with nothing around. No configuration, no plan, no state, no init, no privileges are changed; the
//! list is that of `holm run --dry-run`.
//!
//! `holm-floor ROOT COUNT HIERARCHY...` makes COUNT containers of `/bin/true` in ROOT, one after the other, and prints
//! the nanoseconds of each. A HIERARCHY is `CONTROLLERS:MOUNTPOINT`, without controllers for v2.
#![forbid(unsafe_code)]

mod furnish;

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use holm_sys::{CloneFlags, CloneRequest, Forked, clone3, exit_now};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::process::{WaitId, WaitIdOptions, waitid};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// One hierarchy of cgroups.
struct Hierarchy {
    /// As mount(2) has them; none for v2.
    controllers: String,
    mount_point: PathBuf,
    directory: OwnedFd,
    /// `cpuset.cpus` and `cpuset.mems` of the group above, which a new group of v1 does not take over by itself.
    cpuset: Vec<(&'static str, Vec<u8>)>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "holm-floor ROOT COUNT HIERARCHY...";
    let root = PathBuf::from(arguments.next().ok_or(usage)?);
    let count: u32 = arguments.next().ok_or(usage)?.parse()?;
    let hierarchies = arguments.map(|word| hierarchy(&word)).collect::<Result<Vec<_>>>()?;
    let name = format!("holm-floor-{}", std::process::id());
    for _ in 0..count {
        let begin = Instant::now();
        container(&root, &name, &hierarchies)?;
        println!("{}", begin.elapsed().as_nanos());
    }
    Ok(())
}

fn hierarchy(word: &str) -> Result<Hierarchy> {
    let (controllers, mount_point) = word.split_once(':').ok_or("a hierarchy is CONTROLLERS:MOUNTPOINT")?;
    let directory = openat(CWD, mount_point, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let mut cpuset = Vec::new();
    if controllers.split(',').any(|name| name == "cpuset") {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            cpuset.push((file, std::fs::read(format!("{mount_point}/{file}"))?));
        }
    }
    Ok(Hierarchy { controllers: controllers.to_owned(), mount_point: mount_point.into(), directory, cpuset })
}

/// Makes a container, waits for its end and removes its cgroups.
fn container(root: &std::path::Path, name: &str, hierarchies: &[Hierarchy]) -> Result<()> {
    let made = hierarchies.iter().try_for_each(|hierarchy| make_group(hierarchy, name));
    let status = made.and_then(|()| process(root, name, hierarchies));
    for hierarchy in hierarchies {
        unlinkat(&hierarchy.directory, name, AtFlags::REMOVEDIR)?;
    }
    match status? {
        Some(0) => Ok(()),
        status => Err(format!("/bin/true ended with {status:?}").into()),
    }
}

fn make_group(hierarchy: &Hierarchy, name: &str) -> Result<()> {
    mkdirat(&hierarchy.directory, name, Mode::from_raw_mode(0o755))?;
    for (file, value) in &hierarchy.cpuset {
        let path = format!("{name}/{file}");
        let file = openat(&hierarchy.directory, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
        rustix::io::write(file, value)?;
    }
    Ok(())
}

fn process(root: &std::path::Path, name: &str, hierarchies: &[Hierarchy]) -> Result<Option<i32>> {
    let mut tasks = Vec::with_capacity(hierarchies.len());
    let mut born_in = None;
    for hierarchy in hierarchies {
        if hierarchy.controllers.is_empty() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            born_in = Some(openat(&hierarchy.directory, name, flags, Mode::empty())?);
        } else {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            tasks.push(openat(&hierarchy.directory, format!("{name}/tasks"), flags, Mode::empty())?);
        }
    }
    let flags = CloneFlags::NEWNS
        | CloneFlags::NEWUTS
        | CloneFlags::NEWIPC
        | CloneFlags::NEWPID
        | CloneFlags::NEWNET
        | CloneFlags::NEWTIME;
    match clone3(&CloneRequest { flags, cgroup: born_in.as_ref().map(AsFd::as_fd) })? {
        Forked::Parent { pidfd, .. } => {
            let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
            Ok(status.and_then(|status| status.exit_status()))
        }
        Forked::Child => {
            let Err(error) = furnish::and_execute(root, &tasks, hierarchies);
            eprintln!("error: {error}");
            exit_now(125)
        }
    }
}
