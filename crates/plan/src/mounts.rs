//! The `mounts` of the configuration.

use std::path::{Path, PathBuf};

use holm_mounts::{FsOption, MountAttr, Propagation};
use holm_namespaces::Kind;
use holm_spec::{IdmapChoice, Mount, MountSource, SourceLink};

use crate::decide::{Draft, Taking};
use crate::filesystem::{own_mounts, propagation_step};
use crate::{Error, Idmap, Inherits, MountChange, PropagationStep, Step, Symlinks, cgroups};

/// Each in its turn, after those that it may lie in.
pub(crate) fn decide(draft: &mut Draft<'_>) -> Result<(), Error> {
    let spec = draft.spec;
    for mount in &spec.mounts {
        if let Some(idmap) = &mount.idmap {
            may_idmap(draft, mount, idmap)?;
        }
        one(draft, mount);
    }
    Ok(())
}

fn may_idmap(draft: &Draft<'_>, mount: &Mount, idmap: &IdmapChoice) -> Result<(), Error> {
    let refuse = |cause: &str, hint: &str| {
        Err(Error::new(format!("idmap the mount on {}", mount.destination.display()), cause, hint))
    };
    if idmap.maps.is_none() && !draft.spec.linux.namespaces.contains_key(&Kind::User) {
        return refuse(
            "there is no user namespace whose ids it could take",
            "give the container a user namespace (--userns auto), or the mount maps of its own, or leave idmap out",
        );
    }
    if !draft.facts.privileged() {
        return refuse(
            "the kernel lets only an administrator of the host idmap a mount of the host",
            "leave idmap out; as an ordinary user you own your files inside anyway",
        );
    }
    Ok(())
}

fn one(draft: &mut Draft<'_>, mount: &Mount) {
    match &mount.source {
        MountSource::Bind { path, recursive, link } => bind(draft, mount, path, *recursive, *link),
        MountSource::Cgroups => cgroups::mounts(draft, mount),
        MountSource::Filesystem { fstype, source, options, copy_up } => {
            let step = Step::MountFilesystem {
                destination: mount.destination.clone(),
                fstype: fstype.clone(),
                source: source.clone(),
                options: filesystem_options(draft, mount, fstype, options),
                change: MountChange {
                    set: change(draft, mount).set - late(draft, mount),
                    ..change(draft, mount)
                },
                symlinks: symlinks(mount),
                inherits: inherits(fstype, options, *copy_up),
            };
            draft.root.push(step);
        }
        MountSource::Remount { options } => {
            let (path, change) = (mount.destination.clone(), change(draft, mount));
            draft.root.push(match options {
                None => Step::ChangeMount { path, change },
                Some(options) => Step::Reconfigure { path, options: options.clone(), change },
            });
        }
    }
}

fn bind(draft: &mut Draft<'_>, mount: &Mount, path: &Path, recursive: bool, link: SourceLink) {
    let maps = |idmap: &IdmapChoice| idmap.maps.as_ref().map(|maps| (maps.uids.clone(), maps.gids.clone()));
    let idmap = mount.idmap.as_ref().map(|idmap| Idmap { recursive: idmap.recursive, maps: maps(idmap) });
    let follow = link == SourceLink::Follow;
    let slot = draft.take_mount(path, Taking { recursive, idmap, follow });
    draft.root.push(Step::AttachMount {
        slot,
        destination: mount.destination.clone(),
        change: change(draft, mount),
        symlinks: symlinks(mount),
        copy_link: link == SourceLink::Copy,
    });
}

/// A file system that is mounted read-only is told so too: one on a disk would write to it when it is mounted.
fn filesystem_options(draft: &Draft<'_>, mount: &Mount, fstype: &str, options: &[FsOption]) -> Vec<FsOption> {
    let readonly = mount.attributes.set.contains(MountAttr::RDONLY) && late(draft, mount).is_empty();
    let told = readonly && !matches!(fstype, "proc" | "sysfs" | "mqueue" | "devpts");
    told.then(|| FsOption::flag("ro")).into_iter().chain(options.iter().cloned()).collect()
}

/// As runc has it: a tmpfs has the permissions of what it covers, if nothing is said of them.
fn inherits(fstype: &str, options: &[FsOption], copy_up: bool) -> Inherits {
    match options.iter().any(|option| option.key == "mode") {
        _ if copy_up => Inherits::Content,
        false if fstype == "tmpfs" => Inherits::Mode,
        _ => Inherits::Nothing,
    }
}

