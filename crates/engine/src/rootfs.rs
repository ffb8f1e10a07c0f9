//! The root of a container, made ready: this machine's own, a directory, or the layers of an image.

use std::path::{Path, PathBuf};

use holm_foreground::Signals;
use holm_image::{Image, Platform, Reference, Store};

use holm_spec::OverlayRoot;
use holm_sys::Context;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::caller::Caller;
use crate::config::{ImageSettings, PreparedRoot, RootKind};
use crate::identity::from_image;
use crate::options::{RootSource, Size};
use crate::userns::{IdFacts, IdMaps};
use crate::{Error, Observer, Result, STATUS_FAILED, hostroot, unpack};

/// Says where unpacked layers are kept.
const STORE_VARIABLE: &str = "HOLM_STORE";
/// Where the machine's root keeps unpacked layers.
const STORE_OF_ROOT: &str = "/var/lib/holm";

/// What a root is made from.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    /// Where it comes from.
    pub(crate) source: &'a RootSource,
    /// The directory of the bundle that an overlay is mounted on.
    pub(crate) mount_point: &'a Path,
    /// The size of what is writable.
    pub(crate) size: Option<Size>,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// The maps that were said; none for those that the caller has anyway.
    pub(crate) maps: Option<&'a IdMaps>,
    /// The signals, which end the unpacking of an image.
    pub(crate) signals: &'a Signals,
}

/// Makes it ready.
///
/// # Errors
///
/// When the directory or the image is not there, or the image cannot be unpacked.
pub(crate) fn prepare(
    request: &Request<'_>,
    facts: &dyn Fn() -> IdFacts,
    observer: &mut dyn Observer,
) -> Result<PreparedRoot> {
    match request.source {
        RootSource::Host => hostroot::prepare(request.mount_point.to_owned(), request.size, request.caller),
        RootSource::Directory(path) => directory(&request.caller.cwd.join(path)),
        RootSource::Image(text) => image(request, text, facts, observer),
    }
}

fn directory(path: &Path) -> Result<PreparedRoot> {
    let failed = || format!("cannot use {} as a root", path.display());
    let path = std::fs::canonicalize(path).call(|| format!("realpath({path:?})")).map_err(|error| {
        let hint = (error.errno() == holm_sys::Errno::NOENT)
            .then(|| "give the directory that a root file system is unpacked in".to_owned());
        Error::new(failed()).with_cause(error).with_some_hint(hint)
    })?;
    if !path.is_dir() {
        return Err(Error::new(failed()).with_cause("it is not a directory").with_hint(
            "give the directory that a root file system is unpacked in; an image: holm run oci:DIR or docker-archive:FILE",
        ));
    }
    Ok(PreparedRoot {
        kind: RootKind::Directory,
        path,
        overlay: None,
        mounts: Vec::new(),
        settings: ImageSettings::default(),
    })
}

fn image(
    request: &Request<'_>,
    text: &str,
    facts: &dyn Fn() -> IdFacts,
    observer: &mut dyn Observer,
) -> Result<PreparedRoot> {
    let failed = |error: &holm_image::Error| from_image(&format!("use the image {text}"), error);
    let mut reference: Reference = text.parse().map_err(|error| failed(&error))?;
    reference.path = request.caller.cwd.join(&reference.path);
    // Before the store is opened, which makes it: an image that is not there leaves nothing behind.
    let image = holm_image::resolve(&reference, &Platform::host()).map_err(|error| failed(&error))?;
    let store =
        Store::open(&store_directory(request.caller, request.maps)?).map_err(|error| failed(&error))?;
    let maps = match request.maps {
        _ if request.caller.is_root() => None,
        Some(maps) => Some(maps.clone()),
        None => Some(crate::userns::of_ordinary_user(&facts())?.0),
    };
    let work = unpack::Work {
        store: &store,
        image: &image,
        maps: maps.as_ref(),
        caller: request.caller,
        signals: request.signals,
    };
    let unpacked = work.carry_out().map_err(|error| named(error, text))?;
    let overlay = OverlayRoot {
        lower: unpacked.layers.into_iter().rev().collect(),
        parts: Vec::new(),
        links: Vec::new(),
        size: request.size.map(|size| size.to_string()),
    };
    unpacked.notes.iter().for_each(|note| observer.note(note));
    Ok(PreparedRoot {
        kind: RootKind::Image,
        path: request.mount_point.to_owned(),
        overlay: Some(overlay),
        mounts: Vec::new(),
        settings: settings(image),
    })
}

