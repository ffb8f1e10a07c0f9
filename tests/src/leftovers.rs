//! What a test could leave behind, before and after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::{Ground, busy_wait};

/// Everything that there is of one ground.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leftovers {
    /// The mounts of the test's mount namespace, and of the host those that are of this ground.
    mounts: BTreeSet<String>,
    /// Cgroups whose names have its mark.
    cgroups: BTreeSet<PathBuf>,
    /// Processes that see something of it: by their mounts or their command lines.
    processes: BTreeSet<String>,
    /// What its user's run directory has of containers.
    states: BTreeSet<PathBuf>,
    /// Layers that are half unpacked.
    unpacking: BTreeSet<PathBuf>,
    /// The type, mode and number of /dev/null, which everybody needs.
    null: (u32, u64),
}

impl Leftovers {
    /// What a test begins with: nothing has its mark yet but mounts.
    pub(crate) fn before(ground: &Ground) -> Self {
        let nothing = BTreeSet::new;
        Self {
            mounts: mounts(ground),
            cgroups: nothing(),
            processes: BTreeSet::new(),
            states: nothing(),
            unpacking: nothing(),
            null: null(),
        }
    }

    fn now(ground: &Ground) -> Self {
        Self {
            mounts: mounts(ground),
            cgroups: cgroups(ground.mark()),
            processes: processes(ground.mark()),
            states: states(&ground.states()),
            unpacking: files_of(&ground.store().join("tmp")),
            null: null(),
        }
    }

    /// Processes that were killed may take a moment to be gone, and nobody but their parent is told.
    pub(crate) fn assert_same(&self, ground: &Ground) {
        if busy_wait(|| (Self::now(ground) == *self).then_some(())).is_none() {
            let (now, before) = (Self::now(ground).all(), self.all());
            let (left, gone) = (now.difference(&before), before.difference(&now));
            panic!("left behind: {:#?}, gone: {:#?}", left.collect::<Vec<_>>(), gone.collect::<Vec<_>>());
        }
    }

    /// As lines.
    fn all(&self) -> BTreeSet<String> {
        let paths = [("cgroup", &self.cgroups), ("state", &self.states), ("layer", &self.unpacking)];
        let paths =
            paths.iter().flat_map(|(kind, set)| set.iter().map(move |path| format!("{kind} {path:?}")));
        let mounts = self.mounts.iter().map(|mount| format!("mount {mount}"));
        let processes = self.processes.iter().map(|pid| {
            let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            format!("process {pid} {command:?}")
        });
        let null = std::iter::once(format!("/dev/null {:?}", self.null));
        paths.chain(mounts).chain(processes).chain(null).collect()
    }
}

/// In a namespace of the test's own everything counts, on the host what is of the ground: others work there too.
fn mounts(ground: &Ground) -> BTreeSet<String> {
    let read = |path: &str| fs::read_to_string(path).expect("the mounts can be read");
    let own = |line: &&str| crate::is_root() || line.contains(ground.mark());
    // Without the ids, which are given anew when something is mounted again.
    let place = |line: &str| line.split(' ').skip(2).collect::<Vec<_>>().join(" ");
    let here = read("/proc/thread-self/mountinfo");
    let host = read("/proc/self/mountinfo");
    let of_host = host.lines().filter(|line| line.contains(ground.mark()) && !crate::is_root());
    here.lines().filter(own).chain(of_host).map(place).collect()
}

fn cgroups(mark: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = open.pop() {
        for child in fs::read_dir(directory).into_iter().flatten().flatten() {
            if !child.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let marked = child.file_name().to_str().is_some_and(|name| name.contains(mark));
            // What v2 or v1 has in each, and a directory that crun made where it took a tmpfs for cgroups has not.
            let real = ["cgroup.events", "tasks"].iter().any(|file| child.path().join(file).exists());
            if marked && real {
                found.insert(child.path());
            }
            open.push(child.path());
        }
    }
    found
}

fn processes(mark: &str) -> BTreeSet<String> {
    let own = std::process::id().to_string();
    let host = fs::read_link("/proc/self/ns/mnt").ok();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let marked = |pid: &String, file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(mark)
    };
    // Mounts are many: they are read only of who has others than the host.
    let inside = |pid: &String| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok() != host;
    pids.filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != own)
        .filter(|pid| marked(pid, "cmdline") || inside(pid) && marked(pid, "mountinfo"))
        .collect()
}

fn null() -> (u32, u64) {
    let null = fs::metadata("/dev/null").expect("there is a /dev/null");
    (null.mode(), null.rdev())
}

fn states(root: &Path) -> BTreeSet<PathBuf> {
    let mut found = files_of(&root.join("containers"));
    found.remove(&root.join("containers/.lock"));
    found.extend(files_of(&root.join("runtime")));
    found
}

fn files_of(directory: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// All files below a directory: what they are, how big, and when they were changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, (u32, u64, i64)>);

impl Tree {
    /// Looks at them.
    pub fn of(directory: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![directory.to_owned()];
        while let Some(path) = open.pop() {
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if metadata.is_dir() {
                open.extend(files_of(&path));
            }
            let changed = metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec();
            files.insert(path, (metadata.mode(), metadata.len(), changed));
        }
        Self(files)
    }

    /// The paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}
