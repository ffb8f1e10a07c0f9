//! A small root directory out of this machine's own programs.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::binary;

const DIRECTORIES: [&str; 14] = [
    "bin",
    "dev",
    "etc",
    "home/alice",
    "lib",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/sbin",
    "var/lib",
    "mnt",
];

/// The programs that tests use in it.
const PROGRAMS: [&str; 52] = [
    "awk", "basename", "cat", "chmod", "chown", "cut", "dd", "df", "env", "expr", "false", "find", "grep",
    "head", "hostname", "id", "kill", "ln", "ls", "mkdir", "mkfifo", "mknod", "mount", "mv", "nproc", "od",
    "printf", "ps", "pwd", "readlink", "rm", "rmdir", "sed", "seq", "setsid", "sh", "sleep", "sort", "stat",
    "stty", "sync", "tail", "test", "touch", "tr", "true", "tty", "umount", "uname", "wc", "whoami", "yes",
];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
const GROUP: &str = "root:x:0:\nalice:x:1000:\nwheel:x:10:alice\n";

/// Makes it at `path`.
pub(crate) fn make(path: &Path) {
    for directory in DIRECTORIES {
        std::fs::create_dir_all(path.join(directory)).expect("a directory");
    }
    std::fs::set_permissions(path.join("tmp"), PermissionsExt::from_mode(0o1777)).expect("its mode");
    std::fs::write(path.join("etc/passwd"), PASSWD).expect("a file");
    std::fs::write(path.join("etc/group"), GROUP).expect("a file");
    std::fs::copy(binary::witness(), path.join("bin/witness")).expect("the witness is built");
    match binary::find_program("busybox").filter(|busybox| is_static(busybox)) {
        Some(busybox) => many_in_one(&busybox, path),
        None => PROGRAMS.iter().for_each(|program| with_libraries(program, path)),
    }
}

/// Calls `own` for `path` and all below it.
pub(crate) fn own_all(path: &Path, own: &dyn Fn(&Path)) {
    if path.is_symlink() {
        return;
    }
    own(path);
    if path.is_dir() {
        for child in std::fs::read_dir(path).unwrap().flatten() {
            own_all(&child.path(), own);
        }
    }
}

fn is_static(program: &Path) -> bool {
    Command::new("ldd").arg(program).output().is_ok_and(|output| !output.status.success())
}

fn many_in_one(busybox: &Path, path: &Path) {
    std::fs::copy(busybox, path.join("bin/busybox")).expect("a copy");
    for program in PROGRAMS {
        symlink("busybox", path.join("bin").join(program)).expect("a link");
    }
}

/// Copies a program, and what ldd(1) says that it is linked with.
fn with_libraries(program: &str, path: &Path) {
    let Some(found) = binary::find_program(program) else { return };
    std::fs::copy(&found, path.join("bin").join(program)).expect("a copy");
    let output = Command::new("ldd").arg(&found).output().expect("ldd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for library in text.split_whitespace().filter(|word| word.starts_with('/')) {
        let place = path.join(library.trim_start_matches('/'));
        std::fs::create_dir_all(place.parent().unwrap()).expect("a directory");
        std::fs::copy(library, place).expect("a copy");
    }
}
