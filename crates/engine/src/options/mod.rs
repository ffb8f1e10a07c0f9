//! What the options of the command line mean: each read from its text once, into a type that holds nothing wrong.
//!
//! The parsers are pure, but for the one of a file. What depends on the caller (a relative path, a variable that is copied) is settled when
//! the configuration is made.

mod capability;
mod device;
mod environment;
mod idmap;
mod mount;
mod mount_flag;
mod name;
mod namespace;
mod resources;
mod run;
mod security;
mod size;
mod sysctl;
mod target;
mod time;
mod ulimit;
mod user;
mod volume;

pub use capability::CapabilityChoice;
pub use device::{DeviceRequest, RuleRequest};
pub use environment::{Variable, parse_env_file, read_env_file};
pub use holm_options::{Invalid, SignalNumber};
pub use idmap::MapLine;
pub use mount::{MountKind, RequestedMount};
pub use mount_flag::parse_mount;
pub use name::{ContainerName, HostName};
pub use namespace::{NamespaceMode, UserMode, parse_network_mode};
pub use resources::{Cpus, ResourceOptions, SwapLimit};
pub use run::{
    ExecOptions, MountOptions, NamespaceOptions, ProcessOptions, RunOptions, RuntimeChoice, SecurityOptions,
    Streams,
};
pub use security::{SecurityOption, Unmask};
pub use size::Size;
pub use sysctl::Sysctl;
pub use target::{RootSource, Target, registry_hint};
pub use time::TimeMode;
pub use ulimit::Ulimit;
pub use user::{Account, UserSpec};
pub use volume::{parse_tmpfs, parse_volume};
