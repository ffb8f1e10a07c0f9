//! What comes into the machine for one command: a disk with the command and its files.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Result;

/// The size of the disk, which the guest knows before anything is on it; it takes the room of what is.
pub(super) const SIZE: u64 = 3 << 30;

/// Where the files are in the guest.
const FILES: &str = "/share/files";

/// As whom a command runs in the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Root,
    /// As a service of the user's own systemd, which may do what is delegated to it.
    User,
}

impl Who {
    /// What is put before a command, in words of the shell.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Root => "env HOME=/root LANG=C.UTF-8",
            Self::User => {
                "setpriv --reuid holm --regid holm --init-groups --inh-caps=-all \
                 env --ignore-environment HOME=/home/holm USER=holm LOGNAME=holm SHELL=/bin/bash LANG=C.UTF-8 \
                 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin XDG_RUNTIME_DIR=/run/user/1000 \
                 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus \
                 systemd-run --user --quiet --wait --collect --pipe --same-dir --property=Delegate=yes \
                 --setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus --"
            }
        }
    }
}

/// A directory that becomes the disk.
pub(super) struct Share {
    directory: TempDir,
}

impl Share {
    /// One that runs `script`, in the directory of its files.
    pub(super) fn with_script(script: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("holm-vm.").tempdir_in("/var/tmp")?;
        let command = directory.path().join("command");
        fs::write(&command, format!("#!/bin/bash\ncd {FILES} || exit\n{script}\n"))?;
        fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
        fs::create_dir(directory.path().join("files"))?;
        Ok(Self { directory })
    }

    /// One that runs a command.
    pub(super) fn with_command(who: Who, command: &[String], files: &[PathBuf]) -> Result<Self> {
        let mut script = format!("exec {}", who.prefix());
        for word in command {
            write!(script, " {}", quoted(word))?;
        }
        let share = Self::with_script(&script)?;
        for path in files {
            share.add(path)?;
        }
        Ok(share)
    }

    /// A file, or a directory with all that is in it.
    pub(super) fn add(&self, path: &Path) -> Result<()> {
        let files = self.directory.path().join("files");
        let status =
            Command::new("cp").args(["--archive", "--dereference", "--"]).arg(path).arg(files).status()?;
        if status.success() { Ok(()) } else { Err(format!("cannot bring in {}", path.display()).into()) }
    }

    /// Writes the disk.
    pub(super) fn write(&self, disk: &Path) -> Result<()> {
        fs::File::create(disk)?.set_len(SIZE)?;
        let status = Command::new("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-O", "^has_journal,^resize_inode", "-E", "root_owner=0:0"])
            .args(["-b", "4096", "-N", "65536", "-m", "0", "-d"])
            .args([self.directory.path(), disk])
            .env("PATH", super::needs::path())
            .status()?;
        if status.success() { Ok(()) } else { Err("cannot write the disk with the command's files".into()) }
    }
}

/// A word as the shell reads it back.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_through_the_shell_as_they_are() {
        for word in ["", "a b", "it's", "$HOME `id` \\ \"x\" \n", "''"] {
            let output =
                Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
