//! The root, the mounts, what is masked.

use std::path::{Path, PathBuf};

use holm_mounts::{MountAttr, Propagation};
use holm_namespaces::Kind;
use holm_spec::{Mount, MountSource, OverlayRoot, PropagationChange};

use crate::decide::Draft;
use crate::{Error, MountChange, PropagationStep, RootSource, Step, Symlinks, cgroups, devices};

/// Fills in the child's second phase.
pub(crate) fn decide(draft: &mut Draft<'_>) -> Result<(), Error> {
    let source = root_source(draft);
    draft.root.push(Step::SeverMounts);
    draft.root.push(make_root(draft, source));
    parts(draft);
    mounts(draft)?;
    devices::decide(draft);
    finish(draft);
    Ok(())
}

/// The root itself, which comes right after the mounts are severed. It keeps no peer on the host: what is mounted in
/// it would appear there. (A shared root is made so at the end: pivot_root(2) refuses one.)
fn make_root(draft: &Draft<'_>, source: RootSource) -> Step {
    let wanted = draft.spec.linux.rootfs_propagation.map(|change| change.propagation);
    let propagation = wanted.filter(|wanted| *wanted == Propagation::Slave).unwrap_or(Propagation::Private);
    let change = MountChange {
        set: closed(draft),
        propagation: vec![PropagationStep { propagation, recursive: true }],
        ..MountChange::default()
    };
    Step::MakeRoot { path: draft.spec.root.path.clone(), source, change }
}

fn root_source(draft: &mut Draft<'_>) -> RootSource {
    let root = &draft.spec.root;
    match &root.overlay {
        None => RootSource::Directory { slot: draft.take_mount(&root.path, true, None) },
        Some(overlay) if overlay.lower.is_empty() => RootSource::Empty { size: overlay.size.clone() },
        Some(overlay) if idmapped_layers(draft) => taken_layers(draft, overlay),
        Some(overlay) => RootSource::Layers { lower: overlay.lower.clone(), size: overlay.size.clone() },
    }
}

/// What a root without layers has in it.
fn parts(draft: &mut Draft<'_>) {
    let Some(overlay) = &draft.spec.root.overlay else { return };
    let change = MountChange { set: closed(draft), ..MountChange::default() };
    let mount = |path: &PathBuf| Step::MountOverlay { path: path.clone(), change: change.clone() };
    let link = |(path, target): &(PathBuf, PathBuf)| Step::MakeSymlink {
        path: path.clone(),
        target: target.clone(),
        replace: false,
    };
    draft.root.extend(overlay.parts.iter().map(mount));
    draft.root.extend(overlay.links.iter().map(link));
}

/// The layers of an image have the ids of the image. In a user namespace that root made, they are idmapped instead of
/// being chowned or copied; an ordinary user unpacked them with the right ids in the first place.
fn idmapped_layers(draft: &Draft<'_>) -> bool {
    draft.new_user_namespace() && draft.facts.privileged()
}

fn taken_layers(draft: &mut Draft<'_>, overlay: &OverlayRoot) -> RootSource {
    let lower = overlay.lower.iter().map(|layer| draft.take_mount(layer, false, Some(false))).collect();
    RootSource::TakenLayers { lower, size: overlay.size.clone() }
}

fn mounts(draft: &mut Draft<'_>) -> Result<(), Error> {
    let spec = draft.spec;
    for mount in &spec.mounts {
        if mount.idmap.is_some() && !spec.linux.namespaces.contains_key(&Kind::User) {
            let hint = "give the container a user namespace (--userns auto), or leave idmap out";
            return Err(Error::new(
                format!("idmap the mount on {}", mount.destination.display()),
                "there is no user namespace whose ids it could take",
                hint,
            ));
        }
        one(draft, mount)?;
    }
    Ok(())
}

fn one(draft: &mut Draft<'_>, mount: &Mount) -> Result<(), Error> {
    match &mount.source {
        MountSource::Bind { path, recursive } => bind(draft, mount, path, *recursive),
        MountSource::Cgroups => {
            cgroups::mounts(draft, mount);
            Ok(())
        }
        MountSource::Filesystem { fstype, source, options } => {
            draft.root.push(Step::MountFilesystem {
                destination: mount.destination.clone(),
                fstype: fstype.clone(),
                source: source.clone(),
                options: options.clone(),
                change: change(draft, mount),
                symlinks: symlinks(&mount.destination),
            });
            Ok(())
        }
    }
}

