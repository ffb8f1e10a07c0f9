//! Enabling controllers: a group has those that its parent hands down in `cgroup.subtree_control`.

use std::os::fd::AsFd;

use crate::directory::Directory;
use crate::{file, walk};

/// Whether the group has the controller, once the groups above were asked to hand it down.
pub(crate) fn enable(directory: &Directory, controller: &str) -> bool {
    if has(directory, controller) {
        return true;
    }
    for above in above(directory) {
        hand_down(directory, &above, &[controller]);
    }
    has(directory, controller)
}

/// Has all controllers handed down that there are, so that what the group uses can be told.
pub(crate) fn enable_all(directory: &Directory) {
    for above in above(directory) {
        let read = |name: &str| file::read(directory.mount.as_fd(), &join(&above, name)).unwrap_or_default();
        let (all, enabled) = (read("cgroup.controllers"), read("cgroup.subtree_control"));
        let missing: Vec<&str> = all
            .split_whitespace()
            .filter(|name| !enabled.split_whitespace().any(|word| word == *name))
            .collect();
        hand_down(directory, &above, &missing);
    }
}

fn has(directory: &Directory, controller: &str) -> bool {
    directory
        .read("cgroup.controllers")
        .is_ok_and(|text| text.split_whitespace().any(|name| name == controller))
}

/// The groups above, outermost first; the first is the mount point.
fn above(directory: &Directory) -> Vec<String> {
    let path = &directory.record.path;
    let parents = walk::prefixes(path).map(|(prefix, _)| prefix.to_owned()).filter(|prefix| prefix != path);
    std::iter::once(String::new()).chain(parents).collect()
}

/// Whether it has processes of its own, and is not the root. It could hand down only controllers of threads, and once it
/// does no process can enter a group below (cgroups(7), "Thread mode").
fn has_processes(directory: &Directory, group: &str) -> bool {
    let read = |name: &str| file::read(directory.mount.as_fd(), &join(group, name));
    read("cgroup.type").is_ok() && read("cgroup.procs").is_ok_and(|text| !text.trim().is_empty())
}

fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

/// All at once, else one by one. What is not handed down shows when it is needed.
fn hand_down(directory: &Directory, group: &str, controllers: &[&str]) {
    if controllers.is_empty() || has_processes(directory, group) {
        return;
    }
    let name = join(group, "cgroup.subtree_control");
    let write = |text: &str| file::write(directory.mount.as_fd(), &name, text);
    let words: Vec<String> = controllers.iter().map(|controller| format!("+{controller}")).collect();
    if write(&words.join(" ")).is_err() && words.len() > 1 {
        for word in words {
            let _ = write(&word);
        }
    }
}
