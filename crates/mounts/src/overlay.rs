//! Writable overlays whose upper layers are in a tmpfs of their own.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{self, Mode, OFlags, XattrFlags, mkdirat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use crate::{Detached, FsOption, Root, fd_path};

/// What an unmapped id shows as (user_namespaces(7); /proc/sys/fs/overflowuid).
const OVERFLOW_ID: u32 = 65534;

/// The tmpfs that takes what is written to overlays: all of them together are bounded by its size.
#[derive(Debug)]
pub struct Scratch {
    tmpfs: Detached,
    layers: u32,
}

impl Scratch {
    /// Mounts the tmpfs on `place`: overlayfs takes an upper layer only from a mount of this mount namespace (up to
    /// Linux 6.14). `size` is as tmpfs(5) has it; half of the memory when not said.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a size that is none; `EPERM` without `CAP_SYS_ADMIN`.
    pub fn mount(place: &Root, size: Option<&str>) -> Result<Self> {
        let mut options = vec![FsOption::pair("mode", "0755")];
        options.extend(size.map(|size| FsOption::pair("size", size)));
        let tmpfs = Detached::filesystem("tmpfs", Some("scratch"), &options)?;
        tmpfs.attach(place.as_fd())?;
        Ok(Self { tmpfs, layers: 0 })
    }

    /// Makes a directory in the tmpfs, and opens it.
    ///
    /// # Errors
    ///
    /// `EEXIST` when there is one of this name; `ENOSPC` when the tmpfs is full.
    pub fn directory(&self, name: &str) -> Result<OwnedFd> {
        mkdirat(&self.tmpfs, name, Mode::from_raw_mode(0o755))
            .call(|| format!("mkdirat(scratch, {name:?})"))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        fs::openat(&self.tmpfs, name, flags, Mode::empty())
            .call(|| format!("openat(scratch, {name:?}, O_PATH)"))
    }

    /// A writable overlay of `lower`, the topmost first.
    ///
    /// # Errors
    ///
    /// `ENOENT` for a lower layer that is not there; `EINVAL` for one that has locked mounts below it (in a user
    /// namespace); `EPERM` in a user namespace before Linux 5.11.
    pub fn overlay(&mut self, lower: &[PathBuf]) -> Result<Detached> {
        self.layers += 1;
        // In a user namespace overlayfs may keep its marks in `user.` attributes alone (Linux 5.11), which a tmpfs has since
        // Linux 6.6 only. Elsewhere the `trusted.` ones do everywhere; unpacked layers are marked for both.
        let userxattr = !self.may_use_trusted_attributes()?;
        let first = match self.assemble(lower, userxattr, one_by_one) {
            Err(error) if error.errno() == Errno::INVAL => error,
            result => return result,
        };
        // Before Linux 6.5 `lowerdir+` is taken like any word, and refused with all others at the end.
        self.layers += 1;
        self.assemble(lower, userxattr, in_one_string).map_err(|_| first)
    }

    /// Whether this process may set attributes of the `trusted.` kind: whether it is root of the first user namespace.
    fn may_use_trusted_attributes(&self) -> Result<bool> {
        let path = fd_path(&self.tmpfs);
        match fs::setxattr(&path, "trusted.holm", b"", XattrFlags::empty()) {
            Ok(()) => Ok(fs::removexattr(&path, "trusted.holm").is_ok()),
            Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(false),
            Err(errno) => Err(Error::new("setxattr(scratch, \"trusted.holm\")", errno)),
        }
    }

    /// The root of an overlay has the mode and the owner of its upper layer, so that gets those of the topmost lower.
    fn upper_layer(&self, lower: &[PathBuf]) -> Result<OwnedFd> {
        let upper = self.directory(&format!("upper{}", self.layers))?;
        let Some(top) = lower.first() else { return Ok(upper) };
        let stat = fs::stat(top).call(|| format!("stat({top:?})"))?;
        let path = fd_path(&upper);
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        fs::chmod(&path, mode).call(|| format!("chmod(scratch, {:o})", mode.bits()))?;
        // An owner whom this user namespace does not map shows as the overflow id: the writable layer is the caller's then.
        if stat.st_uid != OVERFLOW_ID && stat.st_gid != OVERFLOW_ID && (stat.st_uid, stat.st_gid) != (0, 0) {
            let (uid, gid) = (fs::Uid::from_raw(stat.st_uid), fs::Gid::from_raw(stat.st_gid));
            fs::chown(&path, Some(uid), Some(gid))
                .call(|| format!("chown(scratch, {}, {})", stat.st_uid, stat.st_gid))?;
        }
        Ok(upper)
    }

    fn assemble(&self, lower: &[PathBuf], userxattr: bool, set_lower: SetLower) -> Result<Detached> {
        let upper = self.upper_layer(lower)?;
        let work = self.directory(&format!("work{}", self.layers))?;
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).call(|| "fsopen(\"overlay\")")?;
        let set = |key: &str, value: &str| {
            fsconfig_set_string(&context, key, value)
                .call(|| format!("fsconfig(overlay, FSCONFIG_SET_STRING, {key:?}, {value:?})"))
        };
        set("source", "overlay")?;
        set_lower(&layers(lower)?, &set)?;
        set("upperdir", &fd_path(&upper))?;
        set("workdir", &fd_path(&work))?;
        if userxattr {
            fsconfig_set_flag(&context, "userxattr")
                .call(|| "fsconfig(overlay, FSCONFIG_SET_FLAG, userxattr)")?;
        }
        // Nothing that is written here outlives the mount, so nothing needs to reach the disk. Linux 5.10.
        fsconfig_set_flag(&context, "volatile").call(|| "fsconfig(overlay, FSCONFIG_SET_FLAG, volatile)")?;
        fsconfig_create(&context)
            .call(|| format!("fsconfig(overlay over {lower:?}, FSCONFIG_CMD_CREATE)"))?;
        let fd = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
            .call(|| "fsmount(overlay)")?;
        Ok(Detached::from_fd(fd))
    }
}

/// Says which the lower layers are, with the given way of setting an option.
type SetLower = fn(&[&str], &dyn Fn(&str, &str) -> Result<()>) -> Result<()>;

/// By `lowerdir+` (Linux 6.5; set as a string since 6.8), whose values are not parsed and have no common limit.
fn one_by_one(layers: &[&str], set: &dyn Fn(&str, &str) -> Result<()>) -> Result<()> {
    layers.iter().try_for_each(|layer| set("lowerdir+", layer))
}

/// In one string, in which `:` and `\` are escaped.
fn in_one_string(layers: &[&str], set: &dyn Fn(&str, &str) -> Result<()>) -> Result<()> {
    set("lowerdir", &layers.iter().map(|layer| escape(layer)).collect::<Vec<_>>().join(":"))
}

fn layers(lower: &[PathBuf]) -> Result<Vec<&str>> {
    lower.iter().map(|path| text(path)).collect()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| Error::new(format!("fsconfig(overlay, lowerdir, {path:?})"), Errno::ILSEQ))
}

fn escape(path: &str) -> String {
    path.replace('\\', "\\\\").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn colons_and_backslashes_of_a_layer_are_escaped() {
        assert_eq!(escape("/a:b\\c"), "/a\\:b\\\\c");
    }
}