fn bind(draft: &mut Draft<'_>, mount: &Mount, path: &Path, recursive: bool) -> Result<(), Error> {
    if mount.idmap.is_some() && !draft.facts.privileged() {
        return Err(Error::new(
            format!("idmap the mount of {}", path.display()),
            "the kernel lets only an administrator of the host idmap a mount of the host",
            "leave idmap out; as an ordinary user you own your files inside anyway",
        ));
    }
    let idmap = mount.idmap.map(|choice| choice.recursive);
    let slot = draft.take_mount(path, recursive, idmap);
    draft.root.push(Step::AttachMount {
        slot,
        destination: mount.destination.clone(),
        change: change(draft, mount),
        symlinks: symlinks(&mount.destination),
    });
    Ok(())
}

/// What comes when everything is mounted: the working directory, what is hidden, and the root itself.
fn finish(draft: &mut Draft<'_>) {
    let linux = &draft.spec.linux;
    let cwd = draft.spec.process.as_ref().map(|process| &process.cwd);
    if let Some(path) = cwd.filter(|cwd| cwd.parent().is_some()) {
        draft.root.push(Step::MakeDirectory { path: path.clone() });
    }
    draft.root.extend(linux.readonly_paths.iter().map(|path| Step::ReadonlyPath { path: path.clone() }));
    draft.root.extend(linux.masked_paths.iter().map(|path| Step::MaskPath { path: path.clone() }));
    if draft.spec.root.readonly {
        // The parts of a root are mounts of their own, each as writable as the whole.
        let parts = draft.spec.root.overlay.iter().flat_map(|overlay| overlay.parts.clone());
        let change = MountChange { set: MountAttr::RDONLY, ..MountChange::default() };
        let read_only = |path| Step::ChangeMount { path, change: change.clone() };
        draft.root.extend(parts.chain([PathBuf::from("/")]).map(read_only));
    }
    draft.root.push(Step::EnterRoot);
    let later = |change: &PropagationChange| change.propagation != Propagation::Slave;
    if let Some(change) = linux.rootfs_propagation.filter(later) {
        let change = MountChange { propagation: vec![propagation_step(change)], ..MountChange::default() };
        draft.root.push(Step::ChangeMount { path: PathBuf::from("/"), change });
    }
}

/// The attributes and propagation of a mount of the configuration.
pub(crate) fn change(draft: &Draft<'_>, mount: &Mount) -> MountChange {
    let default = mount.is_bind() && mount.propagation.is_empty();
    // A bind mount of the host without a word about it is private: runc and Docker have it so.
    let private = PropagationStep { propagation: Propagation::Private, recursive: true };
    let words = mount.propagation.iter().copied().map(propagation_step);
    MountChange {
        set: mount.attributes.set | closed_to_devices(draft, mount, false),
        clear: mount.attributes.clear,
        set_recursive: mount.recursive.set | closed_to_devices(draft, mount, true),
        clear_recursive: mount.recursive.clear,
        propagation: if default { vec![private] } else { words.collect() },
    }
}

/// What the root is closed to.
fn closed(draft: &Draft<'_>) -> MountAttr {
    if draft.nodes_guarded { MountAttr::empty() } else { MountAttr::NODEV }
}

/// Where nothing else keeps them from it, a node that somebody makes (CAP_MKNOD is among Docker's default capabilities)
/// must not open a device of the host: nodes do nothing in a mount that does not say `dev`. The devices that the
/// container has are mounts of their own then.
fn closed_to_devices(draft: &Draft<'_>, mount: &Mount, recursive: bool) -> MountAttr {
    let tree = matches!(mount.source, MountSource::Bind { recursive: true, .. });
    let terminals = matches!(&mount.source, MountSource::Filesystem { fstype, .. } if fstype == "devpts");
    let wanted = (mount.attributes.clear | mount.recursive.clear).contains(MountAttr::NODEV);
    if tree != recursive || terminals || wanted || draft.nodes_guarded {
        MountAttr::empty()
    } else {
        MountAttr::NODEV
    }
}

fn propagation_step(change: PropagationChange) -> PropagationStep {
    PropagationStep { propagation: change.propagation, recursive: change.recursive }
}

/// Links are followed inside the root, but not on the way to where the runtime itself relies on what it finds.
pub(crate) fn symlinks(destination: &Path) -> Symlinks {
    let guarded = ["/proc", "/sys", "/dev"].iter().any(|prefix| destination.starts_with(prefix));
    if guarded { Symlinks::Refuse } else { Symlinks::Follow }
}
