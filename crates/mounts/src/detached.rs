//! Mounts that are not in any tree yet.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use holm_sys::{Context, Errno, Error, MountAttr, Result};
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

/// One option of a file system: `key` alone or `key=value`, as fsconfig(2) takes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FsOption {
    /// The name.
    pub key: String,
    /// The value; none for a flag such as `ro`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl FsOption {
    /// `key` without a value.
    pub fn flag(key: impl Into<String>) -> Self {
        Self { key: key.into(), value: None }
    }

    /// `key=value`.
    pub fn pair(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: Some(value.into()) }
    }
}

/// A mount, or a tree of mounts, that is attached nowhere: it ends with this value unless it is attached first.
#[derive(Debug)]
pub struct Detached {
    fd: OwnedFd,
}

impl Detached {
    /// A new instance of the file system `fstype`, made by fsopen(2), fsconfig(2) and fsmount(2) (Linux 5.2).
    ///
    /// # Errors
    ///
    /// `ENODEV` when the kernel does not have the file system; `EPERM` without `CAP_SYS_ADMIN` over the mount
    /// namespace, or when a user namespace may not mount it (for proc and sysfs: when the outer one is partly
    /// hidden); `EINVAL` for an option that it does not know.
    pub fn filesystem(fstype: &str, source: Option<&str>, options: &[FsOption]) -> Result<Self> {
        Self::filesystem_with(fstype, source, options, MountAttr::empty())
    }

    /// As [`Detached::filesystem`], born with these attributes (of those that mount_setattr(2) can set, `IDMAP` and
    /// `NOSYMFOLLOW` excepted).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn filesystem_with(
        fstype: &str,
        source: Option<&str>,
        options: &[FsOption],
        attributes: MountAttr,
    ) -> Result<Self> {
        let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).call(|| format!("fsopen({fstype:?})"))?;
        if let Some(source) = source {
            configure(context.as_fd(), &FsOption::pair("source", source))?;
        }
        options.iter().try_for_each(|option| configure(context.as_fd(), option))?;
        fsconfig_create(&context).call(|| format!("fsconfig({fstype}, FSCONFIG_CMD_CREATE)"))?;
        let attributes = u32::try_from(attributes.bits()).unwrap_or_default();
        let attributes = MountAttrFlags::from_bits_retain(attributes);
        let fd = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
            .call(|| format!("fsmount({fstype})"))?;
        Ok(Self { fd })
    }

    /// A copy of the mount at `path`, and with `recursive` of all below it, as a bind mount has it; open_tree(2)
    /// with `OPEN_TREE_CLONE`. Symbolic links in `path` are followed.
    ///
    /// # Errors
    ///
    /// What open_tree(2) says; `EINVAL` for a tree with locked mounts below it without `recursive`.
    pub fn copy_of_path(path: &Path, recursive: bool) -> Result<Self> {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | recursive_flag(recursive);
        let fd = open_tree(CWD, path, flags).call(|| format!("open_tree({path:?}, OPEN_TREE_CLONE)"))?;
        Ok(Self { fd })
    }

    /// As [`Detached::copy_of_path`], but of a symbolic link at the end of `path` itself.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn copy_of_link(path: &Path, recursive: bool) -> Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW
            | recursive_flag(recursive);
        let call = || format!("open_tree({path:?}, OPEN_TREE_CLONE|AT_SYMLINK_NOFOLLOW)");
        Ok(Self { fd: open_tree(CWD, path, flags).call(call)? })
    }

    /// As [`Detached::copy_of_path`], of what `source` is open on.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn copy_of(source: BorrowedFd<'_>, recursive: bool) -> Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | recursive_flag(recursive);
        let call = || format!("open_tree({}, OPEN_TREE_CLONE|AT_EMPTY_PATH)", source.as_raw_fd());
        Ok(Self { fd: open_tree(source, "", flags).call(call)? })
    }

    /// A detached mount that another process made and handed over.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Attaches the mount on top of what `target` is open on (`O_PATH` is enough); move_mount(2).
    ///
    /// # Errors
    ///
    /// `ENOTDIR` when one is a directory and the other not; `EPERM` without `CAP_SYS_ADMIN`.
    pub fn attach(&self, target: BorrowedFd<'_>) -> Result<()> {
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(&self.fd, "", target, "", flags)
            .call(|| format!("move_mount({}, {})", self.fd.as_raw_fd(), target.as_raw_fd()))
    }

    /// Gives the fd of the mount's root to the caller: what it was attached to can be reached through it.
    pub fn into_fd(self) -> OwnedFd {
        self.fd
    }
}

impl AsFd for Detached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn recursive_flag(recursive: bool) -> OpenTreeFlags {
    if recursive { OpenTreeFlags::AT_RECURSIVE } else { OpenTreeFlags::empty() }
}

/// mount(2) has these as flags, which it takes for every file system; fsconfig(2) only for one that knows the word, and the
/// others lose nothing without.
const FLAGS_OF_SOME: [&str; 4] = ["acl", "noacl", "iversion", "noiversion"];

/// Sets one option of a file system that is being made or changed.
pub(crate) fn configure(context: BorrowedFd<'_>, option: &FsOption) -> Result<()> {
    let key = option.key.as_str();
    match &option.value {
        None if FLAGS_OF_SOME.contains(&key) => match fsconfig_set_flag(context, key) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(errno) => Err(Error::new(format!("fsconfig(FSCONFIG_SET_FLAG, {key:?})"), errno)),
        },
        None => fsconfig_set_flag(context, key).call(|| format!("fsconfig(FSCONFIG_SET_FLAG, {key:?})")),
        Some(value) => fsconfig_set_string(context, key, value.as_str())
            .call(|| format!("fsconfig(FSCONFIG_SET_STRING, {key:?}, {value:?})")),
    }
}
