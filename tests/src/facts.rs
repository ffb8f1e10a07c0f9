//! What is true of processes and namespaces, seen from the host.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::PATIENCE;

/// The names in /proc/PID/ns that stand for the eight kinds.
pub const LINKS: [&str; 8] = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// The namespaces of a process, by kind: what the links in /proc/PID/ns say.
pub type Links = BTreeMap<String, String>;

/// The namespaces of a process of this machine.
pub fn links_of(pid: i32) -> Links {
    LINKS
        .iter()
        .map(|kind| ((*kind).to_owned(), id_of(Path::new(&format!("/proc/{pid}/ns/{kind}")))))
        .collect()
}

/// The namespaces of the calling test: its mount namespace is that of its thread.
pub fn host_links() -> Links {
    let id = |kind: &str| id_of(Path::new(&format!("/proc/thread-self/ns/{kind}")));
    LINKS.iter().map(|kind| ((*kind).to_owned(), id(kind))).collect()
}

/// What the link of a namespace says.
pub fn id_of(link: &Path) -> String {
    let target = std::fs::read_link(link).unwrap_or_else(|error| panic!("{}: {error}", link.display()));
    target.to_str().unwrap().to_owned()
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A file of one line, without its end.
pub fn one_line(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.trim_end().to_owned()
}

/// Asks again and again, with short waits, where the kernel tells nobody. `None` when it was in vain.
pub fn busy_wait<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE / 4;
    loop {
        match ask() {
            Some(answer) => return Some(answer),
            None if Instant::now() > deadline => return None,
            None => pause(Duration::from_millis(10)),
        }
    }
}

fn pause(time: Duration) {
    let time = rustix::event::Timespec::try_from(time).unwrap();
    let _ = rustix::event::poll(&mut [], Some(&time));
}
