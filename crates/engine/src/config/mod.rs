//! The configuration of a container (`config.json` of the OCI runtime specification), made of what was asked for and
//! what was found: pure, so that the same question has the same answer.

mod capabilities;
mod environment;
mod mounts;
mod namespaces;
mod paths;
mod process;
mod procfs;
mod resources;
mod system;

pub(crate) use capabilities::sets;
pub(crate) use environment::{merge, with_variables};
pub(crate) use mounts::{bind, bind_tree, filesystem};
pub use namespaces::{Choice, Namespaces};
pub(crate) use process::{command, console_size, is_interactive_shell};

use std::collections::HashMap;
use std::path::PathBuf;

use holm_spec::{OverlayRoot, annotations};
use oci_spec::runtime::{LinuxIdMapping, LinuxIdMappingBuilder, Mount, Root, Spec};

use crate::caller::Caller;
use crate::options::{ContainerName, RunOptions};
use crate::userns::UserNamespace;
use crate::{Because, Error, Result};

/// The version of the specification that the configuration is written in: no field of it is newer, and runtimes that
/// do not know the time namespace refuse it by name.
const VERSION: &str = "1.1.0";

/// What kind of root a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// This machine's own root, copy-on-write.
    Host,
    /// A directory of the user's, used as it is.
    Directory,
    /// The layers of an image, copy-on-write.
    Image,
}

/// The root of a container, ready to be used.
#[derive(Debug, Clone)]
pub struct PreparedRoot {
    /// What it is.
    pub kind: RootKind,
    /// The directory; with layers, the one of the bundle that they are mounted on.
    pub path: PathBuf,
    /// What it is stacked or put together from; none for a directory.
    pub overlay: Option<OverlayRoot>,
    /// The mounts that come along with it.
    pub mounts: Vec<Mount>,
    /// What the image says.
    pub settings: ImageSettings,
}

/// What an image says about the containers that are made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageSettings {
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments when none are said.
    pub command: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Where the command starts.
    pub workdir: Option<String>,
    /// Who it runs as: `USER[:GROUP]`.
    pub user: Option<String>,
    /// The signal that asks it to end.
    pub stop_signal: Option<String>,
    /// Places that are written to.
    pub volumes: Vec<String>,
}

/// Who the command runs as, looked up in the container's own files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its uid.
    pub uid: u32,
    /// Its gid.
    pub gid: u32,
    /// Its other groups.
    pub additional_gids: Vec<u32>,
    /// Its home.
    pub home: Option<String>,
}

/// A file that Holm writes for the container, as Docker does with /etc/hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenFile {
    /// Where it lies.
    pub source: PathBuf,
    /// Where the container sees it.
    pub destination: PathBuf,
}

/// All that a configuration is made of.
#[derive(Debug, Clone, Copy)]
pub struct Blueprint<'a> {
    /// The container's name.
    pub name: &'a ContainerName,
    /// What was asked for.
    pub options: &'a RunOptions,
    /// Who asked.
    pub caller: &'a Caller,
    /// Its root.
    pub root: &'a PreparedRoot,
    /// Its user namespace.
    pub user_namespace: &'a UserNamespace,
    /// Its other namespaces.
    pub namespaces: &'a Namespaces,
    /// Who its command runs as.
    pub identity: &'a Identity,
    /// The files that are written for it.
    pub files: &'a [GivenFile],
    /// Whether the runtime makes time namespaces: Holm does, others have to be asked.
    pub time_namespaces: bool,
    /// Whether the runtime sets a domain name that is asked for.
    pub domain_names: bool,
    /// Whether it has a terminal, and of how many rows and columns.
    pub terminal: Option<(u16, u16)>,
}

/// Makes the configuration.
///
/// # Errors
///
/// When options contradict each other, or the command is missing.
pub fn build(blueprint: &Blueprint<'_>) -> Result<Spec> {
    let mut spec = Spec::default();
    spec.set_version(VERSION.to_owned());
    spec.set_hostname(None);
    spec.set_root(Some(root(blueprint)?));
    spec.set_mounts(Some(mounts::build(blueprint)?));
    spec.set_process(Some(process::build(blueprint)?));
    spec.set_linux(Some(system::build(blueprint)?));
    spec.set_annotations(Some(annotations(blueprint)));
    if blueprint.namespaces.uts == Choice::New {
        let options = &blueprint.options.namespaces;
        if options.domainname.is_some() && !blueprint.domain_names {
            return Err(Error::new("--domainname cannot be given to another runtime")
                .with_cause("this one follows a specification before 1.1, which has no domain name")
                .with_hint("leave --runtime out, or --domainname"));
        }
        let own = crate::options::HostName::of(blueprint.name);
        spec.set_hostname(Some(options.hostname.as_ref().unwrap_or(&own).as_str().to_owned()));
        spec.set_domainname(options.domainname.as_ref().map(|name| name.as_str().to_owned()));
    }
    Ok(spec)
}

fn root(blueprint: &Blueprint<'_>) -> Result<Root> {
    let options = &blueprint.options.mounts;
    if options.size.is_some() && blueprint.root.overlay.is_none() {
        return Err(Error::new("--size goes with a root that is copied on write")
            .with_cause("a root directory is used as it is, and what is written to it stays in it"));
    }
    let mut root = Root::default();
    root.set_path(blueprint.root.path.clone());
    root.set_readonly(Some(options.read_only));
    Ok(root)
}

fn annotations(blueprint: &Blueprint<'_>) -> HashMap<String, String> {
    let mut annotations = HashMap::new();
    if blueprint.options.process.init {
        annotations.insert(annotations::INIT.to_owned(), "true".to_owned());
    }
    if let Some(overlay) = &blueprint.root.overlay {
        annotations.insert(annotations::OVERLAY.to_owned(), overlay.to_annotation());
    }
    annotations
}

/// Maps in the words of the specification.
fn id_mappings(map: &holm_namespaces::IdMap) -> Result<Vec<LinuxIdMapping>> {
    let line = |m: &holm_namespaces::Mapping| {
        let mapping = LinuxIdMappingBuilder::default().container_id(m.container).host_id(m.host).size(m.size);
        mapping.build().because(|| "cannot write the id maps down")
    };
    map.mappings().iter().map(line).collect()
}

impl PreparedRoot {
    /// The directories in which a file of the container is looked for, the lowest first.
    pub(crate) fn layers(&self) -> Vec<PathBuf> {
        match &self.overlay {
            None => vec![self.path.clone()],
            Some(overlay) if overlay.lower.is_empty() => vec![PathBuf::from("/")],
            Some(overlay) => overlay.lower.iter().rev().cloned().collect(),
        }
    }
}
