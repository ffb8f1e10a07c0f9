//! The content store: a directory that holds unpacked layers, shared by all images that have them.
//!
//! ```text
//! STORE/                                   0700
//!   lock                                   held shared while a temporary directory is made, exclusively to clean up
//!   layers/sha256/DIFFID/fs/               a layer, unpacked
//!   layers/sha256/DIFFID/implied           directories of it that have no entry in the layer, ended by NULs each
//!   corrections/sha256/CHAINID/fs/         what goes on top of these layers, for the sake of such directories
//!   single-id/...                          the same for layers whose ownership was not kept
//!   locks/DIFFID                           held while a layer is unpacked
//!   tmp/PID.N/                             locked by the process that works in it
//! ```
//!
//! A layer appears by rename(2), whole. Nothing is synced: after a crash of the machine the store may be thrown away.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use holm_sys::{Context, Errno};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags, flock, mkdirat, open, renameat_with};
use rustix::io::retry_on_intr;

use crate::error::{Error, Result};
use crate::extract::Ownership;
use crate::image::{Image, Request};
use crate::source::Source;
use crate::{Digest, Platform, Reference, Transport, docker, layout, remove};

/// A content store. See the [crate's documentation](crate) for its use.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store in `directory`, which is made with mode 0700 if it is missing, and removes what processes that
    /// died have left in it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the directory cannot be made or used, or belongs to another user.
    pub fn open(directory: &Path) -> Result<Self> {
        let store = Self { root: directory.to_owned() };
        store.prepare().map_err(|source| Error::Store { path: directory.to_owned(), source })?;
        let root = std::fs::canonicalize(directory)
            .call(|| format!("realpath({directory:?})"))
            .map_err(|source| Error::Store { path: directory.to_owned(), source })?;
        let store = Self { root };
        store.clean();
        Ok(store)
    }

    /// The directory of the store.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Finds an image; see [`resolve`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn resolve(&self, reference: &Reference, platform: &Platform) -> Result<Image> {
        resolve(reference, platform)
    }

    /// Where the layer `diff_id` lies, or will lie.
    pub(crate) fn layer(&self, diff_id: &Digest, ownership: Ownership) -> PathBuf {
        self.trees(ownership).join("layers/sha256").join(diff_id.hex())
    }

    /// Where the corrections lie that belong on top of the layers of `chain_id`.
    pub(crate) fn corrections(&self, chain_id: &Digest, ownership: Ownership) -> PathBuf {
        self.trees(ownership).join("corrections/sha256").join(chain_id.hex())
    }

    /// Trees whose ownership was kept and others must not be mixed up.
    fn trees(&self, ownership: Ownership) -> PathBuf {
        match ownership {
            Ownership::Kept => self.root.clone(),
            Ownership::Single => self.root.join("single-id"),
        }
    }

    fn prepare(&self) -> holm_sys::Result<()> {
        make_directory(&self.root)?;
        let metadata = std::fs::metadata(&self.root).call(|| format!("stat({:?})", self.root))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let call = format!("stat({:?}) shows the owner {}", self.root, metadata.uid());
            return Err(holm_sys::Error::new(call, Errno::PERM));
        }
        if metadata.mode() & 0o077 != 0 {
            let mode = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(&self.root, mode).call(|| format!("chmod({:?}, 0700)", self.root))?;
        }
        let trees = [Ownership::Kept, Ownership::Single].map(|ownership| self.trees(ownership));
        let below =
            trees.iter().flat_map(|tree| [tree.join("layers/sha256"), tree.join("corrections/sha256")]);
        below
            .chain([self.root.join("tmp"), self.root.join("locks")])
            .try_for_each(|path| make_directory(&path))
    }

    /// Removes the temporary directories that nobody has locked. What cannot be removed by this user (it may belong to
    /// ids that are mapped in a user namespace alone) is left for a later call.
    fn clean(&self) {
        let Ok(_lock) = self.lock_file("lock", FlockOperation::NonBlockingLockExclusive) else { return };
        let Ok(entries) = std::fs::read_dir(self.root.join("tmp")) else { return };
        for entry in entries.flatten() {
            if lock_directory(&entry.path()).is_ok() {
                let _ = remove::tree_at(&entry.path());
            }
        }
    }

    fn lock_file(&self, name: &str, operation: FlockOperation) -> holm_sys::Result<OwnedFd> {
        let path = self.root.join(name);
        let flags = OFlags::RDONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = open(&path, flags, Mode::RUSR | Mode::WUSR).call(|| format!("open({path:?}, O_CREAT)"))?;
        retry_on_intr(|| flock(&file, operation)).call(|| format!("flock({path:?})"))?;
        Ok(file)
    }

    /// Waits until no other process unpacks the layer. The lock spares work and is not needed for order: the file may
    /// be gone when somebody else comes.
    pub(crate) fn lock_layer(&self, diff_id: &Digest) -> holm_sys::Result<LayerLock> {
        let name = format!("locks/{}", diff_id.hex());
        let _file = self.lock_file(&name, FlockOperation::LockExclusive)?;
        Ok(LayerLock { path: self.root.join(name), _file })
    }

    /// Makes an empty directory for work that may fail.
    pub(crate) fn temporary(&self) -> holm_sys::Result<Temporary> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Nobody cleans up between the making and the locking.
        let _lock = self.lock_file("lock", FlockOperation::LockShared)?;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join("tmp").join(format!("{}.{number}", std::process::id()));
            match mkdirat(CWD, &path, Mode::RWXU) {
                // Of a process of the same number in another PID namespace.
                Err(Errno::EXIST) => continue,
                made => made.call(|| format!("mkdir({path:?}, 0700)"))?,
            }
            let directory = lock_directory(&path)?;
            return Ok(Temporary { path, directory });
        }
    }
}

