//! The OCI runtime configuration: what the user said, checked.
//!
//! [`Spec::load`] reads a bundle's `config.json` once; [`Spec::check`] takes a configuration that is in memory
//! already. Either answers with types that later layers need not question: mount options are flags, ids are maps
//! without overlaps, no namespace is named twice. What cannot be is refused, never ignored.
#![forbid(unsafe_code)]

pub mod annotations;
mod attributes;
mod block_io;
mod device;
mod device_rules;
mod error;
mod hooks;
mod intel_rdt;
mod json;
mod lenient;
mod linux;
mod load;
mod mount;
mod mount_idmap;
mod mount_options;
mod net_device;
mod process;
mod resources;
mod seccomp;
pub mod seccomp_words;
mod sysctl;
mod verify;

pub use annotations::OverlayRoot;
pub use attributes::{Attributes, Surroundings};
pub use device::{Device, DeviceKind};
pub use error::Error;
pub use hooks::{Hook, HookKind, Hooks};
pub use intel_rdt::{IntelRdt, RdtClass, rdt_lines};
pub use linux::{Linux, NamespaceChoice};
pub use load::{CONFIG, RootFilesystem, Spec, read_config, read_process, read_text};
pub use mount::{Mount, MountSource};
pub use mount_idmap::{IdmapChoice, MountMaps};
pub use mount_options::{AttributeChange, MountOptions, PropagationChange, SourceLink};
pub use net_device::NetDevice;
pub use process::{Capabilities, Process, ResourceLimit, User};
pub use resources::{Limits, check_resources};
pub use seccomp::Seccomp;
pub use sysctl::sysctl_namespace;
pub use verify::problems;
