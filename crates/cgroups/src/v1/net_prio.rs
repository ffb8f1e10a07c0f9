//! The net_prio controller of version 1.

use std::collections::BTreeMap;

use crate::Result;
use crate::resources::Writer;

/// Sets the priority of what the processes send, by interface.
pub(crate) fn set(writer: &mut Writer<'_, '_>, priorities: &BTreeMap<String, u32>) -> Result<()> {
    priorities.iter().try_for_each(|(interface, priority)| {
        writer.write_keyed("net_prio.ifpriomap", interface, &priority.to_string(), "0")
    })
}
