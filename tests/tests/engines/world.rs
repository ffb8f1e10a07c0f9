//! The world of one engine: its own processes, mounts, network, cgroups and /run, of which nothing outlives the test.
//!
//! It is made by `world.sh`, which stays outside of it and holds the other end of a pipe. However the test ends, also by
//! a signal, that end closes, and everything that ran in the world is killed with its PID namespace.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use holm_tests::{Call, Image, UID};

const SCRIPT: &str = include_str!("world.sh");

/// The name of the image in `image.tar`: the small root of the other tests.
pub(crate) const IMAGE: &str = "localhost/ground:latest";

/// Where the test's directory is in the world: short, as the paths of sockets have to be.
const INSIDE: &str = "/mnt";

/// See the module.
pub(crate) struct World {
    keeper: Child,
    /// The first process of its PID namespace, as the host sees it.
    init: i32,
    directory: PathBuf,
    mark: String,
}

impl World {
    /// On this machine's own root.
    pub(crate) fn new(prepare: &dyn Fn(&Path)) -> Self {
        Self::on(Path::new("/"), prepare)
    }

    /// On the root of another Debian. `prepare` fills the test's directory before the world begins: files in its `etc`
    /// and `dev` take the place of those of the same name.
    pub(crate) fn on(tree: &Path, prepare: &dyn Fn(&Path)) -> Self {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let mark = format!("holm-w{}g{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        // The keeper removes it, as it may have to do so without this process.
        let directory = tempfile::Builder::new().prefix(&mark).tempdir().expect("a directory").keep();
        fill(&directory);
        prepare(&directory);
        let mut keeper = Command::new("sh")
            .args(
                ["world.sh", "keep", "world.sh"]
                    .map(|word| word.replace("world.sh", &text(&directory.join("world.sh")))),
            )
            .args([&*text(&directory), &mark, &text(tree), hierarchies()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh can be run");
        let mut said = String::new();
        let out = keeper.stdout.take().expect("its output is a pipe");
        BufReader::new(out).read_line(&mut said).expect("it can be read");
        assert_eq!(said, "ready\n", "no world could be made on this machine; what world.sh said is above");
        let init = only_child(only_child(keeper.id().try_into().unwrap()));
        Self { keeper, init, directory, mark }
    }

    /// A command in it, as root.
    pub(crate) fn call(&self, words: &[&str]) -> Call {
        // Into the cgroups first, while they can be seen.
        let join = format!(
            "for file in $(findmnt -nro TARGET -t cgroup,cgroup2); do \
             for own in \"$file/{0}/world\" \"$file/{0}\"; do \
             if [ -d \"$own\" ]; then echo 0 >\"$own/cgroup.procs\"; break; fi; done; done; exec \"$@\"",
            self.mark
        );
        let init = self.init.to_string();
        let enter = ["--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--wd=/mnt", "--"];
        Call::of(Path::new("/bin/sh"), &self.directory)
            .words(["-c", &join, "sh", "nsenter", "--target", &init])
            .words(enter)
            .words(words)
            .env("HOME", "/mnt/home")
            .env("TMPDIR", "/mnt/tmp")
    }

    /// A command in it, as an ordinary user without any capability.
    pub(crate) fn call_as_user(&self, words: &[&str]) -> Call {
        let uid = UID.to_string();
        let become_user = ["setpriv", "--reuid", &uid, "--regid", &uid, "--clear-groups", "--inh-caps=-all"];
        self.call(&[&become_user, words].concat()).env("XDG_RUNTIME_DIR", "/mnt/user")
    }

    /// A command on the host, of this machine's own programs.
    pub(crate) fn outside(&self, words: &[&str]) -> Call {
        Call::of(Path::new("/usr/bin/env"), &self.directory).words(words)
    }

    /// Its first process, as the host sees it.
    pub(crate) fn init(&self) -> String {
        self.init.to_string()
    }

    /// A file of the test's directory, as the host sees it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The directories of cgroups whose names have `word` in them, in whatever hierarchy.
    pub(crate) fn cgroups(&self, word: &str) -> Vec<PathBuf> {
        let script = format!(
            "find $(findmnt -nro TARGET -t cgroup,cgroup2) -mindepth 1 -type d -name '*{word}*' | sort -u"
        );
        let found = self.call(&["sh", "-c", &script]).finish().ok();
        found.lines().map(PathBuf::from).collect()
    }

    /// What is mounted in the world on a path that has `word` in it.
    pub(crate) fn mounts(&self, word: &str) -> Vec<String> {
        let all = self.call(&["cat", "/proc/1/mountinfo"]).finish().ok();
        all.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let processes = self.call(&["ps", "-eo", "pid,ppid,stat,args"]).finish();
            eprintln!("in the world of the test that failed:\n{}", processes.out);
        }
        drop(self.keeper.stdin.take());
        let status = self.keeper.wait().expect("it is a child");
        assert!(std::thread::panicking() || status.success(), "the world could not be removed: {status}");
    }
}

/// What every world needs: the script, a first process that reaps orphans, the runtime, places for files.
fn fill(directory: &Path) {
    let open =
        |path: &Path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("its mode");
    open(directory);
    std::fs::write(directory.join("world.sh"), SCRIPT).expect("a file");
    for name in ["etc", "dev", "home", "tmp", "user"] {
        std::fs::create_dir(directory.join(name)).expect("a directory");
    }
    for name in ["home", "user"] {
        chown(directory.join(name), Some(UID), Some(UID)).expect("its owner");
    }
    std::fs::set_permissions(directory.join("tmp"), PermissionsExt::from_mode(0o1777)).expect("its mode");
    // Of loopback: nobody is asked.
    std::fs::write(directory.join("etc/resolv.conf"), "nameserver 127.0.0.1\n").expect("a file");
    holm_tests::make_rootfs(&directory.join("rootfs"));
    Image::of(&directory.join("rootfs")).docker_archive(&directory.join("image.tar"), IMAGE);
    let init = holm_tests::program("catatonit").expect("catatonit is there");
    std::fs::copy(init, directory.join("init")).expect("a copy");
    let runtime = directory.join(runtime_name());
    std::fs::copy(super::runtime(), &runtime).expect("a copy of the runtime");
    open(&runtime);
}

/// The path of the runtime in the world.
pub(crate) fn runtime_inside() -> String {
    format!("{INSIDE}/{}", runtime_name())
}

/// Podman goes by its name.
fn runtime_name() -> String {
    super::runtime().file_name().expect("the runtime has a name").to_str().unwrap().to_owned()
}

/// crun does not take v1 and v2 side by side.
fn hierarchies() -> &'static str {
    if runtime_name() == "crun" { "v1" } else { "all" }
}

fn only_child(pid: i32) -> i32 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("it runs");
    children.trim().parse().unwrap_or_else(|_| panic!("{pid} has one child, not {children:?}"))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
