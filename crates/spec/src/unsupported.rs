//! The sections of the specification that this version does not carry out. Each is refused by its name: a
//! container that starts without the limit or the filter that it was given is worse than one that does not start.

use oci_spec::runtime as oci;

use crate::Error;

/// Refuses the first one that is there.
pub(crate) fn refuse(config: &oci::Spec) -> Result<(), Error> {
    let sections = linux(config);
    match sections.into_iter().find(|(_, present)| *present) {
        Some((field, _)) => Err(Error::Unsupported { field: field.into() }),
        None => Ok(()),
    }
}

type Sections = Vec<(&'static str, bool)>;

fn linux(config: &oci::Spec) -> Sections {
    let Some(linux) = config.linux() else { return Vec::new() };
    vec![("linux.intelRdt", linux.intel_rdt().is_some())]
}
