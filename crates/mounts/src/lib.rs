//! The Linux mount API: file systems and trees as detached mounts, attributes, propagation, mountinfo, and the
//! resolution of paths inside a root that somebody else controls.
//!
//! A mount is made detached ([`Detached`]), given its attributes while nobody can see it, and attached to a
//! directory or file that was resolved once, inside the root, and is held open ([`Root`]). No path is resolved twice.
#![forbid(unsafe_code)]

mod change;
mod detached;
pub mod legacy;
mod mountinfo;
mod node;
mod overlay;
mod pivot;
mod propagation;
mod root;

pub use change::{reconfigure, set_attributes, set_propagation};
pub use detached::{Detached, FsOption};
pub use holm_sys::MountAttr;
pub use mountinfo::{MountEntry, parse_mountinfo};
pub use node::{Found, Node, link_of};
pub use overlay::Scratch;
pub use pivot::{chroot_into, move_into, pivot_into};
pub use propagation::Propagation;
pub use root::{Root, is_directory, is_procfs};

/// What is open at `fd`, as a path for calls that take no descriptor.
pub(crate) fn fd_path(fd: impl std::os::fd::AsFd) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}
