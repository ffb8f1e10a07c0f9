//! The ground that a test stands on: directories of its own, a user, and as root a mount namespace of its own.
//!
//! Holm keeps root's containers in /run/holm and root's images in /var/lib/holm. Tests run side by side, in threads, so
//! each moves its thread into a mount namespace in which these places are its own; the programs that it starts are
//! born there.

use std::cell::{Cell, OnceCell};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use tempfile::TempDir;

use crate::call::{Call, Caller};
use crate::leftovers::Leftovers;
use crate::{Ability, able, binary, is_root, needs, rootfs, runtime};

/// The ordinary user that root's tests become: `daemon`, whom every Linux has.
pub const UID: u32 = 1;

/// Which user a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Root,
    /// An ordinary user, with a range of ids in /etc/subuid and /etc/subgid.
    WithRanges,
    /// An ordinary user who has no ids but the own ones.
    WithoutRanges,
}

/// See the module. When it goes, nothing may be left of what ran on it.
pub struct Ground {
    directory: TempDir,
    holm: PathBuf,
    mark: String,
    caller: Caller,
    who: Who,
    rootfs: OnceCell<PathBuf>,
    runs: Cell<u32>,
    mounted: Vec<PathBuf>,
    before: Option<Leftovers>,
}

impl Ground {
    /// For root; `None` when the tests are run by an ordinary user.
    pub fn root() -> Option<Self> {
        needs(is_root(), "this needs root").then(|| Self::new(Who::Root))
    }

    /// For an ordinary user with a range of ids.
    pub fn with_ranges() -> Option<Self> {
        let there = binary::find_program("newuidmap").is_some() && (is_root() || has_ranges());
        needs(there, "this needs newuidmap and a range in /etc/subuid").then(|| Self::new(Who::WithRanges))
    }

    /// For an ordinary user without any.
    pub fn without_ranges() -> Option<Self> {
        needs(is_root() || !has_ranges(), "this user has a range of ids")
            .then(|| Self::new(Who::WithoutRanges))
    }

    /// For every kind of user that can be had here, one after the other.
    pub fn each(test: impl Fn(&Self)) {
        if is_root() {
            test(&Self::new(Who::Root));
        }
        test(&Self::ordinary());
    }

    /// For an ordinary user, with ids or without.
    pub fn ordinary() -> Self {
        let ranges = is_root() || has_ranges();
        let programs = binary::find_program("newuidmap").is_some();
        Self::new(if ranges && programs { Who::WithRanges } else { Who::WithoutRanges })
    }

    fn new(who: Who) -> Self {
        let mark = mark();
        let directory = tempfile::Builder::new().prefix(&format!("{mark}-")).tempdir().expect("a directory");
        let path = directory.path().to_owned();
        open_to_all(&path);
        let mut ground = Self {
            holm: binary::holm().to_owned(),
            caller: Caller { uid: None, variables: Vec::new() },
            rootfs: OnceCell::new(),
            runs: Cell::new(0),
            mounted: Vec::new(),
            before: None,
            directory,
            mark,
            who,
        };
        if is_root() {
            ground.isolate();
        }
        ground.settle_caller();
        ground.before = Some(Leftovers::before(&ground));
        ground
    }

