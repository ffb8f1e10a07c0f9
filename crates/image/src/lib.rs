#![forbid(unsafe_code)]
//! OCI images on disk: from an image layout or archive to unpacked layers that overlay can stack.
//!
//! ```no_run
//! use holm_image::{Platform, Reference, Store, UnpackOptions};
//!
//! # fn main() -> Result<(), holm_image::Error> {
//! let reference: Reference = "oci:./layout:latest".parse()?;
//! let store = Store::open("/var/lib/holm".as_ref())?;
//! let image = store.resolve(&reference, &Platform::host())?;
//! let unpacked = store.unpack(&image, &UnpackOptions::default())?;
//! let lowerdir = unpacked.layers; // bottom first
//! # let _ = (image.config.entrypoint, lowerdir);
//! # Ok(())
//! # }
//! ```
//!
//! # The way of the data
//!
//! ```text
//! Reference ─► index ─► manifest ─► config          Image: all that is known without touching a layer
//!                          │
//!                          └─► layer blobs ─► decompress ─► tar entries ─► Store::layers/sha256/DIFFID/fs
//!                               sha256          sha256        by fd
//! ```
//!
//! Every JSON document is compared with its digest and size before it is parsed. A layer is streamed once: the blob is
//! hashed, decompressed, hashed again and extracted at the same time into a temporary directory of the store, which is
//! renamed into place only when both digests are right; a layer that fails is removed whole.
//!
//! # Hostile layers
//!
//! Whatever a layer says, nothing outside its own directory is touched. Names are resolved from a descriptor of that
//! directory, component by component, and never through a symbolic link; names that are absolute or contain `..`, hard
//! links to anywhere else, and whiteouts that name something else than a sibling are refused. Extended attributes
//! that overlayfs itself gives a meaning to are never taken from a layer.
//!
//! # Privileges
//!
//! [`Store::resolve`] needs read access alone. [`Store::unpack`] wants to be root, or "root" of a user namespace into
//! which the ids of the image are mapped; with [`UnpackOptions::single_id`] any user will do, and ownership is not kept.
//! Kernel 5.10: openat2(2) (5.6) and whiteouts made without `CAP_MKNOD` (5.8).

mod accounts;
mod archive;
mod compression;
mod config;
mod corrections;
mod digest;
mod docker;
mod document;
mod error;
mod extract;
#[cfg(fuzzing)]
pub mod fuzzing;
mod image;
mod layout;
mod notes;
mod passwd;
mod pipeline;
mod platform;
mod reference;
mod remove;
mod source;
mod stack;
mod store;
mod tar;
mod unpack;

pub use accounts::{read_from_layers, user_of_layers};
pub use config::Config;
pub use digest::Digest;
pub use error::{Error, Result};
pub use image::{Blob, Image, Layer};
pub use passwd::{User, UserError, lookup};
pub use platform::Platform;
pub use reference::{Reference, Selector, Transport};
pub use store::{Store, resolve};
pub use unpack::{UnpackOptions, Unpacked};
