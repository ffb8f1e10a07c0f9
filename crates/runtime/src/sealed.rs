//! Programs in memory that nobody can change.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use holm_sys::{Context, Errno, Result};
use rustix::fs::{self, MemfdFlags, SealFlags};

/// Nothing of the content, its length, or these seals themselves can be changed.
pub(crate) const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// A file in memory with that content, sealed and executable; memfd_create(2).
///
/// # Errors
///
/// `EACCES` where the sysctl vm.memfd_noexec is 2 (Linux 6.3); `ENOMEM`.
pub(crate) fn sealed(name: &str, mut content: impl Read) -> Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Before Linux 6.3 every file in memory could be executed, and nobody could say so.
    let memory = match fs::memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => fs::memfd_create(name, flags),
        result => result,
    };
    let mut file = File::from(memory.call(|| format!("memfd_create({name:?}, MFD_ALLOW_SEALING)"))?);
    std::io::copy(&mut content, &mut file).call(|| "write(memfd)")?;
    file.seek(SeekFrom::Start(0)).call(|| "lseek(memfd)")?;
    fs::fcntl_add_seals(&file, SEALS).call(|| "fcntl(memfd, F_ADD_SEALS)")?;
    Ok(file)
}
