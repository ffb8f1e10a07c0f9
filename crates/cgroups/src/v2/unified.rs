//! `linux.resources.unified`: files of version 2 by name.

use std::collections::BTreeMap;

use crate::Result;
use crate::resources::Writer;

/// Writes those of one controller. A value of several lines is one write for each, as the kernel takes them.
pub(crate) fn set(
    writer: &mut Writer<'_, '_>,
    controller: &str,
    values: &BTreeMap<String, String>,
) -> Result<()> {
    let own = values.iter().filter(|(key, _)| key.split('.').next() == Some(controller));
    for (key, value) in own {
        for line in value.lines().filter(|line| !line.is_empty()) {
            writer.write(key, line)?;
        }
    }
    Ok(())
}
