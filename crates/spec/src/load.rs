//! From a bundle to a checked [`Spec`].

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use oci_spec::runtime as oci;

use crate::{Error, Hooks, Linux, Mount, OverlayRoot, Process, annotations, json, lenient};

/// Most configurations are smaller, and read at once.
const USUAL_CONFIG: usize = 16 << 10;
/// A configuration larger than this is not read: nobody writes one, and it would be held in memory whole.
const LARGEST_CONFIG: u64 = 16 << 20;

/// The configuration of a bundle.
pub const CONFIG: &str = "config.json";

/// Reads a configuration, with notes on what had to be left out of it; the file is [`CONFIG`] in a bundle, unless something
/// else is said.
///
/// # Errors
///
/// When it cannot be read, or is not a configuration.
pub fn read_config(file: &Path) -> Result<(oci::Spec, Vec<String>), Error> {
    let text = read_text(file)?;
    if let Ok(config) = serde_json::from_slice(&text) {
        return Ok((config, Vec::new()));
    }
    // What is JSON is read once more: for what can be mended, and for the path of what is wrong in it.
    match serde_json::from_slice(&text) {
        Ok(mut value) => {
            let notes = lenient::mend(&mut value);
            read_value(&value).map(|config| (config, notes))
        }
        Err(cause) => Err(Error::Syntax { path: file.to_owned(), cause }),
    }
}

/// Reads a process of an exec, with notes as [`read_config`].
///
/// # Errors
///
/// When it is none.
pub fn read_process(text: &[u8]) -> serde_json::Result<(oci::Process, Vec<String>)> {
    if let Ok(process) = serde_json::from_slice(text) {
        return Ok((process, Vec::new()));
    }
    let mut value = serde_json::from_slice(text)?;
    let notes = lenient::mend(&mut value);
    match json::read_value(&value) {
        Ok(process) => Ok((process, notes)),
        Err((path, error)) => Err(serde::de::Error::custom(format!("{path}: {error}"))),
    }
}

/// Reads the text of a configuration, or of a part of one: 16 MiB of it at most.
///
/// # Errors
///
/// [`Error::Read`].
pub fn read_text(file: &Path) -> Result<Vec<u8>, Error> {
    let read_error = |cause| Error::Read { path: file.to_owned(), cause };
    let mut text = Vec::with_capacity(USUAL_CONFIG);
    let opened = File::open(file).map_err(read_error)?;
    opened.take(LARGEST_CONFIG).read_to_end(&mut text).map_err(read_error)?;
    Ok(text)
}

/// Takes JSON for a configuration; what is of another kind is told by its path.
pub(crate) fn read_value(config: &serde_json::Value) -> Result<oci::Spec, Error> {
    json::read_value(config).map_err(|(field, cause)| Error::Form { field, cause })
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The version of the specification that the configuration follows.
    pub version: String,
    /// The bundle's directory, absolute.
    pub bundle: PathBuf,
    /// The root.
    pub root: RootFilesystem,
    /// The mounts beyond the root, in order.
    pub mounts: Vec<Mount>,
    /// The process; a container can be created without one, but not started.
    pub process: Option<Process>,
    /// The hostname of a new UTS namespace.
    pub hostname: Option<String>,
    /// Its NIS domain name.
    pub domainname: Option<String>,
    /// The `linux` section.
    pub linux: Linux,
    /// The `hooks` section.
    pub hooks: Hooks,
    /// Whether the runtime itself is the container's PID 1 ([`annotations::INIT`]).
    pub init: bool,
    /// Whether the process keeps the additional groups of the caller ([`annotations::KEEP_GROUPS`]).
    pub keeps_groups: bool,
    /// All annotations.
    pub annotations: HashMap<String, String>,
    /// What the user should know of how this was understood.
    pub notes: Vec<String>,
}

/// The root of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootFilesystem {
    /// The directory, absolute.
    pub path: PathBuf,
    /// Nothing can be written to it.
    pub readonly: bool,
    /// The layers that are stacked on `path`; without them `path` is the root itself.
    pub overlay: Option<OverlayRoot>,
}

impl Spec {
    /// Reads `config.json` in `bundle`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is not a configuration, or has in it what the specification does not allow.
    pub fn load(bundle: &Path) -> Result<Self, Error> {
        let (config, notes) = read_config(&bundle.join(CONFIG))?;
        let mut spec = Self::check(&config, bundle)?;
        spec.notes.extend(notes);
        Ok(spec)
    }

