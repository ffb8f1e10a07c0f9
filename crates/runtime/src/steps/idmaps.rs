//! The id maps of the child's user namespace.

use holm_namespaces::IdMap;
use holm_namespaces::idmap::{self, IdMapper};
use holm_plan::IdMapWriter;

use crate::error::StepError;
use crate::steps::{ParentBench, StepResult};

/// Writes both; gids after setgroups(2) is denied where that is the price.
pub(crate) fn write(bench: &ParentBench<'_>, uids: &IdMap, gids: &IdMap, writer: IdMapWriter) -> StepResult {
    let child = bench.child()?;
    match writer {
        IdMapWriter::Parent => {
            idmap::write_uid_map(child, uids)?;
            idmap::write_gid_map(child, gids)?;
        }
        IdMapWriter::OwnId => {
            idmap::deny_setgroups(child)?;
            idmap::write_uid_map(child, uids)?;
            idmap::write_gid_map(child, gids)?;
        }
        IdMapWriter::Programs => {
            let programs =
                IdMapper::find().ok_or_else(|| StepError::new("newuidmap and newgidmap are gone"))?;
            programs.write_uid_map(child, uids).map_err(StepError::from)?;
            programs.write_gid_map(child, gids).map_err(StepError::from)?;
        }
    }
    Ok(())
}