fn named(error: Error, image: &str) -> Error {
    if error.status() != STATUS_FAILED {
        return error;
    }
    let cause = error.to_string();
    let told = Error::new(format!("cannot use the image {image}")).with_cause(cause);
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

fn settings(image: Image) -> ImageSettings {
    let config = image.config;
    ImageSettings {
        entrypoint: config.entrypoint,
        command: config.cmd,
        environment: config.env,
        workdir: Some(config.working_dir),
        user: Some(config.user),
        stop_signal: config.stop_signal,
        volumes: config.volumes,
    }
}

/// Whether the root of a user namespace can have the directory `path`.
fn can_make(path: &Path) -> bool {
    let there = path.ancestors().find(|path| path.exists());
    there.is_some_and(|path| path.is_dir() && accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok())
}

/// Where unpacked layers are kept. The root of a user namespace keeps them as an ordinary user where the machine's
/// directories are not its own. Layers that were unpacked with other maps have other owners, and are kept apart.
fn store_directory(caller: &Caller, maps: Option<&IdMaps>) -> Result<PathBuf> {
    let said = caller.variable(STORE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let apart = |store: PathBuf| match maps.filter(|_| !caller.is_root()) {
        Some(maps) => store.join(format!("maps-{:08x}", maps.fingerprint())),
        None => store,
    };
    if let Some(said) = said {
        if !said.is_absolute() {
            return Err(Error::new(format!("{STORE_VARIABLE}={} cannot be taken as it is", said.display()))
                .with_cause("it is not an absolute path"));
        }
        return Ok(apart(said));
    }
    if caller.is_machine_root() || caller.is_root() && can_make(Path::new(STORE_OF_ROOT)) {
        return Ok(PathBuf::from(STORE_OF_ROOT));
    }
    let absolute = |name: &str| caller.variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    let data = data.ok_or_else(|| {
        Error::new("cannot find a place for unpacked images")
            .with_cause("neither XDG_DATA_HOME nor HOME is the path of a directory")
            .with_hint(format!("say a directory with {STORE_VARIABLE}"))
    })?;
    Ok(apart(data.join("holm")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::tests::caller;

    #[test]
    fn layers_are_kept_where_the_user_keeps_data() {
        assert_eq!(store_directory(&caller(0), None).unwrap(), PathBuf::from("/var/lib/holm"));
        let mut user = caller(1000);
        assert_eq!(store_directory(&user, None).unwrap(), PathBuf::from("/home/caller/.local/share/holm"));
        user.environment.push(("XDG_DATA_HOME".into(), "/data".into()));
        assert_eq!(store_directory(&user, None).unwrap(), PathBuf::from("/data/holm"));
        user.environment.push(("HOLM_STORE".into(), "/disk/layers".into()));
        assert_eq!(store_directory(&user, None).unwrap(), PathBuf::from("/disk/layers"));
        let root = Caller { uid: 0, ..user.clone() };
        assert_eq!(store_directory(&root, None).unwrap(), PathBuf::from("/disk/layers"));
        user.environment.clear();
        user.environment.push(("HOLM_STORE".into(), "layers".into()));
        assert!(store_directory(&user, None).is_err());
        user.environment.clear();
        assert!(store_directory(&user, None).is_err());
    }

    #[test]
    fn a_directory_can_be_made_where_the_one_above_is_writable() {
        let directory = tempfile::tempdir().unwrap();
        assert!(can_make(&directory.path().join("lib/holm")));
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert!(!can_make(&directory.path().join("file/holm")));
    }

    #[test]
    fn layers_of_other_maps_are_kept_apart() {
        let user = caller(1000);
        let map = holm_namespaces::IdMap::single(0, 1000).unwrap();
        let apart = store_directory(&user, Some(&IdMaps { uid: map.clone(), gid: map })).unwrap();
        assert_ne!(apart, store_directory(&user, None).unwrap());
    }

    #[test]
    fn a_root_that_is_no_directory_is_refused() {
        assert!(directory(Path::new("/nowhere/at/all")).unwrap_err().cause().unwrap().contains("ENOENT"));
        assert!(directory(Path::new("/etc/passwd")).unwrap_err().hint().is_some());
    }
}
