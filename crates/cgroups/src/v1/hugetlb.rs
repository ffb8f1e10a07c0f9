//! The hugetlb controller of version 1.

use crate::Result;
use crate::resources::{HugePageLimit, Unavailable, Writer};

/// Sets the limits: of what is used, and where the kernel has it (Linux 5.7) of what is reserved.
pub(crate) fn set(writer: &mut Writer<'_, '_>, limits: &[HugePageLimit]) -> Result<()> {
    for limit in limits {
        let value = limit.limit.to_string();
        writer.write(&format!("hugetlb.{}.limit_in_bytes", limit.page_size), &value)?;
        match writer.write(&format!("hugetlb.{}.rsvd.limit_in_bytes", limit.page_size), &value) {
            Err(error) if error.is_unavailable() => {}
            written => written?,
        }
    }
    Ok(())
}