    /// Checks a configuration that is in memory; `bundle` is what relative paths are relative to.
    ///
    /// # Errors
    ///
    /// When it has in it what the specification does not allow.
    pub fn check(config: &oci::Spec, bundle: &Path) -> Result<Self, Error> {
        let bundle =
            &std::path::absolute(bundle).map_err(|cause| Error::Read { path: bundle.join(CONFIG), cause })?;
        check_version(config.version())?;
        no_nul_in_paths(config)?;
        let annotations = config.annotations().clone().unwrap_or_default();
        let linux = Linux::check(config.linux().as_ref())?;
        let mounts = config.mounts().iter().flatten().enumerate();
        Ok(Self {
            root: RootFilesystem::check(config.root().as_ref(), bundle, &annotations)?,
            mounts: mounts
                .map(|(index, mount)| Mount::check(mount, index, bundle))
                .collect::<Result<_, _>>()?,
            process: config.process().as_ref().map(Process::check).transpose()?,
            hostname: name("hostname", config.hostname())?,
            domainname: name("domainname", config.domainname())?,
            init: annotations::init(&annotations)?,
            keeps_groups: annotations::keep_groups(&annotations),
            version: config.version().clone(),
            bundle: bundle.to_owned(),
            linux,
            hooks: Hooks::check(config.hooks().as_ref())?,
            annotations,
            notes: notes(config),
        })
    }
}

/// What other runtimes pass over with a word as well.
fn notes(config: &oci::Spec) -> Vec<String> {
    let personality = config.linux().as_ref().and_then(|linux| linux.personality().as_ref());
    let flags =
        personality.and_then(|personality| personality.flags().as_ref()).filter(|flags| !flags.is_empty());
    let note = |flags: &Vec<String>| {
        format!(
            "linux.personality.flags: {} has no meaning yet in the specification, and does nothing",
            flags.join(", ")
        )
    };
    let annotations = config.annotations().as_ref();
    let foreign = annotations
        .into_iter()
        .flat_map(annotations::foreign)
        .map(|name| format!("annotations: {name} is one of crun's that is not carried out here"));
    flags.map(note).into_iter().chain(foreign).collect()
}

impl RootFilesystem {
    fn check(
        root: Option<&oci::Root>,
        bundle: &Path,
        annotations: &HashMap<String, String>,
    ) -> Result<Self, Error> {
        let root =
            root.ok_or_else(|| Error::invalid("root", "missing", "an object with the path of the root"))?;
        if root.path().as_os_str().is_empty() {
            return Err(Error::invalid("root.path", "empty", "the path of a directory"));
        }
        Ok(Self {
            path: bundle.join(root.path()),
            readonly: root.readonly().unwrap_or(false),
            overlay: OverlayRoot::from_annotations(annotations)?,
        })
    }
}

/// Any 1.x version is compatible (runtime-spec, "Specification version").
fn check_version(version: &str) -> Result<(), Error> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = version.splitn(3, '.');
    let major = parts.next().unwrap_or_default();
    let minor = parts.next().unwrap_or_default();
    let patch = parts.next().unwrap_or_default().split(['-', '+']).next().unwrap_or_default();
    if major == "1" && digits(minor) && digits(patch) {
        return Ok(());
    }
    Err(Error::invalid("ociVersion", format!("{version:?}"), "1.x.y, as in semver 2.0.0"))
}

/// A path with a NUL in it can be given to no system call.
fn no_nul_in_paths(config: &oci::Spec) -> Result<(), Error> {
    let nul = |path: &Path| path.as_os_str().as_encoded_bytes().contains(&0);
    let linux = config.linux().as_ref();
    let hidden = linux.and_then(|linux| linux.masked_paths().as_ref()).into_iter().flatten();
    let readonly = linux.and_then(|linux| linux.readonly_paths().as_ref()).into_iter().flatten();
    let mounts = config.mounts().iter().flatten();
    let paths = config
        .root()
        .iter()
        .map(|root| ("root.path", root.path().as_path()))
        .chain(config.process().iter().map(|process| ("process.cwd", process.cwd().as_path())))
        .chain(mounts.clone().map(|mount| ("mounts.destination", mount.destination().as_path())))
        .chain(mounts.filter_map(|mount| Some(("mounts.source", mount.source().as_deref()?))))
        .chain(hidden.map(|path| ("linux.maskedPaths", Path::new(path))))
        .chain(readonly.map(|path| ("linux.readonlyPaths", Path::new(path))));
    match paths.into_iter().find(|(_, path)| nul(path)) {
        Some((field, path)) => Err(Error::invalid(field, format!("{path:?}"), "a path without NUL")),
        None => Ok(()),
    }
}

/// The kernel takes 64 bytes of a name (uts_namespaces(7)).
fn name(field: &str, value: &Option<String>) -> Result<Option<String>, Error> {
    match value {
        Some(name) if name.len() > 64 || name.contains(char::is_control) => Err(Error::invalid(
            field,
            format!("{name:?}"),
            "at most 64 bytes, none of them a control character",
        )),
        Some(name) if name.is_empty() => Ok(None),
        other => Ok(other.clone()),
    }
}
