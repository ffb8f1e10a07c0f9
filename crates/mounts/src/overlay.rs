//! A writable overlay whose upper layer is a tmpfs of its own.

use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};

use holm_sys::{Context, Errno, Error, Result};
use rustix::fs::{Mode, mkdirat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
    fsopen,
};

use crate::{Detached, FsOption, Root};

/// Where the upper layer is in its tmpfs.
pub const UPPER_DIRECTORY: &str = "upper";
/// Where overlayfs keeps its work in progress.
pub const WORK_DIRECTORY: &str = "work";

/// An overlay to be made.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    /// The lower layers, the topmost first; at least one.
    pub lower: &'a [PathBuf],
    /// The size of the tmpfs that takes what is written, as tmpfs(5) has it; half of the memory when not said.
    pub size: Option<&'a str>,
}

impl Overlay<'_> {
    /// Makes the overlay. The tmpfs is mounted on `scratch` (it must be in this mount namespace for overlayfs to
    /// take it, up to Linux 6.14), where the caller may cover or unmount it afterwards.
    ///
    /// # Errors
    ///
    /// `ENOENT` for a lower layer that is not there; `EPERM` in a user namespace before Linux 5.11.
    pub fn mount(&self, scratch: &Root) -> Result<Detached> {
        let upper = self.upper_layer(scratch)?;
        let base = format!("/proc/self/fd/{}", upper.as_fd().as_raw_fd());
        // `userxattr` is needed in a user namespace and harmless outside; layers are marked for it. Linux 5.11.
        match self.assemble(&base, true) {
            Err(error) if error.errno() == Errno::INVAL => self.assemble(&base, false),
            result => result,
        }
    }

    fn upper_layer(&self, scratch: &Root) -> Result<Detached> {
        let mut options = vec![FsOption::pair("mode", "0755")];
        options.extend(self.size.map(|size| FsOption::pair("size", size)));
        let tmpfs = Detached::filesystem("tmpfs", Some("tmpfs"), &options)?;
        tmpfs.attach(scratch.as_fd())?;
        for name in [UPPER_DIRECTORY, WORK_DIRECTORY] {
            mkdirat(&tmpfs, name, Mode::from_raw_mode(0o755)).call(|| format!("mkdirat({name:?})"))?;
        }
        Ok(tmpfs)
    }

    fn assemble(&self, base: &str, userxattr: bool) -> Result<Detached> {
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).call(|| "fsopen(\"overlay\")")?;
        let set = |key: &str, value: &str| {
            fsconfig_set_string(&context, key, value)
                .call(|| format!("fsconfig(overlay, FSCONFIG_SET_STRING, {key:?}, {value:?})"))
        };
        set("source", "overlay")?;
        self.set_lower(&set)?;
        set("upperdir", &format!("{base}/{UPPER_DIRECTORY}"))?;
        set("workdir", &format!("{base}/{WORK_DIRECTORY}"))?;
        if userxattr {
            fsconfig_set_flag(&context, "userxattr").call(|| "fsconfig(overlay, FSCONFIG_SET_FLAG, userxattr)")?;
        }
        // Nothing that is written here outlives the mount, so nothing needs to reach the disk. Linux 5.10.
        fsconfig_set_flag(&context, "volatile").call(|| "fsconfig(overlay, FSCONFIG_SET_FLAG, volatile)")?;
        fsconfig_create(&context).call(|| "fsconfig(overlay, FSCONFIG_CMD_CREATE)")?;
        let fd = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
            .call(|| "fsmount(overlay)")?;
        Ok(Detached::from_fd(fd))
    }

    /// Layer by layer with `lowerdir+` (Linux 6.8), or all in one string, in which `:` and `\` are escaped.
    fn set_lower(&self, set: &impl Fn(&str, &str) -> Result<()>) -> Result<()> {
        let layers = self.lower.iter().map(|path| text(path)).collect::<Result<Vec<_>>>()?;
        let mut layers = layers.into_iter().enumerate();
        while let Some((index, layer)) = layers.next() {
            match set("lowerdir+", layer) {
                Err(error) if index == 0 && error.errno() == Errno::INVAL => {
                    let all = std::iter::once(layer).chain(layers.map(|(_, layer)| layer));
                    let joined = all.map(escape).collect::<Vec<_>>().join(":");
                    return set("lowerdir", &joined);
                }
                result => result?,
            }
        }
        Ok(())
    }
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
