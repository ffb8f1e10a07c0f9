//! A process that shares the memory of this one until it executes a program.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use super::{Errno, Pid, SIGCHLD, as_i32, index, number, result_of};

const CLONE_VM: usize = 0x100;
const CLONE_VFORK: usize = 0x4000;

/// The stack of the process: of its pages those are there that it touches.
#[repr(align(16))]
struct Stack(UnsafeCell<MaybeUninit<[u8; 32 << 10]>>);

// SAFETY: one process uses it at a time: who makes it stands still until it does not need it any more, and has no threads.
unsafe impl Sync for Stack {}

static STACK: Stack = Stack(UnsafeCell::new(MaybeUninit::uninit()));

/// Makes a process that does `run`, and waits until it has executed a program or ended (clone(2), `CLONE_VFORK`): a copy
/// of the memory would be made to be thrown away.
pub(crate) fn spawn<F: Fn() -> core::convert::Infallible>(run: &F) -> Result<Pid, Errno> {
    let top = STACK.0.get().wrapping_add(1).expose_provenance();
    // SAFETY: `top` is the aligned end of memory that is nobody else's. `run` and all that it refers to live until the
    // process does not need them any more, which is when the call comes back in this one, which stands still meanwhile.
    let child = unsafe { clone(top, enter::<F>, core::ptr::from_ref(run).cast()) }?;
    Ok(Pid(as_i32(child)))
}

/// # Safety
///
/// `run` points to an `F`.
unsafe extern "C" fn enter<F: Fn() -> core::convert::Infallible>(run: *const ()) -> ! {
    // SAFETY: by the contract.
    match unsafe { &*run.cast::<F>() }() {}
}

/// clone(2), whose child calls `enter` with `run` on the stack that ends at `top`.
///
/// # Safety
///
/// The stack is large enough, and nobody else's while the child uses it; `enter` may be called with `run`.
unsafe fn clone(top: usize, enter: unsafe extern "C" fn(*const ()) -> !, run: *const ()) -> Result<usize, Errno> {
    let flags = CLONE_VM | CLONE_VFORK | index(SIGCHLD);
    let result: isize;
    // SAFETY: the registers are those of the kernel's calling convention. This process goes on behind the label; the
    // child has a stack of its own, and leaves this frame alone, as `enter` does not come back.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f", "xor ebp, ebp", "mov rdi, r12", "call r13", "ud2", "2:",
             inlateout("rax") number::CLONE => result, in("rdi") flags, in("rsi") top, in("rdx") 0, in("r10") 0,
             in("r8") 0, in("r12") run, in("r13") enter, lateout("rcx") _, lateout("r11") _);
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        asm!("svc 0", "cbnz x0, 2f", "mov x29, #0", "mov x0, x20", "blr x21", "brk #1", "2:",
             in("x8") number::CLONE, inlateout("x0") flags => result, in("x1") top, in("x2") 0, in("x3") 0,
             in("x4") 0, in("x20") run, in("x21") enter);
    }
    result_of(result)
}
