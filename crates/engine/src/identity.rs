//! Who a command runs as, looked up in the container's own /etc/passwd and /etc/group.

use crate::caller::Caller;
use crate::config::{Identity, PreparedRoot, RootKind};
use crate::options::UserSpec;
use crate::userns::UserNamespace;
use crate::{Error, Result};

/// Looks up what was asked for, else what the image says; else it is the superuser of the container, or where there
/// is none, the one id that there is.
///
/// # Errors
///
/// When there is no such user or group.
pub(crate) fn find(
    said: Option<&UserSpec>,
    root: &PreparedRoot,
    namespace: &UserNamespace,
    caller: &Caller,
) -> Result<Identity> {
    let of_image = root.settings.user.as_deref().filter(|user| !user.is_empty());
    let mut wanted = match (said, of_image) {
        (Some(said), _) => said.to_string(),
        (None, Some(of_image)) => of_image.to_owned(),
        (None, None) => String::new(),
    };
    let only = only_ids(namespace);
    if let Some((uid, gid)) = only.filter(|_| wanted.is_empty()) {
        wanted = format!("{uid}:{gid}");
    }
    let found = look_up(root, &wanted)?;
    // The superuser of an ordinary user's container is that user, whose files are in that user's home.
    let own_home = root.kind == RootKind::Host && is_caller(found.uid, namespace, caller);
    let home = if own_home { caller.variable("HOME").map(str::to_owned) } else { None };
    Ok(Identity { home: home.or(found.home), ..found })
}

/// Looks `wanted` (`USER[:GROUP]`, nothing for root) up in the root.
///
/// # Errors
///
/// When there is no such user or group.
pub(crate) fn look_up(root: &PreparedRoot, wanted: &str) -> Result<Identity> {
    let found = holm_image::user_of_layers(&root.layers(), wanted)
        .map_err(|error| from_image("find the user", &error))?;
    Ok(Identity { uid: found.uid, gid: found.gid, additional_gids: found.additional_gids, home: found.home })
}

/// The ids of a container without a superuser.
fn only_ids(namespace: &UserNamespace) -> Option<(u32, u32)> {
    match namespace {
        UserNamespace::New(maps) if maps.uid.to_host(0).is_none() => {
            Some((maps.uid.mappings().first()?.container, maps.gid.mappings().first()?.container))
        }
        UserNamespace::New(_) | UserNamespace::Host | UserNamespace::Join(_) => None,
    }
}

fn is_caller(uid: u32, namespace: &UserNamespace, caller: &Caller) -> bool {
    match namespace {
        UserNamespace::Host => uid == caller.uid,
        UserNamespace::New(maps) => maps.uid.to_host(uid) == Some(caller.uid),
        UserNamespace::Join(_) => false,
    }
}

/// An error of the image crate, which says what was tried and why it failed in one line.
pub(crate) fn from_image(doing: &str, error: &holm_image::Error) -> Error {
    let told = Error::new(format!("cannot {doing}")).with_cause(error);
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::tests::caller;
    use crate::config::ImageSettings;
    use crate::userns::IdMaps;
    use holm_namespaces::IdMap;

    fn root(kind: RootKind, user: Option<&str>) -> (tempfile::TempDir, PreparedRoot) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        std::fs::write(
            directory.path().join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n",
        )
        .unwrap();
        std::fs::write(directory.path().join("etc/group"), "root:x:0:\nextra:x:40:web\n").unwrap();
        let settings = ImageSettings { user: user.map(str::to_owned), ..ImageSettings::default() };
        let path = directory.path().to_owned();
        (directory, PreparedRoot { kind, path, overlay: None, mounts: Vec::new(), settings })
    }

    fn single(container: u32, host: u32) -> UserNamespace {
        let map = IdMap::single(container, host).unwrap();
        UserNamespace::New(IdMaps { uid: map.clone(), gid: map })
    }

    #[test]
    fn the_command_line_wins_over_the_image_and_the_image_over_root() {
        let (_directory, image) = root(RootKind::Image, Some("web"));
        let caller = caller(0);
        let user: UserSpec = "0:40".parse().unwrap();
        let find = |said| super::find(said, &image, &UserNamespace::Host, &caller).unwrap();
        assert_eq!(
            find(None),
            Identity { uid: 33, gid: 34, additional_gids: vec![40], home: Some("/srv".into()) }
        );
        assert_eq!((find(Some(&user)).uid, find(Some(&user)).gid), (0, 40));
        let (_directory, plain) = root(RootKind::Image, None);
        assert_eq!(
            super::find(None, &plain, &UserNamespace::Host, &caller).unwrap().home.as_deref(),
            Some("/root")
        );
    }

    #[test]
    fn where_there_is_no_superuser_the_one_id_is_it() {
        let (_directory, image) = root(RootKind::Image, None);
        let found = find(None, &image, &single(1000, 1000), &caller(1000)).unwrap();
        assert_eq!((found.uid, found.gid), (1000, 1000));
    }

    #[test]
    fn the_superuser_of_one_s_own_root_is_at_home_where_one_is() {
        let (_directory, own) = root(RootKind::Host, None);
        let found = find(None, &own, &single(0, 1000), &caller(1000)).unwrap();
        assert_eq!((found.uid, found.home.as_deref()), (0, Some("/home/caller")));
    }

    #[test]
    fn who_is_not_there_is_an_error() {
        let (_directory, image) = root(RootKind::Image, None);
        let user: UserSpec = "nobody".parse().unwrap();
        assert!(find(Some(&user), &image, &UserNamespace::Host, &caller(0)).is_err());
    }
}