/// Finds an image and reads its documents; no layer is read.
///
/// Needs read access to the image alone, and no store. The digest and size of every document are verified where
/// something promises them, and that all layers are there with the right size.
///
/// # Errors
///
/// All but those about the entries of layers: see [`Error`].
pub fn resolve(reference: &Reference, platform: &Platform) -> Result<Image> {
    let source = Source::open(reference)?;
    let request = Request { reference, platform };
    match reference.transport {
        Transport::Oci | Transport::OciArchive => layout::resolve(&source, &request),
        Transport::DockerArchive => docker::resolve(&source, &request),
    }
}

fn make_directory(path: &Path) -> holm_sys::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .call(|| format!("mkdir({path:?}, 0700)"))
}

fn lock_directory(path: &Path) -> holm_sys::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = open(path, flags, Mode::empty()).call(|| format!("open({path:?}, O_DIRECTORY)"))?;
    flock(&directory, FlockOperation::NonBlockingLockExclusive).call(|| format!("flock({path:?})"))?;
    Ok(directory)
}

/// A layer that this process alone unpacks.
pub(crate) struct LayerLock {
    path: PathBuf,
    _file: OwnedFd,
}

impl Drop for LayerLock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A temporary directory, removed with all in it unless it was moved away.
pub(crate) struct Temporary {
    path: PathBuf,
    directory: OwnedFd,
}

impl Temporary {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a directory in it that is open for work, 0700 and without what it might inherit.
    pub(crate) fn subdirectory(&self, name: &str) -> holm_sys::Result<OwnedFd> {
        mkdirat(&self.directory, name, Mode::RWXU).call(|| format!("mkdirat({name:?}, 0700)"))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = rustix::fs::openat(&self.directory, name, flags, Mode::empty())
            .call(|| format!("openat({name:?}, O_DIRECTORY)"))?;
        for acl in ["system.posix_acl_default", "system.posix_acl_access"] {
            // There is none as a rule.
            let _ = rustix::fs::fremovexattr(&made, acl);
        }
        // A set-group-ID bit would be handed down.
        rustix::fs::fchmod(&made, Mode::RWXU).call(|| format!("fchmod({name:?}, 0700)"))?;
        Ok(made)
    }

    /// Moves it to `place`, if there is nothing yet: whoever came first is right, for the content is the same.
    pub(crate) fn rename(self, place: &Path) -> holm_sys::Result<()> {
        let moved = renameat_with(CWD, &self.path, CWD, place, RenameFlags::NOREPLACE);
        // A filesystem without the flag does not replace a directory with something in it either.
        let moved = match moved {
            Err(Errno::INVAL) => rustix::fs::rename(&self.path, place),
            moved => moved,
        };
        match moved {
            Err(Errno::EXIST | Errno::NOTEMPTY) => Ok(()),
            moved => moved.call(|| format!("rename({:?}, {place:?})", self.path)),
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = remove::tree_at(&self.path);
    }
}
