//! The root, and what comes before and after its mounts.

use std::path::PathBuf;

use holm_mounts::{MountAttr, Propagation};
use holm_namespaces::Kind;
use holm_spec::{OverlayRoot, PropagationChange};

use crate::decide::{Draft, Taking};
use crate::{Error, Idmap, MountChange, PropagationStep, RootEntry, RootSource, Step, devices, mounts};

/// Fills in the child's second phase.
pub(crate) fn decide(draft: &mut Draft<'_>) -> Result<(), Error> {
    let source = root_source(draft);
    if own_mounts(draft) {
        draft.root.push(Step::SeverMounts);
    }
    draft.root.push(make_root(draft, source));
    parts(draft);
    mounts::decide(draft)?;
    devices::decide(draft);
    finish(draft);
    Ok(())
}

/// The root itself, which comes right after the mounts are severed. It keeps no peer on the host: what is mounted in
/// it would appear there. (A shared root is made so at the end: pivot_root(2) refuses one.)
fn make_root(draft: &Draft<'_>, source: RootSource) -> Step {
    let wanted = draft.spec.linux.rootfs_propagation.map_or(Propagation::Slave, |change| change.propagation);
    let propagation = if wanted == Propagation::Slave { wanted } else { Propagation::Private };
    let change = MountChange {
        set: closed(draft),
        propagation: vec![PropagationStep { propagation, recursive: true }],
        ..MountChange::default()
    };
    Step::MakeRoot { path: draft.spec.root.path.clone(), attach: own_mounts(draft), source, change }
}

fn root_source(draft: &mut Draft<'_>) -> RootSource {
    let root = &draft.spec.root;
    match &root.overlay {
        None => RootSource::Directory { slot: draft.take_mount(&root.path, Taking::plainly(true)) },
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
    let idmapped =
        || Taking { recursive: false, idmap: Some(Idmap { recursive: false, maps: None }), follow: true };
    let lower = overlay.lower.iter().map(|layer| draft.take_mount(layer, idmapped())).collect();
    RootSource::TakenLayers { lower, size: overlay.size.clone() }
}

/// What comes when everything is mounted: the working directory, what is hidden, and the root itself.
fn finish(draft: &mut Draft<'_>) {
    let linux = &draft.spec.linux;
    let cwd = draft.spec.process.as_ref().map(|process| &process.cwd);
    if let Some(path) = cwd.filter(|cwd| cwd.parent().is_some()) {
        draft.root.push(Step::MakeDirectory { path: path.clone() });
    }
    draft.enter.extend(linux.readonly_paths.iter().map(|path| Step::ReadonlyPath { path: path.clone() }));
    draft.enter.extend(linux.masked_paths.iter().map(|path| Step::MaskPath { path: path.clone() }));
    mounts::finish(draft);
    let linux = &draft.spec.linux;
    if draft.spec.root.readonly {
        // The parts of a root are mounts of their own, each as writable as the whole.
        let parts = draft.spec.root.overlay.iter().flat_map(|overlay| overlay.parts.clone());
        let change = MountChange { set: MountAttr::RDONLY, ..MountChange::default() };
        let read_only = |path| Step::ChangeMount { path, change: change.clone() };
        draft.enter.extend(parts.chain([PathBuf::from("/")]).map(read_only));
    }
    draft.enter.push(Step::EnterRoot { by: entry(draft) });
    let later = |change: &PropagationChange| change.propagation != Propagation::Slave;
    if let Some(change) = linux.rootfs_propagation.filter(later) {
        let change = MountChange { propagation: vec![propagation_step(change)], ..MountChange::default() };
        draft.enter.push(Step::ChangeMount { path: PathBuf::from("/"), change });
    }
}

/// Whether the mount namespace is the container's own.
pub(crate) fn own_mounts(draft: &Draft<'_>) -> bool {
    draft.spec.linux.is_new(Kind::Mount)
}

fn entry(draft: &Draft<'_>) -> RootEntry {
    match own_mounts(draft) {
        false => RootEntry::Chroot,
        true if draft.no_pivot => RootEntry::Move,
        true => RootEntry::Pivot,
    }
}

/// What the root is closed to.
fn closed(draft: &Draft<'_>) -> MountAttr {
    if draft.nodes_guarded { MountAttr::empty() } else { MountAttr::NODEV }
}

pub(crate) fn propagation_step(change: PropagationChange) -> PropagationStep {
    PropagationStep { propagation: change.propagation, recursive: change.recursive }
}