/// Devices, and places for other mounts, are still to be made in these: they become read-only when all is mounted. In a root
/// that is attached nowhere nothing can be changed any more.
fn late(draft: &Draft<'_>, mount: &Mount) -> MountAttr {
    if !own_mounts(draft) {
        return MountAttr::empty();
    }
    let tmpfs = matches!(&mount.source, MountSource::Filesystem { fstype, .. } if fstype == "tmpfs");
    let dev = mount.destination == Path::new("/dev") && !mount.is_bind();
    if tmpfs || dev { mount.attributes.set & MountAttr::RDONLY } else { MountAttr::empty() }
}

/// What becomes read-only when all is mounted.
pub(crate) fn finish(draft: &mut Draft<'_>) {
    let set = MountAttr::RDONLY;
    let late = draft.spec.mounts.iter().filter(|mount| !late(draft, mount).is_empty());
    let step =
        |path: PathBuf| Step::ChangeMount { path, change: MountChange { set, ..MountChange::default() } };
    let steps: Vec<Step> = late.map(|mount| step(mount.destination.clone())).collect();
    draft.enter.extend(steps);
}

/// The attributes and propagation of a mount of the configuration.
pub(crate) fn change(draft: &Draft<'_>, mount: &Mount) -> MountChange {
    let remounts = matches!(mount.source, MountSource::Remount { .. });
    let words = || mount.propagation.iter().copied().map(propagation_step).collect();
    MountChange {
        set: mount.attributes.set | closed_to_devices(draft, mount, false),
        clear: mount.attributes.clear,
        // A word about one flag of what is bound is one about all: what mount(8) means by `-o bind,ro`, and runc does.
        exact: (mount.is_bind() || remounts) && !mount.attributes.is_empty(),
        set_recursive: mount.recursive.set | closed_to_devices(draft, mount, true),
        clear_recursive: mount.recursive.clear,
        propagation: if mount.is_bind() && mount.propagation.is_empty() { unsaid(draft) } else { words() },
    }
}

/// A bind mount without a word about it is what the mount namespace is made to be by `rootfsPropagation`: a slave if
/// nothing is said.
fn unsaid(draft: &Draft<'_>) -> Vec<PropagationStep> {
    let namespace = draft.spec.linux.rootfs_propagation.map(|change| change.propagation);
    let propagation = match namespace.unwrap_or(Propagation::Slave) {
        Propagation::Shared => return Vec::new(),
        Propagation::Slave => Propagation::Slave,
        Propagation::Private | Propagation::Unbindable => Propagation::Private,
    };
    vec![PropagationStep { propagation, recursive: true }]
}

/// Where nothing else keeps them from it, a node that somebody makes (CAP_MKNOD is among Docker's default capabilities)
/// must not open a device of the host: nodes do nothing in a mount that does not say `dev`. The devices that the
/// container has are mounts of their own then.
fn closed_to_devices(draft: &Draft<'_>, mount: &Mount, recursive: bool) -> MountAttr {
    let tree = matches!(mount.source, MountSource::Bind { recursive: true, .. });
    let remounts = matches!(mount.source, MountSource::Remount { .. });
    let terminals = matches!(&mount.source, MountSource::Filesystem { fstype, .. } if fstype == "devpts");
    let wanted = (mount.attributes.clear | mount.recursive.clear).contains(MountAttr::NODEV);
    if tree != recursive || terminals || remounts || wanted || draft.nodes_guarded {
        MountAttr::empty()
    } else {
        MountAttr::NODEV
    }
}

/// Links are followed inside the root, but not on the way to where the runtime itself relies on what it finds.
fn symlinks(mount: &Mount) -> Symlinks {
    match symlinks_to(&mount.destination) {
        Symlinks::Follow if mount.covers_link => Symlinks::Cover,
        other => other,
    }
}

pub(crate) fn symlinks_to(destination: &Path) -> Symlinks {
    let guarded = ["/proc", "/sys", "/dev"].iter().any(|prefix| destination.starts_with(prefix));
    if guarded { Symlinks::Refuse } else { Symlinks::Follow }
}