    /// The thread's own mount namespace, with a /run of its own, and the binary where every user can reach it.
    fn isolate(&mut self) {
        own_mount_namespace();
        mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), Some(c"mode=0755")).expect("a tmpfs on /run");
        self.mounted.push("/run".into());
        let holm = self.path("holm");
        std::fs::write(&holm, "").expect("a file");
        let built = std::mem::replace(&mut self.holm, holm.clone());
        self.bind(&built, &holm);
        if runtime().is_some_and(|runtime| runtime.ends_with("crun")) {
            // crun takes neither v1 nor v2 when both are there.
            let place = "/sys/fs/cgroup/unified";
            if unmount(place, UnmountFlags::DETACH).is_ok() {
                // Nevertheless it makes directories there, and leaves them.
                mount("tmpfs", place, "tmpfs", MountFlags::empty(), None).expect("a tmpfs on unified");
                self.mounted.push(place.into());
            }
        }
    }

    fn settle_caller(&mut self) {
        for (name, mode) in [("home", 0o755), ("run", 0o700)] {
            let path = self.path(name);
            std::fs::create_dir(&path).expect("a directory");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("its mode");
        }
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        self.caller.variables = vec![("HOME", text(self.path("home")))];
        if self.who == Who::Root {
            return;
        }
        self.caller.variables.push(("XDG_RUNTIME_DIR", text(self.path("run"))));
        if is_root() {
            self.caller.uid = Some(UID);
            self.own(&self.path("home"));
            self.own(&self.path("run"));
            let ranges = if self.who == Who::WithRanges { "daemon:300000:65536\n" } else { "" };
            self.replace("/etc/subuid", ranges);
            self.replace("/etc/subgid", ranges);
        }
    }

    /// Puts a file with this text in the place of one of the host's, in this mount namespace alone.
    pub fn replace(&mut self, place: &str, text: &str) {
        let file = self.path(&place.replace('/', "_"));
        std::fs::write(&file, text).expect("a file");
        if std::fs::read_to_string(place).unwrap_or_default() != text {
            self.bind(&file, Path::new(place));
            self.before = self.before.take().map(|_| Leftovers::before(self));
        }
    }

    /// Gives root's images a place of their own.
    pub fn with_store(mut self) -> Self {
        if self.who == Who::Root {
            let store = self.path("var-lib");
            std::fs::create_dir(&store).expect("a directory");
            self.bind(&store, Path::new("/var/lib"));
            self.before = Some(Leftovers::before(&self));
        }
        self
    }

    /// Where this user's images are unpacked.
    pub fn store(&self) -> PathBuf {
        match self.who {
            Who::Root => self.path("var-lib/holm"),
            Who::WithRanges | Who::WithoutRanges => self.path("home/.local/share/holm"),
        }
    }

    fn bind(&mut self, source: &Path, target: &Path) {
        mount_bind(source, target).unwrap_or_else(|errno| panic!("bind on {}: {errno}", target.display()));
        self.mounted.push(target.to_owned());
    }

    /// Gives a file to the user of this ground.
    pub fn own(&self, path: &Path) {
        if let Some(uid) = self.caller.uid {
            chown(path, Some(uid), Some(uid)).expect("chown");
        }
    }

    /// Whether the user is root.
    pub fn is_root(&self) -> bool {
        self.who == Who::Root
    }

    /// Whether a user's containers have more ids than one.
    pub fn has_many_ids(&self) -> bool {
        self.who != Who::WithoutRanges
    }

    /// Whether its containers can join namespaces of one another: an ordinary user's need the user namespace for it.
    pub fn can_join(&self) -> bool {
        self.is_root() || able(Ability::JoinUserNamespace)
    }

    /// Whether [`Ground::on_host`] can be had.
    pub fn can_run_on_host(&self) -> bool {
        self.is_root() || able(Ability::RootlessLayers)
    }

    /// The uid of the user.
    pub fn uid(&self) -> u32 {
        self.caller.uid.unwrap_or(rustix::process::geteuid().as_raw())
    }

    /// A path in the test's own directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A new directory there, which belongs to the user.
    pub fn new_directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a directory");
        open_to_all(&path);
        self.own(&path);
        path
    }

    /// A file there, which belongs to the user.
    pub fn new_file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        self.own(&path);
        path
    }

    /// The word that is in everything that this test makes.
    pub(crate) fn mark(&self) -> &str {
        &self.mark
    }

    /// A name for a container that no other test has.
    pub fn name(&self, word: &str) -> String {
        format!("{}-{word}", self.mark)
    }

    /// A root directory, with a shell, the usual small programs and the witness.
    pub fn rootfs(&self) -> &Path {
        self.rootfs.get_or_init(|| {
            let path = self.path("rootfs");
            rootfs::make(&path);
            rootfs::own_all(&path, &|path| self.own(path));
            path
        })
    }

    /// Where this user's states are: `containers` and `runtime` are in it.
    pub fn states(&self) -> PathBuf {
        if self.is_root() { PathBuf::from("/run/holm") } else { self.path("run/holm") }
    }

    /// `holm` with these words.
    pub fn holm<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Call {
        Call::new(&self.holm, &self.caller, self.directory.path()).words(words)
    }

    /// `holm-runtime` with these words.
    pub fn holm_runtime<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Call {
        Call::new(&binary::holm_runtime(), &self.caller, self.directory.path()).words(words)
    }

    /// Another program, as this user.
    pub fn other(&self, program: &Path) -> Call {
        Call::new(program, &self.caller, self.directory.path())
    }

    /// `holm run` with these words; a name is among them or added.
    pub fn run<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Call {
        let words: Vec<&str> = words.into_iter().collect();
        let mut call = self.holm(["run"]);
        if let Some(runtime) = runtime() {
            call = call.words(["--runtime", &runtime]);
        }
        if !words.contains(&"--name") {
            self.runs.set(self.runs.get() + 1);
            call = call.words(["--name", &self.name(&format!("run{}", self.runs.get()))]);
        }
        call.words(words)
    }

    /// A script in the root directory.
    pub fn sh(&self, options: &[&str], script: &str) -> Call {
        let rootfs = self.rootfs().to_str().unwrap();
        let words = ["--rootfs", rootfs].into_iter().chain(options.iter().copied());
        self.run(words).words(["--", "/bin/sh", "-c", script])
    }

    /// The witness in the root directory.
    pub fn witness(&self, options: &[&str], words: &[&str]) -> Call {
        let rootfs = self.rootfs().to_str().unwrap();
        let options = ["--rootfs", rootfs].into_iter().chain(options.iter().copied());
        self.run(options).words(["--", "/bin/witness"]).words(words)
    }

    /// A script on this machine's own root, copied on write.
    pub fn on_host(&self, options: &[&str], script: &str) -> Call {
        self.run(options.iter().copied()).words(["--", "sh", "-c", script])
    }

    /// What `holm ps` says, as JSON.
    pub fn ps(&self) -> Vec<serde_json::Value> {
        let text = self.holm(["ps", "--format", "json"]).finish().ok();
        serde_json::from_str(&text).expect("ps writes JSON")
    }

    /// The first process of a container.
    pub fn pid_of(&self, name: &str) -> i32 {
        let containers = self.ps();
        let found = containers.iter().find(|container| container["name"] == name);
        let pid = found.and_then(|container| container["pid"].as_i64());
        pid.unwrap_or_else(|| panic!("{name} is not in {containers:?}")).try_into().unwrap()
    }

    /// A process of a container whose namespaces its user may look at: Holm's init is closed to others, its command not.
    pub fn member_of(&self, name: &str) -> i32 {
        let pid = self.pid_of(name);
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().next().map_or(pid, |child| child.parse().unwrap())
    }

    /// That nothing is there that was not there before the test; with waiting for what is just ending.
    pub fn assert_clean(&self) {
        if let Some(before) = &self.before {
            before.assert_same(self);
        }
    }

    /// Takes the mounts of this moment for those that may be there at the end.
    pub fn accept_mounts(&mut self) {
        self.before = Some(Leftovers::before(self));
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_clean();
        }
        for place in self.mounted.iter().rev() {
            let _ = unmount(place, UnmountFlags::DETACH);
        }
    }
}

/// A word that is the beginning of no other ground's.
fn mark() -> String {
    static GROUNDS: AtomicU32 = AtomicU32::new(0);
    format!("h{}g{:04}", std::process::id(), GROUNDS.fetch_add(1, Ordering::Relaxed))
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("the mode of a directory");
}

/// Moves the calling thread into a mount namespace of its own, from which nothing goes back to the host's.
fn own_mount_namespace() {
    #[expect(deprecated, reason = "what could be unsafe is the unsharing of descriptors, which is not done")]
    rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNS).expect("root may have mount namespaces");
    let private = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", private).expect("the propagation of mounts can be changed");
}

fn has_ranges() -> bool {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid));
    let name = name.and_then(|line| line.split(':').next()).unwrap_or(&uid).to_owned();
    let text = std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    text.lines().any(|line| line.split(':').next().is_some_and(|owner| owner == name || owner == uid))
}
