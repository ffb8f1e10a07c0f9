//! bpf(2): programs that decide on the devices of a cgroup (`BPF_PROG_TYPE_CGROUP_DEVICE`, Linux 4.15).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::{Errno, Error, Result};

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_DETACH: libc::c_int = 9;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_PROG_QUERY: libc::c_int = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
const BPF_F_REPLACE: u32 = 1 << 2;

/// As many programs as one group may have (`BPF_CGROUP_MAX_PROGS`).
const MOST_PROGRAMS: u32 = 64;

/// One instruction (`struct bpf_insn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct BpfInstruction {
    /// What it does.
    pub code: u8,
    /// Its registers: the target in the lower half, the source in the upper.
    registers: u8,
    /// An offset in memory, or over how many instructions it jumps.
    pub offset: i16,
    /// A number.
    pub immediate: i32,
}

impl BpfInstruction {
    const fn new(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Self {
        Self { code, registers: (to & 0xf) | (from << 4), offset, immediate }
    }

    /// `to = *(u32 *)(from + offset)`.
    pub const fn load_word(to: u8, from: u8, offset: i16) -> Self {
        Self::new(0x61, to, from, offset, 0)
    }

    /// `to &= mask`, of 32 bits.
    pub const fn and(to: u8, mask: i32) -> Self {
        Self::new(0x54, to, 0, 0, mask)
    }

    /// `to >>= bits`, of 32 bits.
    pub const fn shift_right(to: u8, bits: i32) -> Self {
        Self::new(0x74, to, 0, 0, bits)
    }

    /// `to = value`, of 32 bits.
    pub const fn set(to: u8, value: i32) -> Self {
        Self::new(0xb4, to, 0, 0, value)
    }

    /// `to = from`, of 32 bits.
    pub const fn copy(to: u8, from: u8) -> Self {
        Self::new(0xbc, to, from, 0, 0)
    }

    /// A jump if `left != value`, of 32 bits; over how much: [`BpfInstruction::jump_over`].
    pub const fn jump_unless_equal(left: u8, value: i32) -> Self {
        Self::new(0x56, left, 0, 0, value)
    }

    /// A jump if `left == value`, of 32 bits.
    pub const fn jump_if_equal(left: u8, value: i32) -> Self {
        Self::new(0x16, left, 0, 0, value)
    }

    /// A jump if `left != right`, of 32 bits.
    pub const fn jump_unless_same(left: u8, right: u8) -> Self {
        Self::new(0x5e, left, right, 0, 0)
    }

    /// The end, with the answer in register 0.
    pub const fn exit() -> Self {
        Self::new(0x95, 0, 0, 0, 0)
    }

    /// Says over how many instructions this one jumps; one that does not jump stays as it is.
    pub fn jump_over(&mut self, count: usize) {
        if matches!(self.code, 0x56 | 0x16 | 0x5e) {
            self.offset = i16::try_from(count).unwrap_or(i16::MAX);
        }
    }

    /// Target and source.
    pub fn registers(&self) -> (usize, usize) {
        (usize::from(self.registers & 0xf), usize::from(self.registers >> 4))
    }
}

/// `union bpf_attr`, at its full size and more: kernels from 6.17 up to a fix in 7.2 write their answer to
/// `BPF_PROG_QUERY` past the end of a shorter one. What the kernel does not know of it has to be zero.
#[repr(C, align(8))]
struct Attributes([u8; 512]);

impl Attributes {
    fn new() -> Self {
        Self([0; 512])
    }

    fn put<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) -> &mut Self {
        if let Some(place) = self.0.get_mut(offset..offset + N) {
            place.copy_from_slice(&bytes);
        }
        self
    }

    fn number(&mut self, offset: usize, value: u32) -> &mut Self {
        self.put(offset, value.to_ne_bytes())
    }

    fn address<T>(&mut self, offset: usize, pointer: *const T) -> &mut Self {
        self.put(offset, (pointer.expose_provenance() as u64).to_ne_bytes())
    }

    fn fd(&mut self, offset: usize, fd: RawFd) -> &mut Self {
        self.put(offset, fd.to_ne_bytes())
    }

    fn get(&self, offset: usize) -> u32 {
        let bytes = self.0.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    }
}

