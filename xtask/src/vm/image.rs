//! The machine as files: made once, and kept under a name that says what it is made of.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::FlockOperation;
use sha2::{Digest, Sha256};

use super::{machine, needs};
use crate::Result;

const SUITE: &str = "trixie";

const PACKAGES: &str = "busybox-static,dbus,dbus-user-session,iproute2,kmod,libpam-systemd,linux-image-cloud-amd64,\
                        procps,systemd,systemd-sysv,udev,uidmap,util-linux";

const DISK_SIZE: &str = "2G";

/// What is put into the tree, and what does it: each by its name beside the others.
const GUEST: [(&str, &str); 3] = [
    ("agent.sh", include_str!("guest/agent.sh")),
    ("holm-vm.service", include_str!("guest/holm-vm.service")),
    ("furnish.sh", include_str!("guest/furnish.sh")),
];

/// The files of a machine.
pub(super) struct Image {
    directory: PathBuf,
}

impl Image {
    /// The machine of this version of the recipe, which is made where there is none yet.
    pub(super) fn get(kept: &Path, fresh: bool) -> Result<Self> {
        fs::create_dir_all(kept)?;
        let image = Self { directory: kept.join(key()?) };
        let lock = File::create(kept.join("lock"))?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive)?;
        if fresh && image.directory.exists() {
            fs::remove_dir_all(&image.directory)?;
        }
        if !image.directory.exists() {
            needs::to_make()?;
            image.make(kept)?;
        }
        Ok(image)
    }

    pub(super) fn kernel(&self) -> PathBuf {
        self.directory.join("kernel")
    }

    pub(super) fn initrd(&self) -> PathBuf {
        self.directory.join("initrd")
    }

    /// The root file system.
    pub(super) fn disk(&self) -> PathBuf {
        self.directory.join("disk")
    }

    /// The memory of the machine when all had started.
    pub(super) fn memory(&self) -> PathBuf {
        self.directory.join("memory")
    }

    /// In a directory of another name, so that what has this one is whole.
    fn make(&self, kept: &Path) -> Result<()> {
        let work = tempfile::Builder::new().prefix("making.").tempdir_in(kept)?;
        let half = Self { directory: work.path().join("image") };
        fs::create_dir(&half.directory)?;
        let (guest, tree) = (work.path().join("guest"), work.path().join("tree"));
        fs::create_dir(&guest)?;
        for (name, text) in GUEST {
            fs::write(guest.join(name), text)?;
        }
        eprintln!("making the tree of a Debian {SUITE}");
        done(&mut debootstrap(&guest, &tree, &work.path().join("mmdebstrap.log")))?;
        half.take_kernel(&tree.join("boot"))?;
        done(
            Command::new("mke2fs")
                .args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d"])
                .args([&tree, &half.disk()])
                .arg(DISK_SIZE)
                .env("PATH", needs::path()),
        )?;
        eprintln!("starting it");
        machine::boot_and_save(&half)?;
        fs::rename(&half.directory, &self.directory)?;
        Ok(())
    }

    fn take_kernel(&self, boot: &Path) -> Result<()> {
        for entry in fs::read_dir(boot)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with("vmlinuz-") {
                fs::copy(entry.path(), self.kernel())?;
            } else if name.to_string_lossy().starts_with("initrd.img-") {
                fs::copy(entry.path(), self.initrd())?;
            }
        }
        if self.kernel().exists() && self.initrd().exists() {
            return Ok(());
        }
        Err("no kernel is in the tree that mmdebstrap has made".into())
    }
}

fn debootstrap(guest: &Path, tree: &Path, log: &Path) -> Command {
    let mut command = Command::new("mmdebstrap");
    command
        .args(["--mode=root", "--variant=minbase", "--quiet"])
        .arg(format!("--include={PACKAGES}"))
        .arg(format!("--logfile={}", log.display()))
        .arg(format!("--customize-hook=sh {0}/furnish.sh \"$1\" {0}", guest.display()))
        .arg(SUITE)
        .arg(tree);
    command
}

/// The name of a machine: memory that one qemu has written is for that one alone, and for the same devices.
fn key() -> Result<String> {
    let version = Command::new("qemu-system-x86_64").arg("--version").output()?.stdout;
    let mut hash = Sha256::new();
    hash.update(version);
    for text in [SUITE, PACKAGES, DISK_SIZE].into_iter().chain(GUEST.map(|(_, text)| text)) {
        hash.update(text);
        hash.update([0]);
    }
    hash.update(machine::hardware().join("\0"));
    Ok(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{} has failed ({status}): {command:?}", command.get_program().display()).into())
}
