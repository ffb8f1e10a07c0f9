//! The net_cls controller of version 1.

use crate::Result;
use crate::resources::Writer;

/// Sets the class of what the processes send.
pub(crate) fn set(writer: &mut Writer<'_, '_>, class: Option<u32>) -> Result<()> {
    class.map_or(Ok(()), |class| writer.write("net_cls.classid", &class.to_string()))
}