/// Loads a program that decides on devices. The kernel checks that it ends and reads nothing that it may not.
///
/// # Errors
///
/// `EPERM` without CAP_BPF (Linux 5.8) or CAP_SYS_ADMIN, or above RLIMIT_MEMLOCK before Linux 5.11; `EINVAL` for a program
/// that the kernel does not take, or a kernel without these programs.
pub fn load_device_program(program: &[BpfInstruction]) -> Result<OwnedFd> {
    let license = c"Apache-2.0";
    let length = u32::try_from(program.len()).unwrap_or(u32::MAX);
    let mut attributes = Attributes::new();
    attributes
        .number(0, BPF_PROG_TYPE_CGROUP_DEVICE)
        .number(4, length)
        .address(8, program.as_ptr())
        .address(16, license.as_ptr());
    // SAFETY: the attributes point at the instructions, of which `length` says the number, and at a string that ends in a
    // NUL; both are live for the call, and the kernel only reads them.
    let fd = unsafe { call(BPF_PROG_LOAD, &mut attributes) }
        .map_err(|errno| Error::new(format!("bpf(BPF_PROG_LOAD, {length} instructions)"), errno))?;
    // SAFETY: the descriptor is new (the kernel opens it close-on-exec), so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Makes `program` the one that decides on the devices of a cgroup of version 2: in place of the one that is attached, or
/// beside and then instead of several. There is no moment without any.
///
/// # Errors
///
/// `EPERM` without CAP_NET_ADMIN or CAP_SYS_ADMIN, or where a group above allows no other.
pub fn attach_device_program(group: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<()> {
    let before = attached(group)?;
    let replaced = match before.as_slice() {
        [only] => program_by_id(*only).ok(),
        _ => None,
    };
    let flags = if replaced.is_some() { BPF_F_ALLOW_MULTI | BPF_F_REPLACE } else { BPF_F_ALLOW_MULTI };
    let mut attributes = Attributes::new();
    attributes
        .fd(0, group.as_raw_fd())
        .fd(4, program.as_raw_fd())
        .number(8, BPF_CGROUP_DEVICE)
        .number(12, flags)
        .fd(16, replaced.as_ref().map_or(0, AsRawFd::as_raw_fd));
    // SAFETY: these attributes have numbers and descriptors alone in them.
    unsafe { call(BPF_PROG_ATTACH, &mut attributes) }.map_err(|errno| {
        Error::new(format!("bpf(BPF_PROG_ATTACH, {}, BPF_CGROUP_DEVICE)", group.as_raw_fd()), errno)
    })?;
    if replaced.is_none() {
        for id in before {
            detach(group, id)?;
        }
    }
    Ok(())
}

/// The ids of the programs that are attached to the group itself.
fn attached(group: BorrowedFd<'_>) -> Result<Vec<u32>> {
    let mut ids = [0_u32; MOST_PROGRAMS as usize];
    let mut attributes = Attributes::new();
    attributes.fd(0, group.as_raw_fd()).number(4, BPF_CGROUP_DEVICE);
    attributes.put(16, (ids.as_mut_ptr().expose_provenance() as u64).to_ne_bytes());
    attributes.number(24, MOST_PROGRAMS);
    // SAFETY: the attributes point at room for MOST_PROGRAMS ids, which is live and borrowed for writing during the call;
    // the kernel writes no more than the number that it is given.
    unsafe { call(BPF_PROG_QUERY, &mut attributes) }.map_err(|errno| {
        Error::new(format!("bpf(BPF_PROG_QUERY, {}, BPF_CGROUP_DEVICE)", group.as_raw_fd()), errno)
    })?;
    let count = usize::try_from(attributes.get(24)).unwrap_or(0);
    Ok(ids.iter().take(count).copied().collect())
}

fn program_by_id(id: u32) -> Result<OwnedFd> {
    let mut attributes = Attributes::new();
    attributes.number(0, id);
    // SAFETY: these attributes have numbers alone in them.
    let fd = unsafe { call(BPF_PROG_GET_FD_BY_ID, &mut attributes) }
        .map_err(|errno| Error::new(format!("bpf(BPF_PROG_GET_FD_BY_ID, {id})"), errno))?;
    // SAFETY: the descriptor is new (the kernel opens it close-on-exec), so nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn detach(group: BorrowedFd<'_>, id: u32) -> Result<()> {
    let program = program_by_id(id)?;
    let mut attributes = Attributes::new();
    attributes.fd(0, group.as_raw_fd()).fd(4, program.as_raw_fd()).number(8, BPF_CGROUP_DEVICE);
    // SAFETY: these attributes have numbers and descriptors alone in them.
    unsafe { call(BPF_PROG_DETACH, &mut attributes) }.map(|_| ()).map_err(|errno| {
        Error::new(format!("bpf(BPF_PROG_DETACH, {}, program {id})", group.as_raw_fd()), errno)
    })
}

/// The call itself; an answer that is no error is 0 or a descriptor. EAGAIN: a signal came in while the kernel checked a
/// program.
///
/// # Safety
///
/// What the attributes point at must be live, and as large as they say.
unsafe fn call(command: libc::c_int, attributes: &mut Attributes) -> std::result::Result<RawFd, Errno> {
    for _ in 0..5 {
        // SAFETY: the attributes are live and borrowed for writing, and their true size is given; for what they point at,
        // the caller answers.
        let result = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                command,
                attributes.0.as_mut_ptr(),
                std::mem::size_of::<Attributes>(),
            )
        };
        match RawFd::try_from(result) {
            Ok(fd) if fd >= 0 => return Ok(fd),
            _ => {}
        }
        let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL);
        if errno != Errno::AGAIN {
            return Err(errno);
        }
    }
    Err(Errno::AGAIN)
}
