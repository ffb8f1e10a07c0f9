//! Id maps of a mount: the container's, its own, or written into its options.

use holm_namespaces::{IdMap, Mapping};
use oci_spec::runtime as oci;

use crate::linux::id_map;
use crate::{Error, MountOptions};

/// How a mount is idmapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdmapChoice {
    /// For all mounts below as well (`ridmap`).
    pub recursive: bool,
    /// By these maps; without them by those of the container's user namespace.
    pub maps: Option<MountMaps>,
}

/// Maps of a mount's own: inside is the id of the file system, outside the one that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountMaps {
    /// Of uids.
    pub uids: IdMap,
    /// Of gids.
    pub gids: IdMap,
}

/// What `idmap=uids=...;gids=...` may look like.
const FORM: &str =
    "idmap=uids=FIRST-BECOMES-COUNT;gids=FIRST-BECOMES-COUNT, several ranges with # between them";

impl IdmapChoice {
    pub(crate) fn of(
        mount: &oci::Mount,
        options: &MountOptions,
        field: &impl Fn(&str) -> String,
    ) -> Result<Option<Self>, Error> {
        let some =
            |maps: &Option<Vec<oci::LinuxIdMapping>>| maps.as_ref().is_some_and(|maps| !maps.is_empty());
        let (uids, gids) = (mount.uid_mappings(), mount.gid_mappings());
        if some(uids) != some(gids) {
            let missing = if some(uids) { "gidMappings" } else { "uidMappings" };
            return Err(Error::invalid(field(missing), "missing", "uidMappings and gidMappings, or neither"));
        }
        let own = Self::own(uids.as_deref(), gids.as_deref(), field)?;
        let written = options.idmap_words.as_deref().map(|words| Self::read(words, field)).transpose()?;
        let Some(maps) = own.or(written) else {
            return Ok(options.idmap.map(|recursive| Self { recursive, maps: None }));
        };
        Ok(Some(Self { recursive: options.idmap.unwrap_or(false), maps: Some(maps) }))
    }

    fn own(
        uids: Option<&[oci::LinuxIdMapping]>,
        gids: Option<&[oci::LinuxIdMapping]>,
        field: &impl Fn(&str) -> String,
    ) -> Result<Option<MountMaps>, Error> {
        let uids = id_map(&field("uidMappings"), uids)?;
        let gids = id_map(&field("gidMappings"), gids)?;
        Ok(uids.zip(gids).map(|(uids, gids)| MountMaps { uids, gids }))
    }

    /// The form of crun, which Podman hands on. Its ranges that are relative to the container's user namespace (`@`) are not
    /// known here.
    fn read(words: &str, field: &impl Fn(&str) -> String) -> Result<MountMaps, Error> {
        let invalid = || Error::invalid(field("options"), format!("\"idmap={words}\""), FORM);
        let (mut uids, mut gids) = (None, None);
        for part in words.split(';').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("uids", ranges)) => uids = Some(read_map(ranges).ok_or_else(invalid)?),
                Some(("gids", ranges)) => gids = Some(read_map(ranges).ok_or_else(invalid)?),
                _ => return Err(invalid()),
            }
        }
        match (uids, gids) {
            (Some(uids), Some(gids)) => Ok(MountMaps { uids, gids }),
            _ => Err(invalid()),
        }
    }
}

fn read_map(ranges: &str) -> Option<IdMap> {
    let mapping = |range: &str| {
        let mut numbers = range.split('-').map(|number| number.parse::<u32>().ok());
        let mapping = Mapping { container: numbers.next()??, host: numbers.next()??, size: numbers.next()?? };
        numbers.next().is_none().then_some(mapping)
    };
    let mappings = ranges.split('#').map(mapping).collect::<Option<Vec<_>>>()?;
    IdMap::new(mappings).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_in_the_words_of_crun() {
        let field = |name: &str| name.to_owned();
        let maps = IdmapChoice::read("uids=0-1000-1#10-11-10;gids=0-100-10", &field).unwrap();
        assert_eq!(maps.uids.to_host(15), Some(16));
        assert_eq!(maps.gids.to_host(9), Some(109));
        for words in
            ["", "uids=0-1-1", "uids=0-1;gids=0-1-1", "uids=a-1-1;gids=0-1-1", "uids=@0-1-1;gids=0-1-1", "x"]
        {
            assert!(IdmapChoice::read(words, &field).is_err(), "{words}");
        }
    }
}
