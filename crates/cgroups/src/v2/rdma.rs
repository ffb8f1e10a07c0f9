//! The rdma controller, which is the same in both versions.

use std::collections::BTreeMap;

use crate::Result;
use crate::resources::{Rdma, Writer};

/// Sets the limits of each device.
pub(crate) fn set(writer: &mut Writer<'_, '_>, limits: &BTreeMap<String, Rdma>) -> Result<()> {
    for (device, limit) in limits {
        let words = [("hca_handle", limit.hca_handles), ("hca_object", limit.hca_objects)];
        let words: Vec<String> =
            words.iter().filter_map(|(name, value)| Some(format!("{name}={}", (*value)?))).collect();
        if !words.is_empty() {
            writer.write_keyed("rdma.max", device, &words.join(" "), "hca_handle=max hca_object=max")?;
        }
    }
    Ok(())
}
